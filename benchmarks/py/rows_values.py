# SPDX-License-Identifier: MIT
"""The figures' rows of values: stores, loads, arrays, raw bytes and text, properties, views."""

from __future__ import annotations

from case import POINTERS, Case
from peers import (
    ARRAY,
    CALL,
    CALLED,
    CAST,
    COPY,
    COPY_16,
    CTYPE,
    DECODE,
    FILLED,
    FORMAT,
    MIB,
    READ,
    REPR,
    SET_STRING,
    SIZEOF,
    SLICE,
    STEP,
    STRING,
    TEXT,
    WRITE,
)
from rows import NANOSECOND, Row, row

VALUES = {"int": "12345", "float": "1.5", "11-char str": "'hello world'", "bytes": "b'hello world'"}
ONE = f"{POINTERS}\nptr = malloc(64).move({{}})"
INT = ONE.format(12345)
PART = f"{INT}\npart = ptr.slice(0, 32)"
MANY = f"{POINTERS}\narray = calloc(1000, 28)\narray[:] = range(1000)\nslot = array[3]"
RAW = f"{POINTERS}\nptr, data = malloc({MIB}), bytes({MIB})"
SMALL = (
    f"{POINTERS}\nptr, data, text = malloc(64), bytes(16), 'hello world'\nptr.write_string(text)"
)
HELD = f"{POINTERS}\nheld = [1, 2]\nptr = malloc(64).move(held)"
SLOTS = f"{POINTERS}\nvalues, array = [{{}}] * 1000, calloc(1000, 64)\narray[:] = values"
MEMORY = (
    "from pointers import malloc, memcmp, memcpy, memmove, memset\n"
    "a, b, data = malloc(64), malloc(64), bytes(64)\n"
    "part, other = a.slice(8, 32), b.slice(0, 32)"
)
C = f"{INT}\nimport ctypes\nints, strlen = ctypes.c_int * 4, ctypes.CDLL(None).strlen"
HALF = (0.6, 0.5)

PROPERTIES = [
    *(
        row(f"ptr.{name}", f"ptr.{name}", f".{name}", ARRAY, HALF, INT)
        for name in (
            "address",
            "size",
            "capacity",
            "offset",
            "freed",
            "alignment",
            "assigned",
            "allocator",
        )
    ),
    *(
        row(f"array.{name}", f"array.{name}", f".{name}", ARRAY, HALF, MANY)
        for name in ("count", "slot_size")
    ),
    row("slot.index", "slot.index", ".index ArraySlotPointer", ARRAY, HALF, MANY),
    row("len(array)", "len(array)", ".__len__", ARRAY, HALF, MANY),
    row("int(ptr)", "int(ptr)", ".__int__", ARRAY, HALF, INT),
    row("hash(ptr)", "hash(ptr)", ".__hash__", ARRAY, HALF, INT),
    *(
        row(act, act, covers, ARRAY, (0.6, 0.6), INT + "\nother = ptr + 8")
        for act, covers in (
            ("ptr == other", ".__eq__ Pointer"),
            ("ptr < other", ".__lt__"),
            ("other - ptr", ".__sub__"),
        )
    ),
    row("ptr + 8", "ptr + 8", ".__add__", ARRAY, (1, 2), INT),
    row("ptr[8]", "ptr[8]", ".__getitem__", ARRAY, (1, 2), INT),
    row("repr(ptr)", "repr(ptr)", ".__repr__", REPR, (1, 2), INT),
    row("str(ptr)", "str(ptr)", ".__str__", TEXT, (2, 2), INT),
    row("f'{ptr:x}'", "f'{ptr:x}'", ".__format__", FORMAT, (2, 2), INT),
    row("sizeof(12345)", "sizeof(12345)", "sizeof", SIZEOF, (1, 2), POINTERS),
]
STORES = [
    *(
        row(
            f"store {kind}",
            f"nonlocal ptr; ptr <<= {value}",
            ".__ilshift__",
            ARRAY,
            (0.9, 1.2),
            ONE.format(value),
        )
        for kind, value in VALUES.items()
    ),
    *(
        row(f"load {kind}", "~ptr", ".__invert__", ARRAY, (0.9, 1.2), ONE.format(value))
        for kind, value in VALUES.items()
    ),
    row("ptr.move(12345)", "ptr.move(12345)", ".move", ARRAY, (0.9, 1.2), INT),
    row("ptr.dereference()", "ptr.dereference()", ".dereference", ARRAY, (0.9, 1.2), INT),
    row(
        "unsafe store of an int", "nonlocal ptr; ptr ^= 12345", ".__ixor__", ARRAY, (0.9, 1.2), INT
    ),
    row("store a list", "nonlocal ptr; ptr <<= held", ".__ilshift__", ARRAY, (0.6, 4), HELD),
    row("load a list", "~ptr", ".__invert__", ARRAY, (0.6, 2), HELD),
    Row(
        Case("load a str of 1,000", "~ptr", f"{POINTERS}\nptr = malloc(2000).move('x' * 1000)"),
        (1.5, ARRAY),
        (1.3, DECODE),
        (".__invert__",),
    ),
    row("(*ptr,)", "(*ptr,)", ".__iter__", ARRAY, (1.4, 2), INT),
]
ARRAYS = [
    *(
        row(
            f"{name} {act}, each",
            code,
            covers,
            ARRAY,
            goals[act == "out"],
            SLOTS.format(value),
            1000,
        )
        for name, value, goals in (
            ("lists", "[]", ((0.6, 3), (0.5, 2))),
            ("texts", "'hello'", ((0.8, 2.5), (0.8, 2.5))),
            ("floats", "1.5", ((0.4, 1.5), (0.4, 1.5))),
        )
        for act, code, covers in (
            ("in", "array[:] = values", ".__setitem__"),
            ("out", "array.tolist()", ".tolist"),
        )
    ),
    row(
        "store by enumerate(array), each",
        "for i, p in enumerate(array): p <<= i",
        ".__iter__",
        ARRAY,
        (2, 1.5),
        MANY,
        1000,
    ),
    *(
        Row(Case(f"{act}, each", act, MANY, "", 1000), (goal, CALL), (10, NANOSECOND), (covers,))
        for act, covers, goal in (
            ("array[:] = range(1000)", ".__setitem__", 1.5),
            ("array.tolist()", ".tolist", 1),
        )
    ),
    row("array.fill(12345), each", "array.fill(12345)", ".fill", FILLED, (5, 5), MANY, 1000),
    row("array[3]", "array[3]", ".__getitem__", ARRAY, (1, 2), MANY),
    row("array[3] = 12345", "array[3] = 12345", ".__setitem__", ARRAY, (0.9, 1.2), MANY),
    row("array[3] <<= 12345", "array[3] <<= 12345", ".__ilshift__", ARRAY, (2, 3), MANY),
    row("~array[3]", "~array[3]", ".__invert__", ARRAY, (2, 3), MANY),
    row("array[10:20], each", "array[10:20]", ".__getitem__", SLICE, (1, 2), MANY, 10),
]
BYTES = [
    *(
        row(call, call, call.partition("(")[0], COPY_16, (0.5, 0.5), MEMORY)
        for call in (
            "memcpy(a, b, 16)",
            "memcpy(a, data, 16)",
            "memmove(a, b, 16)",
            "memset(a, 0, 16)",
            "memcmp(a, b, 16)",
            "memcpy(part, other, 16)",
            "memset(part, 0, 16)",
        )
    ),
    row("ptr.read(16)", "ptr.read(16)", ".read", READ, (1, 2), SMALL),
    row("bytes(ptr)", "bytes(ptr)", ".__bytes__", READ, (1.5, 2), SMALL),
    row("ptr.write(16 bytes)", "ptr.write(data)", ".write", WRITE, (1, 2), SMALL),
    row("ptr.string()", "ptr.string()", ".string", STRING, (1, 2), SMALL),
    row(
        "ptr.write_string(text)",
        "ptr.write_string(text)",
        ".write_string",
        SET_STRING,
        (1, 2),
        SMALL,
    ),
    row("read 1 MiB", "ptr.read()", ".read", COPY, (1 / 0.95, 1 / 0.95), RAW),
    row("write 1 MiB", "ptr.write(data)", ".write", COPY, (1 / 0.95, 1 / 0.95), RAW),
    *(
        row(f"ptr.view({kind!r})", f"ptr.view({kind!r})", ".view", CAST, (1, 5), INT)
        for kind in ("B", "i", "d", "q")
    ),
    row("ptr.cast(c_int * 4)", "ptr.cast(ints)", ".cast", CTYPE, (2, 2), C),
    row("strlen(ptr)", "strlen(ptr)", "._as_parameter_", CALLED, (2.2, 1.1), C),
    row("ptr.readonly()", "ptr.readonly()", ".readonly", STEP, (1.2, 1.2), INT),
    row("ptr.slice(8, 16)", "ptr.slice(8, 16)", ".slice SlicePointer", STEP, (1.2, 1.2), INT),
    row("~slice (int)", "~part", "SlicePointer", ARRAY, (0.9, 1.2), PART),
    row("slice.move(int)", "part.move(12345)", "SlicePointer", ARRAY, (0.9, 1.2), PART),
]
ROWS = [*PROPERTIES, *STORES, *ARRAYS, *BYTES]
