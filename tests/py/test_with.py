# SPDX-License-Identifier: MIT
"""The end of a `with`: what it ends, what it refuses, and what it leaves to the last view."""
# ruff: noqa: PT012 - the end of these blocks is what is tested

from __future__ import annotations

import gc
import warnings
import weakref
from typing import Any

import pytest
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
    """The user's own."""


class Thing:
    """Stored by reference."""


BLOCKS = [lambda: malloc(64), lambda: calloc(2, 32)]


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Any:
    gc.collect()
    before = System().stats().current_blocks
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        assert comes(lambda: System().stats().current_blocks == before)


@pytest.mark.parametrize("make", BLOCKS)
def test_an_exception_passes_and_the_block_goes_with_its_last_view(make: Any) -> None:
    with pytest.raises(Mine), make() as ptr:
        view, second = ptr.view(), ptr.view()
        ptr <<= 5
        raise Mine
    with pytest.raises(BufferError):
        free(ptr)
    assert ~ptr == 5  # it is live still
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
def test_without_an_exception_a_view_is_refused(make: Any) -> None:
    with pytest.raises(BufferError, match=r"release\(\).*delete"), make() as ptr:
        view = ptr.view()
    assert not ptr.freed
    view.release()
    free(ptr)


@pytest.mark.parametrize("make", BLOCKS)
@pytest.mark.parametrize("error", [Mine, KeyboardInterrupt, SystemExit, GeneratorExit, BufferError])
def test_an_exception_passes_whatever_it_is(make: Any, error: type[BaseException]) -> None:
    with pytest.raises(error) as raised, make():
        raise error
    assert raised.value.__context__ is None
    with pytest.raises(error) as raised, make() as ptr:
        view = ptr.view()
        raise error
    # Nor is anything hung on it that the user would take for a cause
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
def test_a_block_that_was_freed_inside(make: Any) -> None:
    with make() as ptr:
        free(ptr)
    with pytest.raises(Mine), make() as ptr:
        free(ptr)
        raise Mine
    assert ptr.freed


@pytest.mark.parametrize("make", BLOCKS)
def test_a_block_that_is_left_can_be_dropped_before_its_view(make: Any) -> None:
    with pytest.raises(Mine), make() as ptr:
        view = ptr.view()
        raise Mine
    del ptr
    gc.collect()
    view[0] = 7
    assert view[0] == 7


def test_what_a_block_held_goes_with_the_pointer() -> None:
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


def test_what_could_not_be_freed_at_the_end_is_refused_at_the_start() -> None:
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


def test_an_exception_passes_and_the_allocator_goes_with_the_last_view(source: Any) -> None:
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
def test_exceptions_pass_allocators(source: Any, error: type[BaseException]) -> None:
    with pytest.raises(error) as raised, source:
        view = source.malloc(64).view()  # whose pointer is gone
        raise error
    assert raised.value.__context__ is None
    assert source.closed
    view[0] = 1
    del view, raised
    assert comes(lambda: source.stats().current_blocks == 0)


def test_an_allocator_without_views_is_closed_as_ever(source: Any) -> None:
    with pytest.raises(Mine), source:
        ptr = source.malloc(64)
        raise Mine
    assert source.closed
    assert ptr.freed
    assert source.stats().current_blocks == 0


def test_the_system_has_the_memory_back_once_the_last_view_goes() -> None:
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


def test_an_allocator_that_another_one_needs_is_left_to_that() -> None:
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


def test_the_default_is_reset_whatever_passes() -> None:
    with pytest.raises(Mine), Arena() as arena, allocator(arena):
        view = malloc(64).view()
        raise Mine
    with malloc(8) as ptr:
        assert ptr.allocator is System()
    view.release()


def test_a_generator_that_is_closed_amid_a_with() -> None:
    def use(source: Any) -> Any:
        with source:
            ptr = source.malloc(64)
            yield ptr.view()

    source = Arena()
    generator = use(source)
    view = next(generator)
    generator.close()  # GeneratorExit passes, too
    assert source.closed
    assert view[0] == 0
    view.release()
    del view, generator
    assert comes(lambda: source.stats().current_blocks == 0)
