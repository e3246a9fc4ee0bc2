# SPDX-License-Identifier: MIT
"""The end of a `with` frees its memory, refuses while views live, or leaves it to the last view."""
# ruff: noqa: PT012 - these tests are about the end of the blocks under pytest.raises

from __future__ import annotations

import gc
import warnings
import weakref
from typing import Any

import pytest
from _collecting import settled_blocks
from _watched import comes

from pointers import (
    AllocationError,
    Arena,
    FreedMemoryError,
    Guard,
    Pool,
    System,
    allocator,
    calloc,
    free,
    load_allocator,
    malloc,
)


class Mine(Exception):
    """An exception of the user's program."""


class Thing:
    """An object that is stored by reference."""


BLOCKS = [lambda: malloc(64), lambda: calloc(2, 32)]


@pytest.fixture(autouse=True, scope="module")
def _nothing_goes_on_its_own() -> None:
    """Collect what earlier modules left, once: each test here leaves nothing."""
    settled_blocks()


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Any:
    before = System().stats().current_blocks
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        assert comes(lambda: System().stats().current_blocks == before)


@pytest.mark.parametrize("make", BLOCKS)
def test_after_an_exception_the_block_is_freed_with_its_last_view(make: Any) -> None:
    with pytest.raises(Mine), make() as ptr:
        view, second = ptr.view(), ptr.view()
        ptr <<= 5
        raise Mine
    with pytest.raises(BufferError):
        free(ptr)
    assert ~ptr == 5  # views keep the block alive
    view.release()
    del view
    second[0] += 1
    assert not ptr.freed
    second.release()
    del second
    assert comes(lambda: ptr.freed)
    with pytest.raises(FreedMemoryError):
        free(ptr)


@pytest.mark.parametrize("make", BLOCKS)
def test_without_an_exception_a_live_view_is_an_error(make: Any) -> None:
    with pytest.raises(BufferError, match=r"release\(\).*delete"), make() as ptr:
        view = ptr.view()
    assert not ptr.freed
    view.release()
    free(ptr)


@pytest.mark.parametrize("make", BLOCKS)
@pytest.mark.parametrize("error", [Mine, KeyboardInterrupt, SystemExit, GeneratorExit, BufferError])
def test_every_exception_passes_with_no_other_in_its_context(
    make: Any, error: type[BaseException]
) -> None:
    with pytest.raises(error) as raised, make():
        raise error
    assert raised.value.__context__ is None
    with pytest.raises(error) as raised, make() as ptr:
        view = ptr.view()
        raise error
    # A BufferError as the context would look like the cause
    assert raised.value.__context__ is None
    del raised, view
    assert comes(lambda: ptr.freed)


@pytest.mark.parametrize("make", BLOCKS)
def test_the_error_of_a_free_inside_passes(make: Any) -> None:
    with pytest.raises(BufferError), make() as ptr:
        view = ptr.view()
        free(ptr)
    view.release()
    del view
    assert comes(lambda: ptr.freed)


@pytest.mark.parametrize("make", BLOCKS)
def test_a_block_may_be_freed_inside(make: Any) -> None:
    with make() as ptr:
        free(ptr)
    with pytest.raises(Mine), make() as ptr:
        free(ptr)
        raise Mine
    assert ptr.freed


@pytest.mark.parametrize("make", BLOCKS)
def test_a_pointer_may_be_gone_before_the_last_view_ends(make: Any) -> None:
    with pytest.raises(Mine), make() as ptr:
        view = ptr.view()
        raise Mine
    del ptr
    gc.collect()
    view[0] = 7
    assert view[0] == 7


def test_held_objects_are_let_go_with_the_pointer() -> None:
    thing = Thing()
    seen = weakref.ref(thing)
    with pytest.raises(Mine), malloc(64) as ptr:
        ptr <<= thing
        view = ptr.view()
        raise Mine
    assert ~ptr is thing
    view.release()
    del thing, view, ptr
    assert comes(lambda: seen() is None)


def test_pointers_that_cannot_free_are_refused_at_the_start_of_a_with() -> None:
    block, array, empty = malloc(64), calloc(2, 32), calloc(2, 0)
    for inner in (block + 8, array[1], array + 1, empty[1]):
        with pytest.raises(ValueError, match="cannot free"), inner:
            raise Mine
    for owner, start in ((block, block + 0), (array, array[0]), (empty, empty[0])):
        with start:
            pass
        assert owner.freed


ALLOCATORS = {
    "arena": Arena,
    "small arena": lambda: Arena(256),
    "pool": lambda: Pool(64),
    "guard": lambda: Guard(quarantine=0),
    "foreign": lambda: load_allocator("libc.so.6"),
}


@pytest.fixture(params=sorted(ALLOCATORS))
def source(request: Any) -> Any:
    try:
        return ALLOCATORS[request.param]()
    except OSError:
        pytest.skip("there is no such library")


def test_after_an_exception_each_lent_block_is_freed_with_its_last_view(source: Any) -> None:
    held = [Thing(), Thing()]
    seen = [weakref.ref(thing) for thing in held]
    with pytest.raises(Mine), source:
        unused, lent, more = (source.malloc(64) for _ in range(3))
        unused <<= held[0]
        lent <<= held[1]
        view, second = lent.view(), more.view()
        raise Mine
    del held
    assert unused.freed
    assert not lent.freed
    assert not more.freed
    assert comes(lambda: [ref() is None for ref in seen] == [True, False])
    assert ~lent is seen[1]()
    assert source.closed
    assert source.stats().current_blocks == 2
    with pytest.raises(ValueError, match="closed"):
        source.malloc(1)
    with pytest.raises(BufferError, match=r"release\(\).*delete"):
        source.close()
    view[40] = second[0] = 7
    view.release()
    del view
    assert comes(lambda: lent.freed)
    assert source.stats().current_blocks == 1
    assert second[0] == 7
    second.release()
    del second
    assert comes(lambda: more.freed)
    assert source.stats().current_blocks == 0
    source.close()


def test_without_an_exception_an_allocator_with_views_stays_open(source: Any) -> None:
    with pytest.raises(BufferError, match=r"release\(\).*delete"), source:
        ptr = source.malloc(64)
        view = ptr.view()
    assert not source.closed
    source.malloc(64).free()
    view.release()
    del view
    source.close()
    assert ptr.freed


@pytest.mark.parametrize("error", [Mine, KeyboardInterrupt, SystemExit, GeneratorExit, BufferError])
def test_every_exception_passes_an_allocator_with_views(
    source: Any, error: type[BaseException]
) -> None:
    with pytest.raises(error) as raised, source:
        view = source.malloc(64).view()  # the pointer is gone at once, and the view remains
        raise error
    assert raised.value.__context__ is None
    assert source.closed
    view[0] = 1
    del view, raised
    assert comes(lambda: source.stats().current_blocks == 0)


def test_after_an_exception_an_allocator_without_views_is_closed(source: Any) -> None:
    with pytest.raises(Mine), source:
        ptr = source.malloc(64)
        raise Mine
    assert source.closed
    assert ptr.freed
    assert source.stats().current_blocks == 0


def test_nested_allocators_return_their_memory_once_the_last_view_ends() -> None:
    gc.collect()
    before = System().stats().current_blocks
    with pytest.raises(Mine), Arena() as arena, Pool(64, parent=arena) as pool, allocator(pool):
        view = malloc(64).view()
        raise Mine
    assert System().stats().current_blocks > before
    assert arena.closed
    assert pool.closed
    view[0] = 1
    view.release()
    del view
    assert comes(lambda: System().stats().current_blocks == before)
    with malloc(8) as ptr:
        assert ptr.allocator is System()


def test_a_parent_allocator_lives_until_its_child_is_closed() -> None:
    gc.collect()
    before = System().stats().current_blocks
    with pytest.raises(Mine), Arena() as arena:
        own = arena.malloc(8)
        pool = Pool(64, slab_blocks=2, parent=arena)
        ptr = pool.malloc(64)
        raise Mine
    assert own.freed
    assert not ptr.freed
    second, third = pool.malloc(64), None
    with pytest.raises(AllocationError):
        third = pool.malloc(64)
    assert third is None
    assert second.size == 64
    assert System().stats().current_blocks > before
    pool.close()
    assert System().stats().current_blocks == before


def test_the_default_allocator_is_reset_after_an_exception() -> None:
    with pytest.raises(Mine), Arena() as arena, allocator(arena):
        view = malloc(64).view()
        raise Mine
    with malloc(8) as ptr:
        assert ptr.allocator is System()
    view.release()


def test_closing_a_generator_inside_a_with_closes_the_allocator() -> None:
    def use(source: Any) -> Any:
        with source:
            ptr = source.malloc(64)
            yield ptr.view()

    source = Arena()
    generator = use(source)
    view = next(generator)
    generator.close()  # raises GeneratorExit inside the with
    assert source.closed
    assert view[0] == 0
    view.release()
    del view, generator
    assert comes(lambda: source.stats().current_blocks == 0)
