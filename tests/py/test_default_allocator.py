# SPDX-License-Identifier: MIT
"""`with allocator(...)`: the default allocator belongs to the context, not to the object."""

import asyncio
import contextvars
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pointers import Arena, Pool, System, allocator, calloc, malloc


def source() -> Any:
    """Return the allocator that malloc and calloc use now."""
    with malloc(8) as ptr, calloc(1, 8) as array:
        assert array.allocator is ptr.allocator
        return ptr.allocator


@pytest.fixture(autouse=True)
def _default_is_restored() -> Iterator[None]:
    assert source() is System()
    yield
    assert source() is System()


def test_one_object_can_be_entered_within_itself() -> None:
    with Arena() as arena, Pool(64) as pool:
        default = allocator(arena)
        with default as inside:
            assert inside is arena
            with default, allocator(pool):
                assert source() is pool
                with default:
                    assert source() is arena
                assert source() is pool
            assert source() is arena
        assert source() is System()
        with default:
            assert source() is arena
        with allocator(arena), allocator(System()):
            assert source() is System()


def test_one_object_can_be_entered_by_several_threads() -> None:
    with Arena() as arena:
        default = allocator(arena)
        steps = threading.Barrier(3, timeout=300)
        seen: list[Any] = []

        def work(number: int) -> None:
            for _ in range(number):
                steps.wait()
            before = source()
            with default:
                steps.wait()
                inside = source()
            seen.append((before, inside, source()))
            for _ in range(2 - number):
                steps.wait()

        threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [(System(), arena, System())] * 3


def test_one_object_can_be_entered_by_several_tasks() -> None:
    with Arena() as arena, Pool(64) as pool:
        default = allocator(arena)

        async def work(delay: int, wrapped: bool) -> "list[Any]":
            seen = [source()]
            with allocator(pool if wrapped else arena), default:
                for _ in range(delay):
                    await asyncio.sleep(0)
                    seen.append(source())
            seen.append(source())
            return seen

        async def main() -> "list[Any]":
            # With these delays, tasks leave in another order than they enter
            tasks = [asyncio.ensure_future(work(n, n % 2 == 0)) for n in (5, 1, 3, 2, 4)]
            with default:
                results = await asyncio.gather(*tasks)
                assert source() is arena
                nested = await asyncio.ensure_future(work(1, True))
            assert nested == [arena, arena, arena]  # a task copies its creator's context
            assert source() is System()
            return list(results)

        for delay, seen in zip((5, 1, 3, 2, 4), asyncio.run(main())):
            assert seen == [System(), *[arena] * delay, System()]


def test_leaving_in_another_context_is_refused() -> None:
    with Arena() as arena:
        default = allocator(arena)
        context = contextvars.copy_context()
        context.run(default.__enter__)
        assert source() is System()
        with pytest.raises(RuntimeError, match="not entered in this context"):
            default.__exit__(None, None, None)
        assert context.run(source) is arena
        context.run(default.__exit__, None, None, None)
        assert context.run(source) is System()
        with pytest.raises(RuntimeError, match="not entered"):
            context.run(default.__exit__, None, None, None)


def test_leaving_in_another_thread_changes_no_other_default() -> None:
    with Arena() as arena:
        default = allocator(arena)
        found: list[Any] = []

        def end() -> None:
            try:
                default.__exit__(None, None, None)
            except RuntimeError as error:
                found.append(str(error))

        with default:
            thread = threading.Thread(target=end)
            thread.start()
            thread.join()
            assert source() is arena
        if getattr(sys.flags, "thread_inherit_context", False):
            assert not found  # the object counts as entered there
        else:
            assert len(found) == 1 and "context, as of a thread" in found[0]


def test_leaving_an_outer_block_first_is_refused_unless_an_exception_passes() -> None:
    with Arena() as arena, Pool(64) as pool:

        def generate() -> Iterator[Any]:
            with allocator(arena):
                yield source()

        for end in (True, False):
            generator = generate()
            assert next(generator) is arena
            with allocator(pool):
                if end:
                    with pytest.raises(RuntimeError, match="entered later have not ended"):
                        next(generator)
                else:
                    generator.close()  # raises GeneratorExit inside, which is not replaced
                assert source() is pool
            assert source() is System()


def test_leaving_a_middle_block_takes_effect_when_the_inner_one_ends() -> None:
    with Arena() as outer, Arena() as middle, Arena() as inner:
        blocks = [allocator(outer), allocator(middle), allocator(inner)]
        for block in blocks:
            block.__enter__()
        with pytest.raises(RuntimeError):
            blocks[1].__exit__(None, None, None)
        assert source() is inner
        blocks[2].__exit__(None, None, None)
        assert source() is outer
        blocks[0].__exit__(None, None, None)


def test_an_exception_is_not_replaced_by_an_error_of_leaving() -> None:
    with Arena() as arena:
        default = allocator(arena)
        with pytest.raises(KeyError, match="mine"), default:
            raise KeyError("mine")
        assert source() is System()
        default.__exit__(KeyError, KeyError("mine"), None)  # never entered
        assert source() is System()


@pytest.mark.parametrize("wrong", [None, Arena, 1, "system"])
def test_what_is_no_allocator_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="allocator must be an Allocator"):
        allocator(wrong)
