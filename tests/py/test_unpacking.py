# SPDX-License-Identifier: MIT
"""Unpacking a pointer gives its object, and str() never fails where there is none."""

from typing import Any

import pytest

from pointers import (
    AllocatedPointer,
    CorruptObjectError,
    DereferenceError,
    FreedMemoryError,
    PointersError,
    calloc,
    malloc,
    stack_alloc,
)

VALUES = [1, -(2**200), True, None, 1.5, 1j, b"bytes", "text", "t\xe9xt", "\U0001f40d" * 99]


@pytest.mark.parametrize("value", [*VALUES, [1], object()], ids=ascii)
def test_unpacking_gives_the_stored_object(value: Any) -> None:
    with malloc(1000) as ptr:
        ptr <<= value
        assert [*ptr] == [value]
        assert str(ptr) == str(value)
        assert next(iter(ptr + 0)) == value
        (same,) = ptr
        assert type(same) is type(value)


def test_an_iterator_keeps_its_object_after_free() -> None:
    ptr = malloc(64).move("text")
    iterator = iter(ptr)
    ptr.free()
    assert next(iterator) == "text"
    assert next(iterator, 0) == 0
    assert iter(iterator) is iterator


def test_unpacking_a_slot_gives_its_object_and_an_array_its_slots() -> None:
    with calloc(2, 64) as array:
        array[:] = "ab"
        assert [*array[1]] == ["b"]
        assert [~slot for slot in array] == ["a", "b"]
        assert str(array[1]) == "b"
        assert str(array) == "a"


def test_an_empty_corrupt_or_freed_block_has_no_object_but_a_text() -> None:
    with malloc(64) as ptr:
        with pytest.raises(DereferenceError, match="nothing was stored"):
            iter(ptr)
        assert str(ptr) == repr(ptr)
        ptr.write(b"\xff" * 64)
        with pytest.raises(CorruptObjectError):
            iter(ptr)
        assert str(ptr) == repr(ptr)
    with pytest.raises(FreedMemoryError):
        iter(ptr)
    assert str(ptr) == "<AllocatedPointer, freed>"


def test_str_hides_exceptions_of_the_object_but_not_interrupts() -> None:
    class Mute:
        def __str__(self) -> str:
            raise error

    with malloc(64) as ptr:
        ptr <<= Mute()
        error: BaseException = ValueError()
        assert str(ptr) == repr(ptr)
        error = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            str(ptr)


def test_stack_pointers_can_be_unpacked() -> None:
    @stack_alloc(64)
    def inside(ptr: Any) -> Any:
        ptr <<= "text"
        return [*ptr], str(ptr)

    assert inside() == (["text"], "text")


def test_a_pointer_without_a_block_is_refused_but_has_a_text() -> None:
    ptr = object.__new__(AllocatedPointer)
    with pytest.raises(PointersError):
        iter(ptr)
    assert str(ptr) == "<AllocatedPointer, freed>"
