# SPDX-License-Identifier: MIT
"""Budgets: limit= of arenas and pools, Limit over any allocator, and release_unused()."""

import gc
import threading
from typing import Any

import pytest

from pointers import (
    AllocationError,
    Allocator,
    Arena,
    FreedMemoryError,
    Guard,
    InvalidSizeError,
    Limit,
    Pool,
    System,
    allocator,
    calloc,
    free,
    malloc,
    memmove,
    numpy_allocator,
    realloc,
)
from pointers._ffi import COUNTS_REFERENCES

MAKERS = {
    "arena": lambda: Arena(limit=150),
    "pool": lambda: Pool(100, limit=150),
    "limit": lambda: Limit(None, 150),
    "limit over pool": lambda: Limit(Pool(100), 150),
    "limit over guard": lambda: Limit(Guard(), 150),
    "limit over limit": lambda: Limit(Limit(Arena(), 1000), 150),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_what_exceeds_a_limit_is_refused_in_words(kind: str) -> None:
    with MAKERS[kind]() as source:
        assert source.limit == 150
        first = source.malloc(100)
        text = r"no memory for a block of 60 bytes: 60 more would exceed the limit of 150 bytes, "
        with pytest.raises(AllocationError, match=text + "of which 100 are in use$"):
            source.malloc(60)
        with pytest.raises(AllocationError, match=r"block of 64 bytes: 64 more .* limit of 150"):
            calloc(2, 32, allocator=source)
        with allocator(source), pytest.raises(MemoryError, match="limit of 150"):
            malloc(51, align=1)
        second = source.malloc(45).move("kept")
        text = "no memory for 60 bytes: 15 more would exceed the limit of 150 bytes, of which 145"
        with pytest.raises(AllocationError, match=text):
            realloc(second, 60)
        assert (~second, second.size, source.stats().current_bytes) == ("kept", 45, 145)
        free(first)
        assert realloc(second, 90).read(90)[60:] == bytes(30)
        assert ~second == "kept"
        assert source.stats().current_bytes == 90
        view = second.view()
        with pytest.raises(BufferError):
            source.close()
        view.release()
    with pytest.raises(FreedMemoryError):
        second.read(1)
    assert source.stats().current_bytes == 0
    # A refusal is told once: what fails for another reason is not put down to it
    with pytest.raises(
        AllocationError, match=r"no memory for a block of 4611686018427387904 bytes$"
    ):
        malloc(2**62)


def test_limits_that_make_no_sense_are_refused() -> None:
    for value in (0, -1, 2**63, 2**70):
        for make in (
            lambda n: Arena(limit=n),
            lambda n: Pool(8, limit=n),
            lambda n: Limit(None, n),
        ):
            with pytest.raises(ValueError, match=f"limit is {value}: it must be from 1 to"):
                make(value)
    for wrong in ("8", 1.5, None):
        with pytest.raises(TypeError, match="limit must be an int"):
            Limit(None, wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="parent must be an Allocator"):
        Limit(8, 8)  # type: ignore[arg-type]
    with pytest.raises(InvalidSizeError, match="up to 8 bytes"):
        Limit(Pool(8), 100).malloc(9)
    source: Allocator = System()
    for _ in range(64):
        source = Limit(source, 10)
    with pytest.raises(ValueError, match="64 allocators above"):
        Limit(source, 10)

    class Index:
        def __index__(self) -> int:
            limit.close()
            return 77

    limit = Limit(None, 10)
    kept = limit.malloc(10)
    limit.limit = Index()  # type: ignore[assignment]
    assert (limit.limit, limit.closed, kept.freed) == (77, True, True)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_limit_can_be_changed(kind: str) -> None:
    source: Any = MAKERS[kind]()
    ptr = source.malloc(80)
    with pytest.raises(ValueError, match="limit is 79: 80 bytes live already; free some"):
        source.limit = 79
    for wrong in (0, -5):
        with pytest.raises(ValueError, match="must be from 1"):
            source.limit = wrong
    with pytest.raises(TypeError):
        source.limit = None
    assert source.limit == 150
    source.limit = 80
    with pytest.raises(AllocationError, match="limit of 80 bytes, of which 80"):
        source.malloc(1)
    source.limit = 81
    free(source.malloc(1))
    free(ptr)
    assert (Arena().limit, Pool(8).limit) == (None, None)
    with pytest.raises(AttributeError):
        System().limit = 8  # type: ignore[attr-defined]


def test_a_budget_of_memory_stands_below_an_arena() -> None:
    with Limit(None, 100_000) as budget, Arena(1 << 15, parent=budget) as arena:
        kept: list[Any] = []
        with pytest.raises(AllocationError, match="32768 more would exceed the limit of 100000"):
            kept.extend(arena.malloc(1000) for _ in range(1000))
        with pytest.raises(AllocationError, match=r"no memory for a mark: .*limit of 100000"):
            kept.extend(arena.mark() for _ in range(1000))
        assert arena.stats().current_bytes == arena.stats().current_blocks * 1000
        arena.reset()
        assert budget.stats().current_bytes == 3 << 15
        assert arena.release_unused() == 3 << 15
        assert budget.stats().current_bytes == 0
    gc.collect()


def test_unused_memory_goes_back() -> None:
    with Limit(None, 1 << 20) as budget, Pool(64, slab_blocks=10, parent=budget) as pool:
        assert pool.release_unused() == 0
        kept = [pool.malloc(64) for _ in range(100)]
        full = budget.stats().current_bytes
        assert pool.release_unused() == 0
        for ptr in kept[:95]:
            free(ptr)
        went = pool.release_unused()
        assert (went, budget.stats().current_bytes) == (full // 10 * 9, full // 10)
        kept[99].write(b"x" * 64)
        kept[:95] = [pool.malloc(64) for _ in range(95)]
        assert len({ptr.address for ptr in kept}) == 100
        assert budget.stats().current_bytes == full
    with pytest.raises(ValueError, match="closed"):
        pool.release_unused()
    assert not hasattr(System(), "release_unused")


def test_threads_together_keep_to_a_limit() -> None:
    source = Limit(None, 1000)
    rounds = 300 if COUNTS_REFERENCES else 3  # elsewhere each refusal collects first
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(rounds):
                taken = []
                for _ in range(10):
                    try:
                        taken.append(source.malloc(64))
                    except AllocationError:
                        assert source.stats()  # refused in one of the threads
                for ptr in taken:
                    free(ptr)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert source.stats().current_bytes == 0
    assert source.stats().peak_bytes <= 1000 + 3 * 32 * 1024  # as docs/allocators.md says
    source.limit = 1  # nothing is left in use


def test_values_and_buffers_are_those_of_any_allocator() -> None:
    with Limit(Arena(), 10_000) as source:
        array = source.calloc(10, 48)
        array[:] = [1, "2", [3], 4.5, None, 6, 7, 8, 9, 10]
        assert array.tolist()[:4] == [1, "2", [3], 4.5]
        assert array.allocator is source
        assert {info.size for info in source.blocks()} == {480}
        ptr = source.malloc(16)
        with pytest.raises(ValueError, match="allocator Limit"):
            ptr.release()
        memmove(ptr, b"x" * 16, 16)
        assert ptr.read() == b"x" * 16


def test_arrays_of_numpy_come_out_of_a_budget() -> None:
    np = pytest.importorskip("numpy")
    try:
        block = numpy_allocator(Limit(None, 10_000))
    except NotImplementedError:
        pytest.skip("NumPy has no allocators here")
    with block as source:
        kept = np.ones(1000)
        with pytest.raises(MemoryError, match="allocate"):
            np.ones(1000)
    assert source.stats().current_bytes == 8016
    with pytest.raises(AllocationError, match="limit of 10000 bytes, of which 8016"):
        source.malloc(2000)
    with pytest.raises(BufferError):
        source.close()
    del kept
    source.close()
