# SPDX-License-Identifier: MIT
"""Arrays from calloc and their slots."""

import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointers import (
    AllocatedArrayPointer,
    AllocationError,
    ArraySlotPointer,
    CorruptObjectError,
    DereferenceError,
    FreedMemoryError,
    InvalidSizeError,
    calloc,
    free,
    malloc,
    realloc,
    sizeof,
)


def test_an_array_is_a_sequence_of_slots() -> None:
    with calloc(4, 28) as array:
        assert type(array) is AllocatedArrayPointer
        assert (len(array), array.count, array.slot_size, array.size) == (4, 4, 28, 112)
        assert array.read() == bytes(112)
        slots = list(array)
        assert all(type(slot) is ArraySlotPointer for slot in slots)
        assert [slot.index for slot in slots] == [0, 1, 2, 3]
        assert [slot.offset for slot in slots] == [0, 28, 56, 84]
        assert [slot.size for slot in slots] == [28] * 4
        assert list(reversed(array)) == slots[::-1]


def test_slots_index_the_whole_array() -> None:
    with calloc(4, 28) as array:
        for index, slot in enumerate(array):
            slot <<= index * 10
        assert str(slot[1]) == str(array[1]) == "10"
        assert slot[1] == array[1]
        assert (~slot, [*slot]) == (30, [30])
        with pytest.raises(TypeError):
            len(slot)  # type: ignore[arg-type]
        assert ~array == 0
        array <<= 5
        assert ~array[0] == 5


def test_an_iterator_that_a_profiler_uses_in_the_middle_of_a_step() -> None:
    iterator = iter(calloc(3, 0))
    taken: list[Any] = []

    def seen(_frame: Any, event: str, _argument: Any) -> None:
        if event == "return" and not taken:
            taken.extend([None])
            taken.extend(iterator)

    sys.setprofile(seen)
    try:
        rest = list(iterator)
    finally:
        sys.setprofile(None)
    assert len(rest) + len(taken) - 1 == 3
    assert list(iterator) == []
    (rest + taken[1:])[0]._root.free()


def test_a_store_is_bounded_by_its_slot() -> None:
    with calloc(3, 28) as array:
        array[:] = [1, 2, 3]
        with pytest.raises(InvalidSizeError, match=r"takes 46 bytes.* 28 here"):
            array[1] <<= "hello"
        with pytest.raises(InvalidSizeError):
            array <<= "hello"
        assert array.tolist() == [1, 2, 3]


def test_slot_assignment_and_self_assignment() -> None:
    with calloc(3, 28) as array:
        array[1] = 7
        array[2] = array[1]
        array[1] <<= 8
        assert (~array[1], ~array[2]) == (8, 7)
        array[0] = [1]
        array[0] <<= {2}
        assert ~array[0] == {2}


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3, 4, 5],
        [0, -1, 2**30, -(2**60), 2**31],
        [1, "a", None, 2.5, b"b"],
        [True, False, True, True, True],
        [[1], {2: 3}, object(), print, type],
        [1, [2], "three", object(), 5.0],
        ["\xe9", "\u0107", "\U00010307", "", "\ud800"],
    ],
)
def test_bulk_store_and_load(values: "list[Any]") -> None:
    with calloc(5, 64) as array:
        array[:] = values
        assert array.tolist() == values
        assert [type(obj) for obj in array.tolist()] == [type(value) for value in values]
        array[1:3] = [values[3], values[4]]
        assert array.tolist() == [values[0], values[3], values[4], values[3], values[4]]
        array[5:] = []
        array[2:2] = []


@pytest.mark.parametrize("bad", ["a text that needs more", 10**60, b"x" * 40])
def test_a_bulk_store_is_all_or_nothing(bad: Any) -> None:
    held = [1]
    with calloc(4, 44) as array:
        array[:] = [held, 2, "x", 4]
        before = array.read()
        for values in ([1, 2, 3, bad], [bad, [], {}, 4], [[], 2, bad, 4]):
            with pytest.raises(InvalidSizeError, match="slot has 44: nothing was written"):
                array[:] = values
        assert array.read() == before
        assert array.tolist() == [held, 2, "x", 4]
        assert ~array[0] is held


def test_bulk_stores_of_a_wrong_shape_are_refused() -> None:
    with calloc(4, 28) as array:
        with pytest.raises(ValueError, match="3 values for 4 slots"):
            array[:] = [1, 2, 3]
        with pytest.raises(ValueError, match="5 values for 4 slots"):
            array[:] = range(5)
        with pytest.raises(IndexError):
            array[2:9] = [1, 2]
        with pytest.raises(IndexError):
            array[-2:] = [1, 2]
        with pytest.raises(IndexError):
            array[3:1] = []
        with pytest.raises(ValueError, match="steps of 2"):
            array[::2] = [1, 2]
        with pytest.raises(TypeError):
            array[:] = 5
        with pytest.raises(DereferenceError):
            array.tolist()
        array[0:3] = [1, 2, 3]
        with pytest.raises(DereferenceError, match="offset 84"):
            array.tolist()


def test_bulk_store_copies_what_pointers_point_at() -> None:
    with calloc(4, 28) as array, malloc(28) as ptr:
        ptr <<= 9
        array[:] = [1, 2, 3, ptr]
        array[0:3] = [array[3], array[1], ptr]
        assert array.tolist() == [9, 2, 9, 9]


def test_fill_stores_one_object_in_all_slots() -> None:
    with calloc(5, 28) as array:
        assert array.fill(7) is array
        assert array.tolist() == [7] * 5
        shared: list[int] = []
        array.fill(shared)
        assert all(obj is shared for obj in array.tolist())
        with pytest.raises(InvalidSizeError):
            array.fill("too long to fit")
        assert all(obj is shared for obj in array.tolist())


def test_a_slice_is_a_list_of_slots() -> None:
    with calloc(4, 28) as array:
        assert array[1:3] == [array[1], array[2]]
        assert array[:] == list(array)


def test_realloc_changes_the_count() -> None:
    with calloc(2, 28) as array:
        array[:] = [1, 2]
        slot = array[1]
        assert realloc(array, 28 * 4) is array
        assert len(array) == 4
        assert ~slot == 2
        assert not array[3].assigned
        with pytest.raises(ValueError, match="no whole number of slots"):
            realloc(array, 30)
        realloc(array, 28)
        assert array.tolist() == [1]
        with pytest.raises(DereferenceError):
            ~slot
        with pytest.raises(InvalidSizeError):
            slot <<= 1
        assert slot.size == 0


def test_only_the_first_slot_may_free() -> None:
    array = calloc(2, 28)
    with pytest.raises(ValueError, match="slot 1"):
        free(array[1])
    with pytest.raises(ValueError, match="slot 1"):
        realloc(array[1], 56)
    slot = array[1]
    free(array[0])
    for dead in (array, slot):
        assert dead.freed
        with pytest.raises(FreedMemoryError):
            ~dead
        with pytest.raises(FreedMemoryError):
            dead[0]
    with pytest.raises(FreedMemoryError):
        len(array)
    with pytest.raises(FreedMemoryError):
        next(iter(array))
    with pytest.raises(FreedMemoryError):
        array[:] = [1, 2]
    with pytest.raises(FreedMemoryError):
        array.tolist()
    assert repr(slot) == "<ArraySlotPointer, freed>"


@pytest.mark.parametrize(("count", "size"), [(0, 28), (0, 0), (4, 0), (1, 1)])
def test_arrays_without_slots_or_bytes_work(count: int, size: int) -> None:
    with calloc(count, size) as array:
        assert (len(array), array.slot_size, array.size) == (count, size, count * size)
        assert [slot.index for slot in array] == list(range(count))
        for slot in array:
            with pytest.raises(InvalidSizeError):
                slot <<= None
        assert array[:] == list(array)


@pytest.mark.parametrize(
    ("count", "size", "error"),
    [
        (-1, 8, ValueError),
        (8, -1, ValueError),
        (2**32, 2**32, AllocationError),
        (2**62, 4, AllocationError),
        (2**200, 1, AllocationError),
        (1, 2**200, AllocationError),
        (2**40, 2**21, AllocationError),
        (1.0, 1, TypeError),
        (1, "1", TypeError),
        (None, 1, TypeError),
    ],
)
def test_bad_shapes_are_refused(count: Any, size: Any, error: "type[Exception]") -> None:
    with pytest.raises(error):
        calloc(count, size)


def test_calloc_aligns_as_asked_for() -> None:
    with calloc(3, 100, align=4096) as array:
        assert array.address % 4096 == 0
    with pytest.raises(ValueError, match="power of two"):
        calloc(3, 100, align=3)


VALUES = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.none(), st.text(max_size=3)
)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_an_array_stores_and_loads_like_a_list(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    model: list[Any] = data.draw(st.lists(VALUES, min_size=count, max_size=count))
    with calloc(count, 72) as array:
        array[:] = model
        for _ in range(data.draw(st.integers(0, 6))):
            start = data.draw(st.integers(0, count))
            stop = data.draw(st.integers(start, count))
            values = data.draw(st.lists(VALUES, min_size=stop - start, max_size=stop - start))
            array[start:stop] = values
            model[start:stop] = values
            if start < count:
                array[start] = model[start] = data.draw(VALUES)
        assert array.tolist() == model
        assert [~slot for slot in array] == model


def test_the_first_slot_can_free_and_resize_the_array() -> None:
    array = calloc(4, 28)
    array.fill(7)
    first, last = array[0], array[3]
    assert first.realloc(28 * 2) is first
    assert array.tolist() == [7, 7]
    assert last.size == 0
    with pytest.raises(ValueError, match="cannot realloc slot 1"):
        array[1].realloc(28)
    first.free()
    assert array.freed and last.freed


@pytest.mark.parametrize("value", [1, -1, 12345, 2**30 - 1, 1 - 2**30, 0, 2**30])
def test_tolist_and_a_load_agree_on_corrupt_images(value: int) -> None:
    def outcome(load: Any) -> Any:
        try:
            loaded = load()
        except CorruptObjectError:
            return "corrupt"
        except DereferenceError:
            return "empty"
        return type(loaded), loaded

    with calloc(5, 32) as array:
        array[:] = [7, 7, value, 7, 7]
        raw = array[2].read()
        for bit in range(8 * sizeof(value)):
            changed = int.from_bytes(raw, "little") ^ 1 << bit
            array[2].write(changed.to_bytes(32, "little"))
            one = outcome(array[2].dereference)
            several = outcome(lambda: array.tolist()[2])
            assert one == several, bit
