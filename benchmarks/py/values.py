# SPDX-License-Identifier: MIT
"""Values in memory: stores and loads by type, and arrays."""

from __future__ import annotations

from case import POINTERS, THIS, Case

#: Places for one C number: how each is made, of 8 bytes and a format of `struct`.
_PLACES = (
    (
        "bytearray and struct",
        "put(place, 0, value)",
        "get(place, 0)[0]",
        "",
        """
import struct
place = bytearray(8)
put, get = struct.Struct({format!r}).pack_into, struct.Struct({format!r}).unpack_from
""",
    ),
    (
        "memoryview",
        "place[0] = value",
        "place[0]",
        "",
        "place = memoryview(bytearray(8)).cast({format!r})",
    ),
    (
        "ctypes",
        "place.value = value",
        "place.value",
        "",
        "import ctypes\nplace = ctypes.{ctypes}()",
    ),
    (
        "cffi",
        "place[0] = value",
        "place[0]",
        "cffi",
        "import cffi\nplace = cffi.FFI().new('{c} *')",
    ),
    (
        "mmap and struct",
        "put(place, 0, value)",
        "get(place, 0)[0]",
        "mmap",
        """
import mmap, struct
place = mmap.mmap(-1, 4096)
put, get = struct.Struct({format!r}).pack_into, struct.Struct({format!r}).unpack_from
""",
    ),
    (
        "array.array",
        "place[0] = value",
        "place[0]",
        "",
        "from array import array\nplace = array({format!r}, [0])",
    ),
    (
        "numpy",
        "place[0] = value",
        "place[0]",
        "numpy",
        "import numpy\nplace = numpy.zeros(1, {format!r})",
    ),
)
_NUMBERS = {
    "int": ("12345", {"format": "q", "ctypes": "c_int64", "c": "int64_t"}),
    "float": ("1.5", {"format": "d", "ctypes": "c_double", "c": "double"}),
}
STORED = {
    **{name: value for name, (value, _) in _NUMBERS.items()},
    "int of 200 bits": "2**200 + 1",
    "bool": "True",
    "None": "None",
    "complex": "1.5 - 2.5j",
    "bytes of 11": "b'hello world'",
    "bytes of 4096": "b'x' * 4096",
    "str of 11 ASCII": "'hello world'",
    "str of 11 wide": "'h\\u00e9llo \\u4e16\\u754c \\U0001f40d!'",
    "list (by reference)": "[1, 2, 3]",
}
_BYTES = (
    ("bytearray", "place[:] = value", "bytes(place)", "", "place = bytearray(value)"),
    (
        "ctypes buffer",
        "place.raw = value",
        "place.raw",
        "",
        "import ctypes\nplace = ctypes.create_string_buffer(value, len(value))",
    ),
    (
        "cffi",
        "buffer[:] = value",
        "bytes(buffer)",
        "cffi",
        """
import cffi
ffi = cffi.FFI()
place = ffi.new("char[]", len(value))
buffer = ffi.buffer(place)
""",
    ),
    (
        "mmap",
        "place[:size] = value",
        "place[:size]",
        "mmap",
        "import mmap\nplace, size = mmap.mmap(-1, 4096), len(value)",
    ),
)


def storing(kind: str, *, load: bool) -> list[Case]:
    """Put a value into memory, or get it out."""
    value = f"value = {STORED[kind]}\n"
    own = f"{POINTERS}\nplace = malloc(sizeof(value)); store = place.move; store(value)"
    found = [Case(THIS, "~place" if load else "store(value)", value + own)]
    if kind in _NUMBERS:
        names = _NUMBERS[kind][1]
        for name, put, get, needs, setup in _PLACES:
            ready = value + setup.format(**names)
            found.append(Case(name, get if load else put, ready, needs))
    if kind.startswith("bytes"):
        for name, put, get, needs, setup in _BYTES:
            found.append(Case(name, get if load else put, value + setup, needs))
    return found


_ARRAYS = (
    (THIS, f"{POINTERS}\narray = calloc(1000, 28); array[:] = values", "array[:] = values",
     "array.tolist()", "array[500] = 7", "~array[500]", ""),
    ("list", "array = list(values)", "array[:] = values", "array[:]", "array[500] = 7",
     "array[500]", ""),
    ("array.array", "from array import array as make\narray = make('q', values)",
     "array[:] = make('q', values)", "array.tolist()", "array[500] = 7", "array[500]", ""),
    ("ctypes", "import ctypes\narray = (ctypes.c_int64 * 1000)(*values)", "array[:] = values",
     "array[:]", "array[500] = 7", "array[500]", ""),
    ("cffi", "import cffi\nffi = cffi.FFI()\narray = ffi.new('int64_t[]', values)",
     "array[0:1000] = values", "ffi.unpack(array, 1000)", "array[500] = 7", "array[500]", "cffi"),
    ("numpy", "import numpy\narray = numpy.array(values)", "array[:] = values", "array.tolist()",
     "array[500] = 7", "array[500]", "numpy"),
)  # fmt: skip


def arrays(what: int) -> list[Case]:
    """Use an array of 1000 ints: 0 stores all, 1 loads all, 2 stores one, 3 loads one."""
    values = "values = list(range(1000, 2000))\n"
    return [
        Case(name, statements[what], values + setup, needs)
        for name, setup, *statements, needs in _ARRAYS
    ]
