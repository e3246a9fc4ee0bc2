# SPDX-License-Identifier: MIT
"""Pointers from malloc: sizes, life and death, arithmetic, text."""

import copy
import gc
import pickle
import re
from typing import Any

import pytest

import pointers
from pointers import (
    AllocatedPointer,
    AllocationError,
    DereferenceError,
    FreedMemoryError,
    InvalidSizeError,
    Pointer,
    PointersError,
    StackMemoryError,
    System,
    free,
    malloc,
    realloc,
    sizeof,
)

SIZES = [0, 1, 15, 16, 17, 24, 28, 4095, 4096, 4097, 1 << 20]


@pytest.mark.parametrize("size", SIZES)
def test_malloc_gives_zero_bytes_of_the_size_asked_for(size: int) -> None:
    with malloc(size) as ptr:
        assert type(ptr) is AllocatedPointer
        assert ptr.size == size
        assert ptr.capacity >= size
        assert ptr.read() == bytes(size)
        assert not ptr.freed
        assert not ptr.assigned
        assert ptr.offset == 0
        assert ptr.allocator is System()


@pytest.mark.parametrize("size", [28, 500, 5000])
def test_malloc_never_shows_the_bytes_of_an_earlier_block(size: int) -> None:
    for _ in range(50):
        with malloc(size) as ptr:
            assert ptr.read() == bytes(size)
            ptr.write(b"\xab" * size)


@pytest.mark.parametrize("align", [1, 8, 16, 64, 4096, 2 << 20])
def test_malloc_aligns(align: int) -> None:
    with malloc(100, align=align) as ptr:
        assert ptr.address % align == 0
        assert ptr.alignment == align
        realloc(ptr, 100_000)
        assert ptr.address % align == 0
    with malloc(1) as ptr:
        assert ptr.alignment == 16


@pytest.mark.parametrize("align", [0, -1, 3, 24, 4 << 20, 2**200])
def test_bad_alignment_is_a_value_error(align: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        malloc(8, align=align)


@pytest.mark.parametrize(
    ("size", "error"),
    [
        (-1, ValueError),
        (-(2**200), ValueError),
        (2**62, AllocationError),
        (2**63 - 1, AllocationError),
        (2**63, AllocationError),
        (2**64, AllocationError),
        (2**200, AllocationError),
        (1.0, TypeError),
        ("28", TypeError),
        (None, TypeError),
        (b"\x1c", TypeError),
    ],
)
def test_bad_sizes(size: Any, error: "type[Exception]") -> None:
    with pytest.raises(error) as caught:
        malloc(size)
    if isinstance(size, int):
        assert str(size) in str(caught.value)
    with malloc(24) as ptr:
        ptr <<= 0
        with pytest.raises(error):
            realloc(ptr, size)
        assert ptr.size == 24
        assert ~ptr == 0


def test_anything_with_an_index_is_a_size() -> None:
    class Index:
        def __index__(self) -> int:
            return 28

    with malloc(Index()) as ptr:  # type: ignore[arg-type]
        assert ptr.size == 28
    with malloc(True) as ptr:
        assert ptr.size == 1


def test_allocator_must_be_one() -> None:
    with pytest.raises(TypeError, match="allocator"):
        malloc(8, allocator="system")  # type: ignore[arg-type]
    with malloc(8, allocator=System()) as ptr, System().malloc(8) as other:
        assert ptr.allocator is other.allocator is System()


def test_statistics_are_exact() -> None:
    gc.collect()
    before = System().stats()
    ptr, other = malloc(100), malloc(50)
    realloc(ptr, 130)
    now = System().stats()
    assert now.current_bytes - before.current_bytes == 180
    assert now.current_blocks - before.current_blocks == 2
    assert now.total_bytes - before.total_bytes == 180
    free(ptr)
    free(other)
    after = System().stats()
    assert after.current_bytes == before.current_bytes
    assert after.current_blocks == before.current_blocks
    assert after.peak_bytes >= before.current_bytes + 180


# Storing and loading


def test_store_and_load_by_every_spelling() -> None:
    with malloc(28) as ptr:
        same = ptr
        ptr <<= 1
        assert ptr is same
        assert ptr.move(2) is ptr
        assert [*ptr] == [2]
        assert ~ptr == ptr.dereference() == 2
        ptr ^= 3
        assert ~ptr == 3
        assert ptr.move(4, unsafe=True) is ptr
        assert ~ptr == 4
        assert ptr.assigned


def test_a_store_that_does_not_fit_changes_nothing() -> None:
    with malloc(28) as ptr:
        ptr <<= 1
        before = ptr.read()
        with pytest.raises(InvalidSizeError, match=r"str object takes 46 bytes.* 28 here"):
            ptr <<= "hello"
        assert ptr.read() == before
        assert ~ptr == 1


def test_storing_a_pointer_copies_what_it_points_at() -> None:
    with malloc(64) as ptr, malloc(64) as other:
        other <<= "text"
        ptr <<= other
        other <<= 5
        assert ~ptr == "text"
        ptr <<= ptr
        assert ~ptr == "text"
        with pytest.raises(DereferenceError):
            ptr <<= other + 40
        assert ~ptr == "text"


def test_nothing_stored_is_no_object() -> None:
    with malloc(64) as ptr:
        for place in (ptr, ptr + 8, ptr + 48, ptr + 60, ptr + 64):
            with pytest.raises(DereferenceError, match="nothing was stored"):
                ~place
            assert not place.assigned


def test_a_store_one_past_the_end_is_refused() -> None:
    with malloc(64) as ptr:
        end = ptr + 64
        with pytest.raises(InvalidSizeError, match="only 0 here"):
            end <<= None
        assert end.size == 0
        assert end.read() == b""


# The limit, bypassed


def test_unsafe_store_within_the_capacity_is_silent() -> None:
    for size in range(17, 28):
        ptr = malloc(size)
        if ptr.capacity >= 28:
            break
        free(ptr)
    else:
        pytest.skip("this allocator gives no byte more than was asked for")
    with pytest.raises(InvalidSizeError):
        ptr <<= 1
    ptr ^= 1
    assert ~ptr == 1
    realloc(ptr, 28)
    assert ~ptr == 1
    free(ptr)


def test_unsafe_store_beyond_the_capacity_warns_before_it_writes() -> None:
    with malloc(24) as ptr:
        ptr <<= 0
        # A warning that is an error, as in this test suite, keeps the write from happening
        with pytest.raises(RuntimeWarning, match="overwrites foreign memory"):
            ptr ^= "x" * 5000
        with pytest.raises(RuntimeWarning, match="5041 bytes where"):
            ptr.move("x" * 5000, unsafe=True)
        assert ~ptr == 0


def test_unsafe_store_takes_pointers_and_references() -> None:
    with malloc(64) as ptr, malloc(64) as other:
        other <<= [1, 2]
        ptr ^= other
        assert ~ptr is ~other
        ptr ^= 7
        assert ~ptr == 7


# Freeing


def test_free_kills_all_aliases_at_once() -> None:
    ptr = malloc(64)
    ptr <<= 1
    alias, inner = ptr + 0, ptr + 8
    free(ptr)
    for dead in (ptr, alias, inner):
        assert dead.freed
        assert not dead.assigned
        for use in (
            lambda p: ~p,
            lambda p: [*p],
            lambda p: p.move(1),
            lambda p: p.move(1, unsafe=True),
            lambda p: p.read(),
            lambda p: p.read(0),
            lambda p: p.write(b""),
            lambda p: p.address,
            lambda p: int(p),
            lambda p: p.size,
            lambda p: p.capacity,
            lambda p: p.alignment,
            lambda p: p.allocator,
            lambda p: p + 1,
            lambda p: p[0],
            lambda p: p.__enter__(),
            lambda p: bytes(p),
        ):
            with pytest.raises(FreedMemoryError, match="freed"):
                use(dead)
    for dead in (ptr, alias):
        with pytest.raises(FreedMemoryError, match="freed"):
            free(dead)
        with pytest.raises(FreedMemoryError, match="freed"):
            realloc(dead, 8)


def test_a_freed_pointer_stays_dead_when_its_slot_is_used_again() -> None:
    ptr = malloc(28)
    ptr <<= 1
    free(ptr)
    for number in range(1000):
        with malloc(28) as other:
            other <<= number
            with pytest.raises(FreedMemoryError):
                ~ptr
            with pytest.raises(FreedMemoryError):
                free(ptr)
            assert ~other == number


def test_an_alias_at_the_start_may_free_and_others_may_not() -> None:
    ptr = malloc(64)
    with pytest.raises(ValueError, match="offset 8"):
        free(ptr + 8)
    with pytest.raises(ValueError, match="offset 8"):
        realloc(ptr + 8, 100)
    assert not ptr.freed
    free((ptr + 8) - 8)
    assert ptr.freed


@pytest.mark.parametrize("value", [None, 0, 0x1000, "ptr", object(), [1]])
def test_only_pointers_can_be_freed(value: Any) -> None:
    with pytest.raises(TypeError, match="pointer"):
        free(value)
    with pytest.raises(TypeError, match="pointer"):
        realloc(value, 8)


def test_with_frees_also_after_an_error_or_a_free_inside() -> None:
    with pytest.raises(KeyError), malloc(8) as ptr:
        raise KeyError
    assert ptr.freed
    with malloc(8) as ptr:
        ptr.free()
    assert ptr.freed


def test_loaded_objects_survive_the_memory() -> None:
    with malloc(200) as ptr:
        ptr <<= "some text " * 10
        text = ~ptr
    assert text == "some text " * 10


def drop_one() -> None:
    malloc(48).move("abc")
    gc.collect()


def test_a_dropped_pointer_is_freed_with_a_warning() -> None:
    gc.collect()
    before = System().stats().current_blocks
    with pytest.warns(ResourceWarning, match="48 bytes was dropped without free"):
        drop_one()
    assert System().stats().current_blocks == before


def test_aliases_keep_the_memory() -> None:
    ptr = malloc(64)
    inner = ptr + 8
    inner <<= 5
    start = ptr + 0
    del ptr
    gc.collect()
    assert ~inner == 5
    free(start)
    assert inner.freed


# realloc


def test_realloc_changes_the_pointer_itself_and_all_aliases() -> None:
    ptr = malloc(28)
    ptr <<= 5
    alias = ptr + 4
    assert realloc(ptr, 100_000) is ptr
    assert ptr.size == 100_000
    assert alias.size == 99_996
    assert ~ptr == 5
    assert (ptr + 28).read() == bytes(100_000 - 28)
    assert ptr.realloc(28) is ptr
    assert ~ptr == 5
    free(ptr)


def test_bytes_that_a_shrink_gave_up_do_not_come_back() -> None:
    with malloc(1000) as ptr:
        ptr.write(b"\xab" * 1000)
        realloc(ptr, 100)
        realloc(ptr, 1000)
        assert ptr.read() == b"\xab" * 100 + bytes(900)


def test_realloc_does_not_cut_the_object() -> None:
    with malloc(100) as ptr:
        ptr <<= "hello"
        assert sizeof("hello") == 46
        with pytest.raises(InvalidSizeError, match="45 bytes"):
            realloc(ptr, 45)
        assert ptr.size == 100
        realloc(ptr, 46)
        assert ~ptr == "hello"


def test_a_failed_realloc_changes_nothing() -> None:
    with malloc(100) as ptr:
        ptr <<= "hello"
        address = ptr.address
        with pytest.raises(AllocationError, match=str(2**62)):
            realloc(ptr, 2**62)
        assert (~ptr, ptr.size, ptr.address) == ("hello", 100, address)


# Arithmetic, identity, text


def test_arithmetic_goes_by_bytes_and_stays_inside() -> None:
    with malloc(64) as ptr:
        assert (ptr + 8).offset == (8 + ptr).offset == ptr[8].offset == 8
        assert (ptr + 8).address == ptr.address + 8
        assert (ptr + 8 - 8) == ptr
        assert (ptr + 40) - (ptr + 8) == 32
        assert (ptr + 8) - (ptr + 40) == -32
        assert (ptr + 64).offset == 64
        for outside in (-1, 65, 2**62, 2**64, -(2**64)):
            with pytest.raises(IndexError):
                ptr + outside
            with pytest.raises(IndexError):
                ptr[outside]
        with pytest.raises(IndexError):
            ptr - 1
        for wrong in (1.5, "1", None, ptr):
            with pytest.raises(TypeError):
                ptr + wrong  # type: ignore[operator]
        with malloc(8) as other, pytest.raises(ValueError, match="different blocks"):
            ptr - other


def test_item_assignment_stores() -> None:
    with malloc(100) as ptr:
        ptr[40] = "abc"
        ptr[0] <<= 5
        ptr[40] <<= "abd"
        assert (~ptr, ~ptr[40]) == (5, "abd")
        ptr[40] = ptr
        assert ~ptr[40] == 5


def test_pointers_are_equal_by_place_and_stay_so() -> None:
    with malloc(64) as ptr, malloc(64) as other:
        alias = ptr + 8 - 8
        seen = {ptr: 1}
        assert ptr == alias
        assert hash(ptr) == hash(alias)
        assert ptr != other
        assert ptr != ptr + 8
        assert ptr != 5
        realloc(ptr, 100_000)
        assert seen[alias] == 1
    assert seen[ptr] == 1
    assert ptr == alias


def test_text() -> None:
    with malloc(64) as ptr:
        empty = rf"<AllocatedPointer at 0x{ptr.address:x}, 64 bytes, empty>"
        assert (repr(ptr), str(ptr)) == (empty, empty)
        ptr <<= "abc"
        assert str(ptr) == f"{ptr}" == "abc"
        assert repr(ptr) == f"<AllocatedPointer at 0x{ptr.address:x}, 64 bytes, assigned>"
        ptr.write(b"\xff" * 64)
        assert re.fullmatch("<AllocatedPointer at .*, empty>", str(ptr))
    assert repr(ptr) == str(ptr) == "<AllocatedPointer, freed>"


def test_text_never_raises() -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise KeyError("no")

        __repr__ = __str__

    with malloc(64) as ptr:
        ptr <<= Unprintable()
        assert str(ptr).startswith("<AllocatedPointer")
        ptr <<= [ptr]
        assert "AllocatedPointer" in str(ptr)


@pytest.mark.parametrize("action", [copy.copy, copy.deepcopy, pickle.dumps])
def test_pointers_cannot_be_copied(action: Any) -> None:
    with malloc(8) as ptr, pytest.raises(TypeError, match="cannot copy or pickle"):
        action(ptr)


@pytest.mark.parametrize(
    "name", ["address", "size", "capacity", "alignment", "freed", "assigned", "offset", "allocator"]
)
def test_properties_are_read_only(name: str) -> None:
    with malloc(8) as ptr:
        before = getattr(ptr, name)
        with pytest.raises(AttributeError):
            setattr(ptr, name, 1)
        with pytest.raises(AttributeError):
            delattr(ptr, name)
        assert getattr(ptr, name) == before


def test_pointers_are_no_numbers_but_have_an_address() -> None:
    with malloc(8) as ptr:
        assert int(ptr) == ptr.address
        assert bytes(ptr) == bytes(8)
        with pytest.raises(TypeError):
            range(ptr)  # type: ignore[call-overload]
        with pytest.raises(AttributeError):
            ptr.other = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [AllocatedPointer, Pointer, pointers.StackAllocatedPointer])
def test_pointers_cannot_be_made_by_hand(kind: Any) -> None:
    with pytest.raises(TypeError, match="malloc"):
        kind(1, 2)


def test_forged_private_state_reaches_no_memory() -> None:
    with malloc(28) as ptr:
        ptr <<= 1
        for block in (0, -1, 1, 2**62, ptr._block + (1 << 31), ptr._block + (1 << 40)):
            forged = ptr + 0
            forged._block = block
            with pytest.raises(FreedMemoryError):
                ~forged
            with pytest.raises(FreedMemoryError):
                forged.read(1)
            with pytest.raises(FreedMemoryError):
                forged.free()
        forged = ptr + 0
        forged._offset = 20
        with pytest.raises(InvalidSizeError):
            forged <<= 1
        assert ~ptr == 1


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (pointers.AllocationError, MemoryError),
        (pointers.InvalidSizeError, ValueError),
        (pointers.FreedMemoryError, ValueError),
        (pointers.DereferenceError, ValueError),
        (pointers.CorruptObjectError, DereferenceError),
        (StackMemoryError, ValueError),
        (pointers.StackExhaustedError, MemoryError),
    ],
)
def test_errors_have_two_bases(error: "type[Exception]", base: "type[Exception]") -> None:
    assert issubclass(error, PointersError)
    assert issubclass(error, base)
    assert error.__module__ == "pointers"


def test_generics_at_run_time() -> None:
    assert AllocatedPointer[int].__origin__ is AllocatedPointer
