# SPDX-License-Identifier: MIT
"""Pointers into one block are ordered; pointers into different blocks are not."""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointers import calloc, free, malloc, realloc, stack_alloc

ORDERS = [operator.lt, operator.le, operator.gt, operator.ge]
COMPARISONS = [*ORDERS, operator.eq, operator.ne]


@given(st.integers(0, 64), st.integers(0, 64))
def test_pointers_are_ordered_as_their_offsets(a: int, b: int) -> None:
    with malloc(64) as ptr:
        for compare in COMPARISONS:
            assert compare(ptr + a, ptr + b) is compare(a, b)
        assert sorted([ptr + a, ptr + b, ptr]) == [ptr, ptr + min(a, b), ptr + max(a, b)]


def test_slots_are_ordered_by_index_and_the_array_equals_its_first() -> None:
    with calloc(4, 8) as array:
        assert array < array[1] < array + 2 <= array[2] < array[3]
        assert array[3] > array and array >= array[0]
        assert max(array) == array[3]


@pytest.mark.parametrize("compare", ORDERS)
def test_pointers_into_different_blocks_have_no_order(compare: "object") -> None:
    assert callable(compare)
    with malloc(8) as one, malloc(8) as other:
        with pytest.raises(ValueError, match="pointers into different blocks have no"):
            compare(one, other)
        for value in (1, None, "1", one.address):
            with pytest.raises(TypeError, match="not supported between"):
                compare(one, value)
            with pytest.raises(TypeError, match="not supported between"):
                compare(value, one)


def test_a_class_may_order_itself_against_pointers() -> None:
    class Least:
        def __gt__(self, other: object) -> str:
            return f"above {type(other).__name__}"

    with malloc(8) as ptr:
        assert (ptr < Least()) == "above AllocatedPointer"


def test_realloc_and_free_do_not_change_the_order() -> None:
    ptr = malloc(8)
    later = ptr + 8
    realloc(ptr, 1 << 20)
    assert ptr < later
    free(ptr)
    assert ptr < later and not ptr > later


def test_stack_pointers_are_ordered() -> None:
    @stack_alloc(8)
    def call(ptr) -> bool:  # type: ignore[no-untyped-def]
        return bool(ptr < ptr) or not ptr <= ptr

    assert call() is False


@pytest.mark.parametrize("make", [bytearray, lambda data: memoryview(bytearray(data))])
def test_a_pointer_is_not_the_bytes_that_it_points_at(make: "object") -> None:
    assert callable(make)
    with malloc(3) as ptr:
        assert (ptr == make(bytes(3))) is False
        assert (ptr != make(bytes(3))) is True
        for compare in ORDERS:
            with pytest.raises(TypeError, match="not supported between"):
                compare(ptr, make(b"abc"))
