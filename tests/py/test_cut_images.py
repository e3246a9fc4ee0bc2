# SPDX-License-Identifier: MIT
"""A change of size that would cut an object: no load returns a value that was never stored."""

from __future__ import annotations

from typing import Any

import pytest

from pointers import (
    AllocatedPointer,
    CorruptObjectError,
    DereferenceError,
    InvalidSizeError,
    calloc,
    malloc,
    memcpy,
    memset,
    realloc,
    sizeof,
)

VALUES: list[Any] = [
    None, True, 0, 1, -(2**40), 2**200, 1.1, 1.5 - 2j, b"", b"bytes\0",
    "", "text", "\xe9", "\u0107", "\U00010307!", [],
]  # fmt: skip
OFFSETS = [0, 1, 16, 27]
PRTS = b"STRP" * 9  # nearly the mark of an image, "PTRS"

Pointer = AllocatedPointer[Any]


def cases() -> list[tuple[Any, int]]:
    return [(value, offset) for value in VALUES for offset in OFFSETS]


@pytest.mark.parametrize(("value", "offset"), cases(), ids=repr)
def test_realloc_never_cuts_an_object_at_any_offset(value: Any, offset: int) -> None:
    end = offset + sizeof(value)
    for size in range(offset + (offset > 0), end):
        with malloc(160) as p:
            p.write(PRTS)
            (p + offset).move(value)
            before = p.read()
            with pytest.raises(InvalidSizeError, match=f"offset {offset} does not fit into {size}"):
                realloc(p, size)
            assert p.size == 160
            assert p.read() == before
            assert ~(p + offset) == value
            realloc(p, end)
            assert ~(p + offset) == value


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_an_object_behind_the_new_end_is_gone_for_ever(value: Any) -> None:
    with malloc(160) as p:
        q = p + 40
        q <<= value
        realloc(p, 40)
        with pytest.raises(DereferenceError):
            ~q
        realloc(p, 160)
        with pytest.raises(DereferenceError):
            ~q
        assert p.read() == bytes(160)


def test_memset_clears_the_image_that_keeps_realloc_from_cutting() -> None:
    with malloc(64) as p:
        q = p + 16
        q <<= 1.1
        with pytest.raises(InvalidSizeError, match=r"memset\(\)"):
            realloc(p, 34)
        memset(q, 0, 24)
        realloc(p, 34)
        assert p.size == 34


@pytest.mark.parametrize("value", [v for v in VALUES if sizeof(v) > 17], ids=repr)
def test_cutting_slots_destroys_an_object_that_spans_them(value: Any) -> None:
    # An unsafe store writes one object over several slots
    slot = 17
    n_slots = sizeof(value) // slot + 2
    with calloc(n_slots, slot) as array:
        array[0].move(value, unsafe=True)
        assert ~array[0] == value
        for count in range((sizeof(value) - 1) // slot, 0, -1):
            realloc(array, count * slot)
            with pytest.raises(DereferenceError):
                ~array[0]
            realloc(array, n_slots * slot)
            with pytest.raises(DereferenceError):
                ~array[0]
            array[0].move(value, unsafe=True)


@pytest.mark.parametrize("value", [v for v in VALUES if sizeof(v) > 17 and v != 0], ids=repr)
def test_growth_does_not_complete_the_start_of_an_image(value: Any) -> None:
    size = sizeof(value)
    with malloc(size) as whole:
        whole <<= value
        for n in range(17, size):
            with malloc(n + 3) as p:
                q = p + 3
                memcpy(q, whole, n)
                capacity = p.capacity
                try:
                    seen = ~q  # zeros between size and capacity may complete the image
                except CorruptObjectError:
                    seen = value
                realloc(p, capacity + 200)
                try:
                    assert ~q == seen
                except DereferenceError:
                    assert seen is value


def test_a_shrink_keeps_everything_before_the_new_end() -> None:
    with malloc(200) as p:
        p <<= 7
        p[30] <<= "between"
        p[79] <<= None
        p[95].write(b"PTRS" * 20)
        realloc(p, 100)
        assert (~p, ~p[30], ~p[79], p[95].read()) == (7, "between", None, b"PTRSP")


def test_realloc_refuses_to_cut_an_image_that_was_copied_as_bytes() -> None:
    with malloc(64) as p, malloc(64) as other:
        other <<= "a text of some length"
        memcpy(p + 1, other, sizeof(~other))
        with pytest.raises(InvalidSizeError, match="offset 1 "):
            realloc(p, 40)
        p[9] <<= 0  # overwrites the header at offset 1
        realloc(p, 40)
        assert ~p[9] == 0


def test_arrays_shrink_and_grow_by_whole_slots() -> None:
    with calloc(4, 28) as array:
        array[:] = [1, 2, 3, 4]
        realloc(array, 2 * 28)
        assert array.tolist() == [1, 2]
        realloc(array, 4 * 28)
        assert array[:2] == [array[0], array[1]]
        for slot in array[2:]:
            with pytest.raises(DereferenceError):
                ~slot
