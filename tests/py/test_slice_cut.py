# SPDX-License-Identifier: MIT
"""Slices that realloc() has cut, also in the middle of an operation on them."""

from __future__ import annotations

import ctypes
import sys
from typing import Any, Callable

import pytest

from pointers import (
    FreedMemoryError,
    InvalidSizeError,
    malloc,
    memcmp,
    memcpy,
    memmove,
    memset,
    realloc,
)

SIZE = 64


BYTES = bytes(range(SIZE))


class Index:
    def __init__(self, number: int, act: Callable[[], object]) -> None:
        self.number, self.act = number, act

    def __index__(self) -> int:
        self.act()
        return self.number


@pytest.mark.parametrize("of_slice", [False, True])
def test_a_number_that_shrinks_the_block_makes_no_cut_slice(of_slice: bool) -> None:
    for make in (
        lambda ptr, shrink: ptr.slice(Index(8, shrink), 16),
        lambda ptr, shrink: ptr.slice(8, Index(16, shrink)),
        lambda ptr, shrink: ptr.slice(start=Index(8, bool), size=Index(16, shrink)),
    ):
        root = malloc(64)
        ptr: Any = root.slice(0, 32) if of_slice else root
        made: Any = make(ptr, lambda root=root: root.realloc(32))
        assert made.read() == bytes(16)
        with pytest.raises(InvalidSizeError, match=r"24 bytes|only 20"):
            make(ptr, lambda root=root: root.realloc(20))
        root.realloc(64)
        with pytest.raises(FreedMemoryError):
            make(ptr, root.free)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="classes have no buffers before 3.12")
def test_a_buffer_that_cuts_the_slice_makes_the_call_fail() -> None:
    class Shrinks:
        def __buffer__(self, _flags: int) -> memoryview:
            ptr.realloc(20)
            return memoryview(bytes(16))

    for call in (memcpy, memmove, memcmp):
        ptr = malloc(64)
        with pytest.raises(InvalidSizeError):
            call(ptr.slice(8, 16), Shrinks(), 8)
        assert ptr.read() == bytes(20)
        ptr.free()


def test_a_slice_cut_by_a_shrink_refuses_all_until_the_block_grows() -> None:
    ptr = malloc(64)
    ptr.write(BYTES)
    part = ptr.slice(8, 16)
    whole, later = ptr.slice(0, 20), part + 12
    realloc(ptr, 23)
    operations: list[Callable[[Any], Any]] = [
        lambda p: p.size,
        lambda p: p.capacity,
        lambda p: p.read(0),
        bytes,
        lambda p: p.write(b""),
        lambda p: p.view(),
        lambda p: p._as_parameter_,
        lambda p: p.cast(ctypes.c_char),
        lambda p: p.string(),
        lambda p: p.move(None),
        lambda p: ~p,
        lambda p: [*p],
        lambda p: p + 0,
        lambda p: p - 1,
        lambda p: p[0],
        lambda p: p.slice(0, 0),
        lambda p: memset(p, 0, 0),
        lambda p: memcpy(p, b"", 0),
        lambda p: memcpy(ptr, p, 0),
        lambda p: memcmp(p, ptr, 0),
        lambda p: memcmp(ptr, p, 0),
    ]
    for cut in (part, later):
        for operation in operations:
            with pytest.raises(InvalidSizeError, match=r"offset 8 to 24.* only 23 bytes"):
                operation(cut)
        assert "cut" in repr(cut) and not cut.freed and not cut.assigned
    assert whole.read() == BYTES[:20]
    # Growth adds zeros, and the slice can be used again
    realloc(ptr, 24)
    assert part.read() == BYTES[8:23] + b"\0"
    ptr.free()
    for operation in operations:
        with pytest.raises(FreedMemoryError):
            operation(part)
    assert part.freed and repr(part) == "<SlicePointer, freed>"
