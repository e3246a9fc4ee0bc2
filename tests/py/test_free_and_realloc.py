# SPDX-License-Identifier: MIT
"""The lifetime of a block: freeing, leaking and resizing."""

import gc
from typing import Any

import pytest
from _collecting import settled_blocks

from pointers import (
    AllocationError,
    FreedMemoryError,
    InvalidSizeError,
    System,
    free,
    malloc,
    realloc,
    sizeof,
)


def test_free_ends_all_aliases_at_once() -> None:
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


def test_a_freed_pointer_stays_freed_when_its_memory_is_used_again() -> None:
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


def test_loaded_objects_outlive_their_memory() -> None:
    with malloc(200) as ptr:
        ptr <<= "some text " * 10
        text = ~ptr
    assert text == "some text " * 10


def leak() -> None:
    malloc(48).move("abc")
    gc.collect()


def test_a_leaked_pointer_is_freed_with_a_warning() -> None:
    before = settled_blocks()
    with pytest.warns(ResourceWarning, match="48 bytes was dropped without free"):
        leak()
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
