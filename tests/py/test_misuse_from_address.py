# SPDX-License-Identifier: MIT
"""Addresses, sizes and functions that `from_address` refuses: nothing is freed or kept."""

from pathlib import Path

import pytest
from _misuse import Case, cases, check_table, in_modes, tables

pytest.importorskip("ctypes")

BEFORE = """
import ctypes, weakref
from _foreign import Buffer
from pointers._ffi import ffi
buffer = Buffer()
here = buffer.address
top = min(2 * (sys.maxsize + 1), 2**63)
class Bad:
    def __index__(self):
        raise LookupError("no number")
class Thing:
    def method(self, address):
        pass
thing = Thing()
"""
# None of it has freed or changed the memory
UNUSED = """
assert buffer.freed == []
assert buffer.array.raw == bytes(64)
"""

TABLES = {
    "from_address": [
        *cases(
            "an address",
            [
                "from_address(-1, 8)",
                "from_address(-here, 8)",
                "from_address(-2**64, 8)",
                "from_address(top, 8)",
                "from_address(top, 0)",
                "from_address(2**64, 8)",
                "from_address(2**64 + here, 8)",
                "from_address(2**200, 8)",
            ],
            "ValueError",
            r"address is -?\d+: it must be from 1 to",
            before=BEFORE,
            after=UNUSED,
        ),
        *cases(
            "NULL",
            ["from_address(0, 8)", "from_address(0, 0)", "from_address(False, 8)"],
            "ValueError",
            "NULL",
            before=BEFORE,
            after=UNUSED,
        ),
        *cases(
            "no address",
            [
                f"from_address({what}, 8)"
                for what in ("None", "'8'", "8.0", "b'8'", "buffer.array", "buffer", "[]")
            ]
            + ["from_address(ctypes.c_void_p(here), 8)", "from_address(ours, 8)"],
            "TypeError",
            "address must be an int",
            before=f"{BEFORE}ours = malloc(8)",
            after=UNUSED,
        ),
        *cases(
            "a size",
            ["from_address(here, -1)", "from_address(here, -2**64)"],
            "ValueError",
            "negative",
            before=BEFORE,
            after=UNUSED,
        ),
        *cases(
            "a size of no block",
            [f"from_address(here, {size})" for size in ("2**63", "2**64", "2**64 + 8", "2**200")],
            "AllocationError",
            before=BEFORE,
            after=UNUSED,
        ),
        *cases(
            "no size",
            [f"from_address(here, {size})" for size in ("None", "'8'", "8.0", "[]", "buffer")],
            "TypeError",
            "size must be an int",
            before=BEFORE,
            after=UNUSED,
        ),
        *cases(
            "a range that wraps",
            [
                "from_address(top - 8, 8)",
                "from_address(top - 1, 1)",
                "from_address(here, top - here)",
                "from_address(1, top - 1)",
            ],
            "ValueError",
            "beyond the address space",
            before=BEFORE,
            after=UNUSED,
        ),
        *cases(
            "numbers that raise",
            ["from_address(Bad(), 8)", "from_address(here, Bad())"],
            "LookupError",
            "no number",
            before=BEFORE,
            after=UNUSED,
        ),
        *cases(
            "a keepalive that goes",
            [
                f"from_address(here, 8, keepalive=weakref.{what})"
                for what in (
                    "ref(thing)",
                    "proxy(thing)",
                    "proxy(Thing)",
                    "WeakMethod(thing.method)",
                )
            ],
            "TypeError",
            "keepalive is a weak reference, which keeps nothing: pass the object",
            before=BEFORE,
            after=UNUSED,
        ),
        *cases(
            "a free that goes",
            [
                f"from_address(here, 8, free=weakref.{what})"
                for what in ("ref(thing)", "proxy(Thing)", "WeakMethod(thing.method)")
            ],
            "TypeError",
            "free is a weak reference",
            before=BEFORE,
            after=UNUSED,
        ),
        *cases(
            "a free that is no function",
            [
                f"from_address(here, 8, free={what})"
                for what in (
                    "5",
                    "0",
                    "'free'",
                    "[]",
                    "thing",
                    "here",
                    "ctypes.c_void_p(here)",
                    "buffer.array",
                    "ffi.NULL",
                    "ffi.cast('void *', here)",
                    "ffi.new('int *')",
                    "ctypes.pointer(buffer.array)",
                )
            ],
            "TypeError",
            "free must be a function",
            before=BEFORE,
            after=UNUSED,
        ),
        *cases(
            "a free of other arguments",
            [
                "from_address(here, 8, free=ctypes.CFUNCTYPE(None)(print))",
                "from_address(here, 8, free=ctypes.CFUNCTYPE(None, *[ctypes.c_int] * 2)(print))",
                "from_address(here, 8, free=ffi.cast('void (*)(void)', here))",
                "from_address(here, 8, free=ffi.cast('void (*)(void *, int)', here))",
            ],
            "TypeError",
            "free must take one argument, the address, and not",
            before=BEFORE,
            after=UNUSED,
        ),
        *cases(
            "a free that is NULL",
            [
                "from_address(here, 8, free=ctypes.CFUNCTYPE(None, ctypes.c_void_p)(0))",
                "from_address(here, 8, free=ctypes.CFUNCTYPE(None, ctypes.c_void_p)())",
                "from_address(here, 8, free=ffi.cast('void (*)(void *)', 0))",
            ],
            "ValueError",
            "free is NULL",
            before=BEFORE,
            after=UNUSED,
        ),
    ],
}


@in_modes
@tables(TABLES)
def test_from_address(table: "list[Case]", mode: str, tmp_path: Path) -> None:
    check_table(table, mode, tmp_path)
