# SPDX-License-Identifier: MIT
"""Arguments of C functions and ctypes objects that cannot be had: refused, nothing is pinned."""

from pathlib import Path

import pytest
from _misuse import NOTHING, Case, cases, check_table, in_modes, tables

pytest.importorskip("ctypes")

BEFORE = """
import ctypes
strlen = ctypes.CDLL(None).strlen
typed = ctypes.CDLL(None).strlen
typed.argtypes = [ctypes.c_void_p]
class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double)]
class Either(ctypes.Union):
    _fields_ = [("number", ctypes.c_longlong), ("bytes", ctypes.c_char * 24)]
class Holder(ctypes.Structure):
    _fields_ = [("thing", ctypes.py_object)]
"""
LIVE = f"{BEFORE}p = malloc(16); p.write(b'0123456789abcde' + bytes(1))"
# The block can be freed: what was refused holds no pin
SAME = """
assert p.read() == b'0123456789abcde' + bytes(1)
free(p)
"""

CALLS = {
    "no argtypes": "strlen(p)",
    "argtypes": "typed(p)",
    "method": "strlen.argtypes = [ctypes.c_char_p]; strlen(p)",
}
CASTS = {
    "int": "p.cast(ctypes.c_int)",
    "array": "p.cast(ctypes.c_char * 4)",
    "nothing": "p.cast(ctypes.c_char * 0)",
    "structure": "p.cast(Point)",
}

# Where `free(p)` or the end of a stack function leaves `p` dead
DEAD = {
    "owner": "p = malloc(64); free(p)",
    "alias": "ptr = malloc(64); p = ptr + 8; free(ptr)",
    "slot": "array = calloc(4, 16); p = array[2]; free(array)",
    "array": "p = calloc(4, 16); free(p)",
    "stack": "p = acquire_stack_alloc(64)(lambda s: s)",
}

TABLES = {
    "dead": [
        case
        for name, make in DEAD.items()
        for case in cases(
            f"cast of a dead {name}",
            CASTS,
            "FreedMemoryError",
            "the memory was freed",
            before=f"{BEFORE}{make}",
            after="assert p.freed",
        )
    ],
    "dead arguments": [
        case
        for name, make in DEAD.items()
        for case in cases(
            f"argument of a dead {name}",
            {
                call: f"try:\n    {act}\nexcept (FreedMemoryError, ctypes.ArgumentError, "
                "BufferError):\n    pass\nelse:\n    assert False, 'it was passed'"
                for call, act in CALLS.items()
            },
            NOTHING,
            before=f"{BEFORE}{make}",
            after="assert p.freed",
        )
    ],
    "casts": [
        *cases(
            "too large",
            [
                "p.cast(ctypes.c_int * 5)",
                "(p + 8).cast(Point)",
                "p.cast(Either)",
                "(p + 16).cast(ctypes.c_char)",
                "p.cast(ctypes.c_char * 2**40)",
            ],
            "InvalidSizeError",
            r"takes \d+ bytes, but there are only \d+ here",
            before=LIVE,
            after=SAME,
        ),
        *cases(
            "unaligned",
            ["(p + 1).cast(ctypes.c_int)", "(p + 4).cast(ctypes.c_double)"],
            "ValueError",
            "needs an address that is a multiple of",
            before=LIVE,
            after=SAME,
        ),
        *cases(
            "no type of ctypes",
            [
                "p.cast(int)",
                "p.cast(ctypes.c_int(1))",
                "p.cast('i')",
                "p.cast(None)",
                "p.cast([])",
                "p.cast(ctypes.Structure)",
                "p.cast(ctypes.Array)",
                "p.cast(ctypes.POINTER(ctypes.c_int))",
                "p.cast(ctypes.CFUNCTYPE(None))",
                "p.cast(ctypes.c_char_p)",
                "p.cast(ctypes.py_object)",
                "p.cast(Holder)",
                "p.cast(Holder * 0)",
            ],
            "TypeError",
            before=LIVE,
            after=SAME,
        ),
        *cases(
            "read-only",
            [*(act.replace("p.", "p.readonly().") for act in CASTS.values())],
            "ReadOnlyError",
            before=LIVE,
            after=SAME,
        ),
        *cases(
            "stack memory",
            {name: f"acquire_stack_alloc(64)(lambda p: {act})" for name, act in CASTS.items()},
            "BufferError",
            "stack memory",
            before=BEFORE,
        ),
    ],
    "pinned": [
        *cases(
            "kept",
            ["free(p)", "p.free()", "realloc(p, 8)", "p.release()", "with p: pass"],
            "BufferError",
            "in use by a view",
            before=f"{LIVE}; kept = p.cast(ctypes.c_char * 16)",
            after=f"kept[0] = b'0'; del kept; gc.collect(); {SAME.strip()}",
        ),
        *cases(
            "kept argument",
            ["free(p)", "realloc(p, 8)"],
            "BufferError",
            "in use by a view",
            before=f"{LIVE}; kept = p._as_parameter_",
            after=f"kept[0] = b'0'; del kept; gc.collect(); {SAME.strip()}",
        ),
        *cases(
            "free in a callback",
            {
                "free": "errors = []\n"
                "Compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)\n"
                "def compare(a, b):\n"
                "    try:\n"
                "        free(p)\n"
                "    except BufferError as error:\n"
                "        errors.append(str(error))\n"
                "    return 0\n"
                "ctypes.CDLL(None).qsort(p, 4, 4, Compare(compare))\n"
                "assert errors and not p.freed, errors\n",
            },
            NOTHING,
            before=LIVE,
            after=SAME,
        ),
    ],
}


@in_modes
@tables(TABLES)
def test_arguments(table: "list[Case]", mode: str, tmp_path: Path) -> None:
    check_table(table, mode, tmp_path)
