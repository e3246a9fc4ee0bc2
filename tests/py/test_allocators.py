# SPDX-License-Identifier: MIT
"""What all allocators have in common: closing, defaults, parents and lifetimes."""

import asyncio
import copy
import gc
import pickle
import sys
import threading
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from pointers import (
    AllocationError,
    Allocator,
    Arena,
    Foreign,
    FreedMemoryError,
    Guard,
    InvalidSizeError,
    LibraryError,
    Pool,
    System,
    allocator,
    calloc,
    free,
    load_allocator,
    malloc,
    realloc,
)  # fmt: skip

MAKERS = {"arena": Arena, "pool": lambda: Pool(4096), "guard": Guard}


@pytest.fixture(params=MAKERS)
def source(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = MAKERS[request.param]()  # type: ignore[operator]
    yield made
    gc.collect()
    made.close()


def system_blocks() -> int:
    gc.collect()
    gc.collect()
    return System().stats().current_blocks


def test_blocks_come_from_the_allocator_that_was_asked(source: Any) -> None:
    ptr = source.malloc(28)
    array = calloc(3, 48, allocator=source)
    ptr <<= 1
    array[:] = [1, [2], "3"]
    assert ptr.allocator is source
    assert array[1].allocator is source
    assert (~ptr, array.tolist()) == (1, [1, [2], "3"])
    stats = source.stats()
    assert (stats.current_blocks, stats.current_bytes, stats.total_blocks) == (2, 28 + 144, 2)
    realloc(ptr, 100)
    assert ~ptr == 1
    free(ptr)
    free(array)
    assert source.stats().current_blocks == source.stats().current_bytes == 0


def test_closing_frees_all_blocks(source: Any) -> None:
    held = ["held"]
    n_references = sys.getrefcount(held) if hasattr(sys, "getrefcount") else 0
    ptr, array = source.malloc(64), source.calloc(4, 28)
    ptr <<= held
    array.fill(7)
    alias, slot = ptr + 8, array[2]
    late = (ptr.free, lambda p=ptr: p.realloc(1), lambda p=ptr: p.allocator, array.tolist)
    source.close()
    source.close()
    assert source.closed
    for pointer in (ptr, array, alias, slot):
        assert pointer.freed
        assert "freed" in repr(pointer)
        for act in (pointer.dereference, pointer.read, pointer.view, lambda p=pointer: p.move(1)):
            with pytest.raises(FreedMemoryError):
                act()
    for act in late:
        with pytest.raises(FreedMemoryError):
            act()
    # The held object is let go
    if n_references:
        assert sys.getrefcount(held) == n_references
    for use in (lambda: source.malloc(1), lambda: malloc(1, allocator=source), source.__enter__):
        with pytest.raises(ValueError, match="closed"):
            use()
    with allocator(source), pytest.raises(ValueError, match="closed"):
        calloc(1, 1)
    assert source.stats().current_blocks == 0
    assert repr(source) == f"<{type(source).__name__} allocator, closed>"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del ptr, array, alias, slot, pointer, act, late
        gc.collect()


def test_views_refuse_closing(source: Any) -> None:
    ptr = source.malloc(64)
    ptr <<= 5
    view = ptr.view()[8:16].cast("q")
    with pytest.raises(BufferError, match="close the allocator"):
        source.close()
    assert (~ptr, source.closed) == (5, False)
    view.release()
    del view
    source.close()
    assert ptr.freed


def test_with_closes_even_after_an_error(source: Any) -> None:
    with pytest.raises(KeyError), source as same:  # noqa: PT012 - it is about the block
        assert same is source
        ptr = source.malloc(8)
        raise KeyError
    assert source.closed
    assert ptr.freed


def test_a_block_keeps_its_allocator_after_the_object_is_dropped() -> None:
    for make in MAKERS.values():
        before = system_blocks()
        made: Any = make()  # type: ignore[operator]
        kind, gone = type(made), weakref.ref(made)
        ptr = made.malloc(28)
        ptr <<= 3
        del made
        gc.collect()
        gc.collect()
        assert gone() is None
        again = ptr.allocator
        assert type(again) is kind
        assert ptr.allocator is again
        assert (~ptr, again.stats().current_blocks) == (3, 1)
        ptr.free()
        assert again.stats().total_blocks == 1
        del again, ptr
        assert system_blocks() <= before


def test_leaked_blocks_warn_except_in_arenas() -> None:
    with Pool(64) as pool:
        ptr = pool.malloc(64)
        with pytest.warns(ResourceWarning, match="64 bytes was dropped"):  # noqa: PT031
            del ptr
            gc.collect()
        assert pool.stats().current_blocks == 0
    with Arena() as arena, warnings.catch_warnings():
        warnings.simplefilter("error")
        ptr = arena.malloc(64)
        del ptr
        gc.collect()
        assert arena.stats().current_blocks == 0


def test_the_default_allocator_belongs_to_the_context() -> None:
    with Arena() as outer, Pool(64) as inner:
        seen = []

        def elsewhere() -> None:
            with malloc(8) as ptr:
                seen.append(ptr.allocator)

        with allocator(outer) as same:
            assert same is outer
            with pytest.raises(KeyError), allocator(inner):  # noqa: PT012 - as above
                with malloc(8) as ptr:
                    assert ptr.allocator is inner
                raise KeyError
            with malloc(8) as ptr:
                assert ptr.allocator is outer
            with malloc(8, allocator=inner) as ptr:
                assert ptr.allocator is inner
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()
        elsewhere()
        gc.collect()
        # A thread has a context of its own, which starts empty, or as a copy of its creator's
        # if Python is set so (the default in free-threaded Python)
        inherits = getattr(sys.flags, "thread_inherit_context", False)
        assert seen == [outer if inherits else System(), System()]


def test_each_asyncio_task_has_its_own_default_allocator() -> None:
    async def work(own: Allocator) -> bool:
        with allocator(own):
            await asyncio.sleep(0)
            with malloc(8) as ptr:
                return ptr.allocator is own

    async def main() -> "list[bool]":
        return list(await asyncio.gather(*(work(own) for own in sources)))

    sources = [Pool(16) for _ in range(5)]
    assert asyncio.run(main()) == [True] * 5


@pytest.mark.parametrize("wrong", [1, "arena", Arena, object()])
def test_what_is_no_allocator_raises_type_error(wrong: Any) -> None:
    for act in (
        lambda: malloc(1, allocator=wrong),
        lambda: calloc(1, 1, allocator=wrong),
        lambda: Arena(parent=wrong),
        lambda: Pool(8, parent=wrong),
        lambda: allocator(wrong).__enter__(),
    ):
        with pytest.raises(TypeError, match="Allocator"):
            act()


def test_copies_are_refused(source: Any) -> None:
    for act in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot copy or pickle"):
            act(source)


def test_the_system_cannot_be_closed() -> None:
    for act in (System().close, System().__enter__):
        with pytest.raises(ValueError, match="whole process"):
            act()
    assert System() is System()


def test_a_parent_cannot_be_closed_before_its_child() -> None:
    before = system_blocks()
    arena = Arena(4096)
    pool = Pool(32, slab_blocks=4, parent=arena)
    own, below = arena.malloc(28), pool.malloc(28)
    own <<= 1
    below <<= 2
    for act in (arena.close, arena.reset):
        with pytest.raises(BufferError, match="parent"):
            act()
    assert (~own, ~below) == (1, 2)
    del arena, pool
    gc.collect()
    assert ~below == 2
    pool, arena = below.allocator, own.allocator
    pool.close()
    arena.close()
    assert own.freed
    assert below.freed
    del arena, pool, own, below
    assert system_blocks() <= before
    with pytest.raises(InvalidSizeError, match="parent"):
        Arena(100, parent=Pool(64))
    with pytest.raises(InvalidSizeError, match="parent"):
        Pool(64, slab_blocks=2, parent=Pool(64))
    with Arena(64, parent=Pool(64)) as small, pytest.raises(AllocationError):
        small.malloc(1000)


def test_allocators_have_subclasses_but_no_attributes_of_their_own() -> None:
    class Named(Arena):
        name = "named"

    with Named(1000) as arena:
        assert arena.malloc(28).move(1).allocator is arena
    with pytest.raises(AttributeError):
        Arena().other = 1  # type: ignore[attr-defined]


# Arenas


def test_reset_and_rewind_free_later_blocks_unless_a_view_pins_them() -> None:
    with Arena(256) as arena:
        kept = arena.malloc(28)
        kept <<= 1
        mark = arena.mark()
        held = object()
        n_references = sys.getrefcount(held) if hasattr(sys, "getrefcount") else 0
        gone = [arena.malloc(64) for _ in range(10)]
        for ptr in gone:
            ptr <<= held
        arena.rewind(mark)
        assert all(ptr.freed for ptr in gone)
        assert (~kept, arena.stats().current_blocks) == (1, 1)
        arena.rewind(mark)
        if hasattr(sys, "getrefcount"):
            assert sys.getrefcount(held) == n_references
        view = kept.view()
        for act in (arena.reset, arena.close):
            with pytest.raises(BufferError):
                act()
        arena.rewind(mark)  # the pinned block is older than the mark
        view.release()
        del view
        arena.reset()
        assert kept.freed
        with pytest.raises(FreedMemoryError, match="mark"):
            arena.rewind(mark)
        assert arena.malloc(8).read() == bytes(8)
    for act in (arena.reset, arena.mark, lambda: arena.rewind(mark)):
        with pytest.raises(ValueError, match="closed"):
            act()


@pytest.mark.parametrize("mark", [-1, 2**64, 2**200])
def test_a_number_that_is_no_mark_is_refused(mark: int) -> None:
    with Arena() as arena, pytest.raises(ValueError, match="mark"):
        arena.rewind(mark)


@pytest.mark.parametrize("mark", ["1", None, 1.0])
def test_marks_are_ints(mark: Any) -> None:
    with Arena() as arena, pytest.raises(TypeError, match="mark"):
        arena.rewind(mark)


SIZES = [(0, ValueError), (-1, ValueError), (2**64, AllocationError), (2**200, AllocationError),
         ("1", TypeError), (1.5, TypeError), (None, TypeError)]  # fmt: skip


@pytest.mark.parametrize(("size", "error"), SIZES)
def test_bad_sizes_of_arenas_and_pools_are_refused(size: Any, error: "type[Exception]") -> None:
    for act in (lambda: Arena(size), lambda: Pool(size)):
        with pytest.raises(error):
            act()


# Pools


def test_a_pool_refuses_sizes_and_alignments_beyond_its_own() -> None:
    with Pool(64, align=32) as pool:
        assert pool.block_size == 64
        with pool.malloc(64, align=32) as ptr:
            assert (ptr.address % 32, ptr.capacity) == (0, 64)
            with pytest.raises(InvalidSizeError, match="65 bytes are more than the 64 bytes"):
                realloc(ptr, 65)
        with pool.malloc(0) as ptr:
            assert (ptr.size, ptr.capacity) == (0, 64)
        for act in (lambda: pool.malloc(65), lambda: pool.calloc(5, 13),
                    lambda: pool.malloc(1, align=64)):  # fmt: skip
            with pytest.raises(InvalidSizeError, match="up to 64 bytes, aligned to 32"):
                act()
    for wrong in ({"align": 3}, {"slab_blocks": 0}, {"slab_blocks": -1}, {"align": 2**22}):
        with pytest.raises(ValueError):  # noqa: PT011 - each names its own value
            Pool(64, **wrong)
    with pytest.raises(MemoryError):
        Pool(2**62, slab_blocks=4)


def test_many_blocks_one_after_another_leave_no_memory_behind() -> None:
    before = system_blocks()
    with Pool(64) as pool, Arena() as arena:
        for _ in range(20_000):
            pool.malloc(28).move([]).free()
            arena.malloc(28).move([])
        arena.reset()
        assert pool.stats().total_blocks == 20_000
        assert pool.stats().peak_blocks == 1
    del pool, arena
    assert system_blocks() <= before


# Other libraries


def test_a_library_without_malloc_is_refused() -> None:
    for path, prefix, message in (
        ("libnot-there.so.9", "", "libnot-there"),
        ("libm.so.6", "", "libm.so.6 has no function malloc of its own"),
        ("libc.so.6", "no_", "no_malloc"),
        (__file__, "", "invalid ELF header"),
    ):
        with pytest.raises(LibraryError, match=message):
            load_allocator(path, prefix)
    for path, prefix in (("", ""), ("a\0b", ""), ("libc.so.6", "\0")):
        with pytest.raises(ValueError, match="names no library"):
            load_allocator(path, prefix)
    for wrong in (None, 1, b"libc.so.6"):
        with pytest.raises(TypeError):
            load_allocator(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="load_allocator"):
        Foreign()
