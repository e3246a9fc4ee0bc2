# SPDX-License-Identifier: MIT
"""Which handler NumPy has before, inside and after `with numpy_allocator(...)`."""

import contextvars
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from _handlers import CAPSULE, current, install, name_of, np

import pointers._interop.numpy as internal
from pointers import Allocator, Arena, Pool, numpy_allocator

numpy_allocator(Arena())  # finds what current() needs


def test_blocks_nest() -> None:
    arena, pool = Arena(), Pool(4096)
    before = current()
    with numpy_allocator(arena):
        with numpy_allocator(pool), numpy_allocator(arena):
            assert name_of(np.ones(3)) == "pointers arena"
        with numpy_allocator(pool):
            assert name_of(np.ones(3)) == "pointers pool"
        assert name_of(np.ones(3)) == "pointers arena"
    assert current() is before


def test_one_object_is_entered_again() -> None:
    arena = Arena()
    block, before = numpy_allocator(arena), current()
    for _ in range(2):
        with block:
            inside = current()
            with block:
                assert name_of() == "pointers arena"
            assert current() is inside
        assert current() is before


def test_an_exception_ends_the_block() -> None:
    before = current()
    with pytest.raises(ZeroDivisionError), numpy_allocator(Arena()):
        raise ZeroDivisionError
    assert current() is before


def test_the_handler_of_other_code_is_put_back() -> None:
    def run() -> None:
        numpy_allocator(Arena())
        install(CAPSULE)
        array = np.arange(100)
        assert name_of(array) == "foreign"
        with numpy_allocator(Arena()):
            inside = current()
            assert name_of(np.concatenate([array, array])) == "pointers arena"
            install(CAPSULE)
            array.resize(200, refcheck=False)
            assert name_of(np.zeros(10)) == "foreign"
            install(inside)
        assert current() is CAPSULE
        assert np.zeros(10).sum() == 0

    contextvars.Context().run(run)


@pytest.mark.parametrize("raising", [False, True])
def test_the_handler_of_other_code_stays_where_it_was_left(raising: bool) -> None:
    def run() -> None:
        block = numpy_allocator(Arena())
        block.__enter__()
        install(CAPSULE)
        if raising:
            block.__exit__(ValueError)
        else:
            with pytest.raises(RuntimeError, match="the other handler stays"):
                block.__exit__()
        assert current() is CAPSULE
        # The block has ended
        with pytest.raises(RuntimeError, match="not entered in this context"):
            block.__exit__()
        assert current() is CAPSULE

    contextvars.Context().run(run)


def test_blocks_that_end_in_another_order() -> None:
    arenas = [Arena() for _ in range(4)]
    before = current()

    def hold(source: Arena) -> Iterator[None]:
        with numpy_allocator(source):
            yield

    def name_and_owner() -> int:
        array = np.ones(3)
        (owner,) = [i for i, arena in enumerate(arenas) if arena.stats().current_blocks]
        del array
        return owner

    held = [hold(arena) for arena in arenas]
    for each in held:
        next(each)
    for each in held[1:3]:
        with pytest.raises(RuntimeError, match="blocks that were entered later"):
            next(each)
        assert name_and_owner() == 3
    for owner in (0, None):
        with pytest.raises(StopIteration):
            next(held[3 if owner == 0 else 0])
        if owner is not None:
            assert name_and_owner() == owner
    assert current() is before


def test_a_block_ends_in_its_context_alone() -> None:
    block = numpy_allocator(Arena())
    with pytest.raises(RuntimeError, match="not entered in this context"):
        block.__exit__()
    with block:
        with pytest.raises(RuntimeError, match="not entered in this context"):
            contextvars.Context().run(block.__exit__)
        # A copy has the block, and ends its own
        copy = contextvars.copy_context()
        copy.run(block.__exit__)
        assert copy.run(name_of) == "default_allocator"
        assert name_of() == "pointers arena"
    assert name_of() == "default_allocator"


def test_handlers_go_with_their_arrays(run_python: Any) -> None:
    done = run_python(
        """
        import tracemalloc
        import numpy as np
        from pointers import Arena, System, numpy_allocator

        arena = Arena()
        def work():
            for _ in range(1000):
                with numpy_allocator(arena):
                    array = np.ones(3)
        work()
        tracemalloc.start()
        work()
        before = tracemalloc.get_traced_memory()[0]
        work()
        assert tracemalloc.get_traced_memory()[0] - before < 10_000
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_threads_have_contexts_of_their_own() -> None:
    arena, other = Arena(), Arena()
    names = []

    def work() -> None:
        names.append(name_of())
        with numpy_allocator(other):
            names.append(name_of())
        names.append(name_of())

    with numpy_allocator(arena):
        if not getattr(sys.flags, "thread_inherit_context", False):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            assert names == ["default_allocator", "pointers arena", "default_allocator"]
        context = contextvars.copy_context()
        assert context.run(name_of) == "pointers arena"
    assert context.run(name_of) == "pointers arena"
    assert context.run(np.ones, 3).sum() == 3
    assert contextvars.Context().run(name_of) == "default_allocator"


def test_tasks_have_contexts_of_their_own() -> None:
    import asyncio

    arena, pool = Arena(), Pool(4096)

    async def one(source: Allocator, expected: str) -> None:
        for _ in range(3):
            with numpy_allocator(source):
                await asyncio.sleep(0)
                assert name_of(np.ones(3)) == expected
            await asyncio.sleep(0)
            assert name_of(np.ones(3)) == "default_allocator"

    async def main() -> None:
        await asyncio.gather(one(arena, "pointers arena"), one(pool, "pointers pool"))

    asyncio.run(main())


def test_what_is_no_handler_is_refused() -> None:
    compiled, table, variable, _ = internal._found
    for wrong in (None, 5, table):
        with pytest.raises(TypeError, match="a handler is needed"):
            compiled.set(table, wrong)
    for function in (compiled.versions, compiled.current):
        with pytest.raises((TypeError, ValueError)):
            function(CAPSULE)
    with pytest.raises(MemoryError):
        compiled.enter(variable, internal._entries, numpy_allocator(Arena()), 0)
    assert name_of() == "default_allocator"
