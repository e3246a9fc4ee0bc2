# SPDX-License-Identifier: MIT
"""release() gives memory to C: the pointer is dead, and its end frees nothing."""

import weakref
from typing import Any

import pytest
from _collecting import collect_all, settled_blocks
from _foreign import Buffer, free_with_argtypes

from pointers import (
    Arena,
    FreedMemoryError,
    Guard,
    Pool,
    StackMemoryError,
    System,
    acquire_stack_alloc,
    calloc,
    free,
    from_address,
    malloc,
)


@pytest.fixture
def buffer() -> Buffer:
    return Buffer()


def test_c_can_free_released_memory_and_all_aliases_are_dead() -> None:
    before = settled_blocks()
    for make in (lambda: malloc(64), lambda: malloc(64, align=4096), lambda: calloc(4, 16)):
        ptr = make()
        ptr <<= None
        other = ptr + 1
        address = ptr.address
        assert ptr.release() == address
        assert settled_blocks() == before
        for name in ("dereference", "free", "release"):
            for each in (ptr, other):
                with pytest.raises((FreedMemoryError, ValueError)):
                    getattr(each, name)()
        free_with_argtypes()(address)


def test_release_lets_stored_objects_go() -> None:
    class Thing:
        pass

    thing = Thing()
    gone = weakref.ref(thing)
    ptr = malloc(64).move(thing)
    del thing
    address = ptr.release()
    collect_all()
    assert gone() is None
    free_with_argtypes()(address)


def test_released_memory_can_be_adopted_again() -> None:
    ptr = malloc(64).move("text")
    again = from_address(ptr.release(), 64, free=free_with_argtypes())
    assert ~again == "text"
    free(again)


def test_released_adopted_memory_is_neither_freed_nor_kept(buffer: Buffer) -> None:
    class Owner:
        pass

    owner = Owner()
    gone = weakref.ref(owner)
    ptr = from_address(buffer.address, 64, keepalive=owner, free=buffer.free)
    del owner
    assert ptr.release() == buffer.address
    collect_all()
    assert gone() is None
    with pytest.raises(FreedMemoryError):
        free(ptr)
    del ptr
    collect_all()
    assert buffer.freed == []


@pytest.mark.parametrize("kind", ["arena", "pool", "guard", "large and aligned"])
def test_memory_that_c_could_not_free_is_not_released(kind: str) -> None:
    source: Any = {"arena": Arena, "pool": lambda: Pool(64), "guard": Guard}.get(kind, System)()
    ptr = source.malloc(1 << 20, align=4096) if kind not in ("arena", "pool", "guard") else None
    ptr = ptr or source.malloc(64)
    ptr <<= "text"
    with pytest.raises(ValueError, match="free\\(\\) cannot free"):
        ptr.release()
    assert ~ptr == "text"
    free(ptr)


def test_aliases_pinned_blocks_and_stack_memory_are_not_released() -> None:
    ptr, array = malloc(64), calloc(3, 16)
    for wrong in (ptr + 8, array[1]):
        with pytest.raises(ValueError, match="release"):
            wrong.release()
    view = ptr.view()
    with pytest.raises(BufferError):
        ptr.release()
    view.release()
    with pytest.raises(StackMemoryError):
        acquire_stack_alloc(64)(lambda stack: stack.release())
    free_with_argtypes()(ptr.release())
    free_with_argtypes()(array[0].release())
