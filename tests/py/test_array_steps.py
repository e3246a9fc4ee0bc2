# SPDX-License-Identifier: MIT
"""Arithmetic on arrays and their slots goes by slots."""

from typing import Any

import pytest

from pointers import (
    ArraySlotPointer,
    DereferenceError,
    FreedMemoryError,
    InvalidSizeError,
    calloc,
    free,
    realloc,
)


def test_arithmetic_goes_by_slots() -> None:
    with calloc(4, 28) as array:
        assert array + 2 == 2 + array == array[2]
        assert array[3] - 1 == array[2]
        assert array[1] + 2 == array[3]
        assert array[3] - array[1] == 2
        assert array[3] - array == 3
        assert (array + 4).index == 4
        assert (array + 4).size == 0
        with pytest.raises(DereferenceError):
            ~(array + 4)
        with pytest.raises(InvalidSizeError):
            (array + 4).move(1)
        for outside in (-1, 5, 2**64):
            with pytest.raises(IndexError):
                array + outside
        for outside in (-1, 4, 2**64):
            with pytest.raises(IndexError, match=r"slots are 0 to 3"):
                array[outside]
            with pytest.raises(IndexError):
                array[outside] = 1
        for wrong in (1.5, "1", None):
            with pytest.raises(TypeError):
                array[wrong]  # type: ignore[call-overload]


class Index:
    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


@pytest.mark.parametrize("slot_size", [28, 0])
@pytest.mark.parametrize("number", [int, Index])
def test_steps_lead_back_to_the_array(slot_size: int, number: Any) -> None:
    with calloc(3, slot_size) as array:
        pointer: Any = array
        pointer += number(2)
        assert (type(pointer), pointer.index, pointer.size) == (ArraySlotPointer, 2, slot_size)
        pointer -= number(1)
        assert (type(pointer), pointer.index) == (ArraySlotPointer, 1)
        pointer -= number(1)
        assert pointer is array
        assert array + number(0) is array - number(0) is number(0) + array is array
        assert -1 + (number(1) + array) is array
        end: Any = array + 3
        assert end - 3 is array and end.size == 0
        for wrong in (lambda: array - number(1), lambda: array + number(4), lambda: end + 1):
            with pytest.raises(IndexError):
                wrong()


def test_a_loop_after_steps_stores_into_the_slots() -> None:
    with calloc(3, 28) as array:
        pointer: Any = array.fill(0)
        pointer += 1
        pointer -= 1
        for index, slot in enumerate(pointer):
            slot <<= index + 7
        assert array.tolist() == [7, 8, 9]
        realloc(pointer, 56)
        assert (len(pointer), (array + 2 - 2).count) == (2, 2)


def test_slots_that_were_indexed_stay_slots() -> None:
    with calloc(3, 28) as array:
        for taken in (array[0], array[2], array[1:3][1], list(array)[2]):
            first: Any = taken - taken.index
            assert type(first) is type(first + 0) is type(first + 1 - 1) is ArraySlotPointer
            assert (first.index, first.size) == (0, 28)
        assert type((array + 1)[0]) is ArraySlotPointer


def test_steps_in_a_freed_array_are_refused() -> None:
    array = calloc(3, 28)
    place = array + 1
    free(array)
    for use in (lambda: place - 1, lambda: array + 0, lambda: 0 + array):
        with pytest.raises(FreedMemoryError):
            use()


def test_adding_two_pointers_is_a_type_error() -> None:
    with calloc(4, 28) as array:
        for one, other in ((array, array), (array[1], array[2]), (array, array[0])):
            with pytest.raises(TypeError, match="unsupported operand"):
                one + other
