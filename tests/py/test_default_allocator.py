# SPDX-License-Identifier: MIT
"""The allocator of a `with allocator(...)` block: of a context, not of the object."""

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pointers import Arena, Pool, System, allocator, calloc, malloc


def source() -> Any:
    """Return the allocator that malloc takes now."""
    with malloc(8) as ptr, calloc(1, 8) as array:
        assert array.allocator is ptr.allocator
        return ptr.allocator


@pytest.fixture(autouse=True)
def _leaves_nothing() -> Iterator[None]:
    assert source() is System()
    yield
    assert source() is System()


def test_one_object_in_itself() -> None:
    with Arena() as one, Pool(64) as two:
        default = allocator(one)
        with default as inside:
            assert inside is one
            with default, allocator(two):
                assert source() is two
                with default:
                    assert source() is one
                assert source() is two
            assert source() is one
        assert source() is System()
        with default:
            assert source() is one
        with allocator(one), allocator(System()):
            assert source() is System()


def test_one_object_in_several_threads() -> None:
    with Arena() as one:
        default = allocator(one)
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
        assert seen == [(System(), one, System())] * 3


def test_one_object_in_several_tasks() -> None:
    with Arena() as one, Pool(64) as two:
        default = allocator(one)

        async def work(delay: int, wrapped: bool) -> "list[Any]":
            seen = [source()]
            with allocator(two if wrapped else one), default:
                for _ in range(delay):
                    await asyncio.sleep(0)
                    seen.append(source())
            seen.append(source())
            return seen

        async def main() -> "list[Any]":
            # The first to come in are not the first to go
            tasks = [asyncio.ensure_future(work(n, n % 2 == 0)) for n in (5, 1, 3, 2, 4)]
            with default:
                results = await asyncio.gather(*tasks)
                assert source() is one
                nested = await asyncio.ensure_future(work(1, True))
            assert nested == [one, one, one]  # a task has its maker's context
            assert source() is System()
            return list(results)

        for delay, seen in zip((5, 1, 3, 2, 4), asyncio.run(main())):
            assert seen == [System(), *[one] * delay, System()]


def test_a_block_that_begins_and_ends_in_different_contexts() -> None:
    with Arena() as one:
        default = allocator(one)
        context = contextvars.copy_context()
        context.run(default.__enter__)
        assert source() is System()
        with pytest.raises(RuntimeError, match="not entered in this context"):
            default.__exit__(None, None, None)
        assert context.run(source) is one
        context.run(default.__exit__, None, None, None)
        assert context.run(source) is System()
        with pytest.raises(RuntimeError, match="not entered"):
            context.run(default.__exit__, None, None, None)


def test_a_thread_that_ends_the_block_of_another() -> None:
    with Arena() as one:
        default = allocator(one)
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
            assert source() is one
        # Where threads inherit their maker's context, the block was entered there as well
        assert not found or "context, as of a thread" in found[0]


def test_blocks_that_end_in_another_order() -> None:
    with Arena() as one, Pool(64) as two:

        def generate() -> Iterator[Any]:
            with allocator(one):
                yield source()

        for end in (True, False):
            generator = generate()
            assert next(generator) is one
            with allocator(two):
                if end:
                    with pytest.raises(RuntimeError, match="entered later have not ended"):
                        next(generator)
                else:
                    generator.close()  # an exception is on its way, and passes
                assert source() is two
            assert source() is System()


def test_blocks_in_the_middle() -> None:
    with Arena() as one, Arena() as two, Arena() as three:
        blocks = [allocator(one), allocator(two), allocator(three)]
        for block in blocks:
            block.__enter__()
        with pytest.raises(RuntimeError):
            blocks[1].__exit__(None, None, None)
        assert source() is three
        blocks[2].__exit__(None, None, None)
        assert source() is one
        blocks[0].__exit__(None, None, None)


def test_exceptions_pass() -> None:
    with Arena() as one:
        default = allocator(one)
        with pytest.raises(KeyError, match="mine"), default:
            raise KeyError("mine")
        assert source() is System()
        default.__exit__(KeyError, KeyError("mine"), None)  # never entered
        assert source() is System()


@pytest.mark.parametrize("wrong", [None, Arena, 1, "system"])
def test_only_allocators(wrong: Any) -> None:
    with pytest.raises(TypeError, match="allocator must be an Allocator"):
        allocator(wrong)
