# SPDX-License-Identifier: MIT
"""Compiled malloc and calloc of every allocator, whose C object no Python code can replace."""

import gc
import threading
import weakref
from contextvars import copy_context
from typing import Any

import pytest
from _collecting import settled_blocks

from pointers import (
    AllocationError,
    Arena,
    Guard,
    InvalidSizeError,
    Pool,
    System,
    allocator,
    calloc,
    free,
    malloc,
)
from pointers._alloc.default import default
from pointers._ffi import fast, lib

compiled = pytest.mark.skipif(fast is None, reason="the fast path is off")


@pytest.fixture(params=["arena", "pool"])
def source(request: Any) -> Any:
    return Arena() if request.param == "arena" else Pool(256, align=64)


def test_every_way_to_pass_an_allocator_allocates_from_it(source: Any) -> None:
    def by_default() -> Any:
        with allocator(source):
            return malloc(20)

    def array_by_default() -> Any:
        with allocator(source):
            return calloc(2, 10, align=32)

    made = [
        source.malloc(20),
        source.malloc(size=20),
        source.malloc(20, align=None),
        malloc(20, allocator=source),
        malloc(20, allocator=source, align=16),
        by_default(),
        calloc(2, 10, allocator=source),
        source.calloc(2, 10),
        array_by_default(),
    ]
    assert [ptr.allocator for ptr in made] == [source] * len(made)
    assert source.stats().current_blocks == len(made)
    assert [ptr.size for ptr in made] == [20] * len(made)
    for ptr in made:
        free(ptr)
    assert source.stats().current_blocks == 0
    assert malloc(1, allocator=None).free() is None


@pytest.mark.parametrize("align", [1, 2, 16, 32, 64, 4096])
def test_blocks_are_aligned_as_asked_for(align: int) -> None:
    for source in (Arena(), Pool(64, align=4096), System()):
        with (
            source.malloc(10, align=align) as ptr,
            calloc(3, 5, align=align, allocator=source) as array,
        ):
            assert ptr.address % align == 0
            assert array.address % align == 0
            assert ptr.alignment == array.alignment == align


@pytest.mark.parametrize("align", [0, 3, -8, 2**22, 2**70, False, 1.5, "16"])
def test_wrong_alignments_are_refused(source: Any, align: Any) -> None:
    for make in (
        lambda: source.malloc(8, align=align),
        lambda: source.calloc(2, 8, align=align),
        lambda: malloc(8, align=align, allocator=source),
        lambda: malloc(8, align=align),
        lambda: calloc(1, 8, align=align),
    ):
        with pytest.raises((ValueError, TypeError)):
            make()
    assert source.stats().total_blocks == 0


def test_wrong_arguments_raise_type_error(source: Any) -> None:
    for make in (
        lambda: source.malloc(),
        lambda: source.malloc(1, 2),
        lambda: source.malloc(1, allocator=source),
        lambda: source.malloc(1, allocator=None),
        lambda: source.malloc(1, size=1),
        lambda: source.malloc(1, alignment=16),
        lambda: source.calloc(1),
        lambda: source.calloc(1, 2, 3),
        lambda: malloc(1, allocator=5),
        lambda: malloc(1, allocator=Arena),
    ):
        with pytest.raises(TypeError):
            make()
    assert source.stats().total_blocks == 0


def test_errors_name_the_size_or_the_closed_allocator() -> None:
    pool = Pool(64)
    with pytest.raises(InvalidSizeError, match="up to 64 bytes"):
        pool.malloc(65)
    with pytest.raises(InvalidSizeError):
        calloc(3, 64, allocator=pool)
    arena = Arena()
    for size in (2**62, 2**63 - 1):
        with pytest.raises(AllocationError, match=str(size)):
            arena.malloc(size)
    for size in (2**63, 2**64, -1):
        with pytest.raises((AllocationError, ValueError)):
            arena.malloc(size)
    for each in (pool, arena):
        each.close()
        for make in (lambda each=each: each.malloc(8), lambda each=each: each.calloc(1, 8)):
            with pytest.raises(ValueError, match="closed"):
                make()
        with pytest.raises(ValueError, match="closed"), allocator(each):
            malloc(8)


def test_an_allocator_whose_init_never_ran_is_refused() -> None:
    for kind in (Arena, Pool, Guard):
        bare: Any = object.__new__(kind)
        for make in (
            lambda bare=bare: bare.malloc(8),
            lambda bare=bare: malloc(8, allocator=bare),
            lambda bare=bare: calloc(1, 8, allocator=bare),
        ):
            with pytest.raises(ValueError, match="never made"):
                make()


@compiled
def test_attributes_set_from_python_do_not_change_the_allocator_in_use() -> None:
    arena: Any = Arena()
    other: Any = Arena()
    # Only the slow path uses these objects of cffi
    for name in ("_cell", "_held_by_cell"):
        setattr(arena, name, getattr(other, name))
    with arena.malloc(8) as ptr:
        assert ptr.allocator is not other
    for name in ("_cell", "_held_by_cell"):
        delattr(arena, name)
    gc.collect()
    free(arena.malloc(8))
    assert other.stats().total_blocks == 0


@compiled
def test_a_forged_key_does_not_bind_an_allocator() -> None:
    bare: Any = object.__new__(Arena)
    for key in (0, -1, 1, 2**40, 2**63 - 1, -(2**63)):
        fast.bind(bare, key)
        with pytest.raises(ValueError, match="never made"):
            bare.malloc(8)
    arena = Arena()
    key = lib.ptrs_access_offer(arena._cdata)
    lib.ptrs_access_withdraw(key)
    fast.bind(bare, key)
    with pytest.raises(ValueError, match="never made"):
        bare.malloc(8)
    # An object that is bound already stays as it is
    other = Arena()
    key = lib.ptrs_access_offer(other._cdata)
    fast.bind(arena, key)
    lib.ptrs_access_withdraw(key)
    with arena.malloc(8) as ptr:
        assert ptr.allocator is arena
    for wrong in ((5, 1), (arena, "1"), (arena, 2**70), (arena,)):
        with pytest.raises((TypeError, OverflowError)):
            fast.bind(*wrong)


@compiled
def test_allocators_beyond_the_table_of_offers_still_work() -> None:
    arena = Arena()
    keys = []
    while (key := lib.ptrs_access_offer(arena._cdata)) > 0:
        keys.append(key)
    try:
        other = Arena()
        with other.malloc(8) as ptr:
            assert ptr.allocator is other
    finally:
        for key in keys:
            lib.ptrs_access_withdraw(key)
    assert len(keys) > 100


@compiled
def test_a_forged_default_is_refused_and_real_ones_are_read_only() -> None:
    with allocator(Arena()):
        entry: Any = default.get()
        for name in ("source", "block", "before"):
            with pytest.raises((AttributeError, TypeError)):
                setattr(entry, name, 5)
        forged = type(entry)(5, None, None)
        context = copy_context()

        def use() -> None:
            default.set(forged)
            with pytest.raises(AttributeError):
                malloc(8)

        context.run(use)
    for wrong in ((), (1,), (1, 2), (1, 2, 3, 4)):
        with pytest.raises(TypeError):
            type(entry)(*wrong)
    with pytest.raises(TypeError):
        type(entry)(source=1, block=2, before=3)


def test_a_subclass_may_override_malloc() -> None:
    class Counting(Arena):
        n_calls = 0

        def malloc(self, size: int, *, align: "int | None" = None) -> Any:
            self.n_calls += 1
            return super().malloc(size + 1, align=align)

    arena = Counting()
    assert arena.malloc(8).size == 9
    assert arena.n_calls == 1
    # The function malloc() allocates directly, and calls no overridden method
    assert malloc(8, allocator=arena).size == 8
    assert arena.n_calls == 1


def test_a_block_keeps_the_memory_of_its_allocator_but_not_the_object() -> None:
    before = settled_blocks()
    arena = Arena(1 << 16)
    gone = weakref.ref(arena)
    ptr = arena.malloc(100)
    del arena
    gc.collect()
    assert gone() is None
    ptr <<= "still there"
    assert ~ptr == "still there"
    free(ptr)
    assert settled_blocks() == before


def test_closing_an_allocator_while_threads_allocate_raises_in_each() -> None:
    for _ in range(30):
        pool, arena = Pool(64), Arena()
        errors: list[Any] = []

        def use(each: Any, errors: "list[Any]" = errors) -> None:
            try:
                while True:
                    with allocator(each):
                        free(malloc(16))
                    free(each.calloc(2, 8))
            except ValueError as error:  # of malloc, or of free: closing has freed the block
                errors.append(error)

        threads = [threading.Thread(target=use, args=(each,)) for each in (pool, arena) * 2]
        for thread in threads:
            thread.start()
        pool.close()
        arena.close()
        for thread in threads:
            thread.join()
        assert len(errors) == 4
        assert pool.stats().current_blocks == arena.stats().current_blocks == 0


def test_a_default_allocator_that_is_dropped_still_serves_its_blocks() -> None:
    """The memory of an allocator stays until its last block is freed."""
    before = settled_blocks()

    def use() -> Any:
        default.set(type(default.get())(Arena(), None, default.get()))
        ptr = malloc(16)
        default.set(default.get().before)  # lets go of the last reference to the arena's object
        return ptr

    ptr = copy_context().run(use)
    ptr <<= None
    assert ~ptr is None
    free(ptr)
    del ptr
    assert settled_blocks() == before


def test_a_deeply_nested_default_is_freed_without_recursion() -> None:
    arena = Arena()
    blocks = [allocator(arena) for _ in range(20_000)]

    def use() -> None:
        for block in blocks:
            block.__enter__()
        assert malloc(8).allocator is arena
        # Lets go of all 20,000 entries at once
        default.set(first)

    first = default.get()
    copy_context().run(use)
    assert malloc(8).free() is None
