# SPDX-License-Identifier: MIT
"""While tracemalloc traces: blocks in a domain of their own, and lines in errors and warnings."""

import gc
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pointers import (
    Arena,
    FreedMemoryError,
    Guard,
    Limit,
    Pool,
    _traces,
    calloc,
    free,
    live_blocks,
    malloc,
    memcpy,
    memset,
    realloc,
    tracemalloc_domain,
)
from pointers._ffi import fast

tracemalloc = pytest.importorskip("tracemalloc")
compiled = pytest.mark.skipif(fast is None, reason="C tells tracemalloc")
THIS = __file__


@pytest.fixture(autouse=True)
def _tracing() -> Iterator[None]:
    gc.collect()
    tracemalloc.start(3)
    yield
    gc.collect()
    assert traced() == {}
    tracemalloc.stop()


def traced() -> "dict[int, int]":
    """Return the bytes by line that the domain has of this file."""
    if fast is None:
        return {}
    only = tracemalloc.DomainFilter(True, tracemalloc_domain)
    found = tracemalloc.take_snapshot().filter_traces([only]).statistics("lineno")
    assert all(each.traceback[0].filename == THIS for each in found)
    return {each.traceback[0].lineno: each.size for each in found}


def line() -> int:
    return sys._getframe(1).f_lineno


@compiled
def test_each_block_is_in_the_domain_at_its_line() -> None:
    start = line()
    ptr = malloc(1000)
    array = calloc(3, 48)
    pool = Pool(64)
    small = [pool.malloc(60) for _ in range(3)]
    budget = Limit(None, 5000)
    limited = budget.malloc(50, align=64)
    assert traced() == {start + 1: 1000, start + 2: 144, start + 4: 180, start + 6: 50}
    realloc(ptr, 5000)
    array.realloc(48)
    assert sorted(traced().values()) == [48, 50, 180, 5000]
    free(ptr)
    array.free()
    with limited:
        pass
    pool.close()
    assert (traced(), small[0].freed) == ({}, True)
    arena = Arena()
    mark = arena.mark()
    kept = [arena.malloc(10) for _ in range(4)]
    assert list(traced().values()) == [40]
    arena.rewind(mark)
    assert traced() == {}
    kept = [arena.malloc(10) for _ in range(4)]
    del kept[:2]
    assert list(traced().values()) == [20]
    arena.reset()
    assert traced() == {}
    address = malloc(20)
    assert list(traced().values()) == [20]
    memory = address.release()
    assert traced() == {}
    from ctypes import CDLL, c_void_p

    CDLL(None).free(c_void_p(memory))


@compiled
def test_blocks_from_before_and_after_tracing_do_no_harm() -> None:
    tracemalloc.stop()
    before = malloc(10)
    tracemalloc.start()
    during = malloc(20)
    realloc(before, 15)
    tracemalloc.stop()
    after = malloc(30)
    tracemalloc.start()
    ages = {info.size: info.age for info in live_blocks() if info.size in (15, 20, 30)}
    assert ages == {15: None, 20: 0, 30: None}
    for ptr in (before, during, after):
        realloc(ptr, 40)
        free(ptr)
    assert traced() == {}


def test_records_have_lines_and_ages() -> None:
    start = line()
    kept = [malloc(4321), malloc(4321), Guard().malloc(4321)]
    found = [info for info in live_blocks() if info.size == 4321]
    found.sort(key=lambda info: -info.age)  # type: ignore[operator]
    assert [info.age for info in found] == [2, 1, 0]
    assert {info.allocated_at[0] for info in found if info.allocated_at} == {f"{THIS}:{start + 1}"}
    assert found[0].allocated_at is not None
    assert 1 < len(found[0].allocated_at) <= 3
    for ptr in kept:
        free(ptr)


def test_errors_say_where_a_block_was_allocated_and_freed() -> None:
    start = line()
    ptr = malloc(28)
    alias = ptr + 4
    array = calloc(3, 28)
    free(ptr)
    array.free()
    lines = rf"dead: .* \(allocated at {THIS}:{start + 1}, freed at {THIS}:{start + 4}\)$"
    acts = (
        lambda: ~ptr, lambda: ptr.move(1), lambda: ptr.move([]), lambda: free(ptr), ptr.free,
        lambda: realloc(ptr, 8), lambda: alias.read(1), lambda: alias.write(b"1"),
        lambda: ptr.address, lambda: ptr.size, ptr.view, lambda: memset(alias, 0, 1),
        lambda: memcpy(malloc_once, ptr, 1), ptr.release, ptr.__enter__, lambda: ptr.allocator,
    )  # fmt: skip
    with malloc(8) as malloc_once:
        for act in acts:
            with pytest.raises(FreedMemoryError, match=lines):
                act()
    for act in (array.tolist, lambda: array[1].read(), lambda: array.fill(1), lambda: array[0]):
        with pytest.raises(FreedMemoryError, match=f"freed at {THIS}:{start + 5}"):
            act()
    with Arena() as arena:
        kept = arena.malloc(8)
        arena.reset()
        with pytest.raises(FreedMemoryError, match=f"{THIS}:.* freed at {THIS}:{line() - 1}"):
            ~kept


def test_what_is_remembered_of_freed_blocks_is_bounded() -> None:
    first = malloc(8)
    free(first)
    for _ in range(5000):
        free(malloc(8))
    with pytest.raises(FreedMemoryError, match=r"allocate it anew$"):
        first.read()


def test_leak_warnings_say_where_the_block_was_allocated() -> None:
    start = line()
    ptr: Any = malloc(28)
    text = rf"^AllocatedPointer to 28 bytes, allocated at {THIS}:{start + 1}, was dropped"
    with pytest.warns(ResourceWarning, match=text) as caught:
        del ptr
    assert caught[0].lineno == line() - 1


def test_a_dropped_block_stays_known_as_long_as_a_view_uses_it() -> None:
    ptr = malloc(777)
    view = ptr.view()
    del ptr
    (info,) = [info for info in live_blocks() if info.size == 777]
    assert info.allocated_at
    assert info.pins == 1
    view.release()
    with Arena() as arena:  # closing looks at all blocks that have ended unseen
        arena.malloc(1)
    assert 777 not in traced().values()


def test_threads_are_traced_each_by_itself() -> None:
    def work() -> None:
        for _ in range(200):
            free(malloc(16))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_at_the_recursion_limit_blocks_end_as_ever() -> None:
    def deeper() -> None:
        ptr = malloc(8)
        try:
            deeper()
        finally:
            free(ptr)

    with pytest.raises(RecursionError):
        deeper()
    gc.collect()
    assert [info for info in live_blocks() if info.size == 8 and info.age is not None] == []


@compiled
def test_however_a_block_is_asked_for_and_resized_it_is_in_the_domain() -> None:
    class Index:
        def __index__(self) -> int:
            return 10

    pool, kept = Pool(64), []
    start = line()
    kept.append(malloc(size=10))
    kept.append(malloc(Index()))  # type: ignore[arg-type]
    kept.append(calloc(count=2, size=8))
    kept.append(pool.malloc(size=12))
    kept.append(pool.calloc(2, size=9))
    kept.append(Guard().malloc(11))
    assert [traced()[start + 1 + i] for i in range(6)] == [10, 10, 16, 12, 18, 11]
    kept[0].realloc(size=300)
    realloc(kept[1], size=301)
    assert [traced()[start + 8 + i] for i in range(2)] == [300, 301]
    for ptr in kept:
        ptr.free()
    assert traced() == {}


def interrupting(name: str) -> Any:
    """Return a profile function which ends a function of that name, as ^C may."""

    def profile(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_name == name:
            sys.setprofile(None)
            raise KeyboardInterrupt

    return profile


def interrupt(name: str, act: Any) -> None:
    sys.setprofile(interrupting(name))
    try:
        with pytest.raises(KeyboardInterrupt):
            act()
    finally:
        sys.setprofile(None)


def test_a_block_whose_allocation_is_interrupted_is_forgotten() -> None:
    for name in ("block_allocated", "_callers"):
        interrupt(name, lambda: malloc(4322))
    assert [info for info in live_blocks() if info.size == 4322] == []
    assert traced() == {}


def test_an_interrupted_sweep_is_not_the_last() -> None:
    kept = [malloc(8) for _ in range(3)]
    _traces._sweep_at[0] = 0
    interrupt("sweep", lambda: malloc(8))
    for _ in range(4200):
        malloc(8).view().release()  # the block's end is not told
    assert len(_traces.live) < 4000
    for ptr in kept:
        ptr.free()
    _traces.sweep()


def test_ages_count_on_while_a_block_is_noted() -> None:
    older = malloc(4323)
    within = []

    def profile(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_name == "_callers":
            sys.setprofile(None)
            within.append(malloc(4323))

    sys.setprofile(profile)
    newer = malloc(4323)
    assert {info.age for info in live_blocks() if info.size == 4323} == {0, 1, 2}
    for ptr in (older, newer, *within):
        ptr.free()


def lacks_memory(*_: object) -> None:
    raise MemoryError


def lacks_a_frame(*_: object) -> None:
    raise SystemError("error return without exception set")


@compiled
@pytest.mark.parametrize("lacking", [lacks_memory, lacks_a_frame])
def test_without_memory_lines_stay_unknown(lacking: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_traces, "_callers", lacking)
    ptr = malloc(4324)  # its lines could not be noted
    monkeypatch.undo()
    monkeypatch.setattr(_traces.block_allocated, "__code__", lacking.__code__)
    monkeypatch.setattr(_traces.block_freed, "__code__", lacking.__code__)
    other = malloc(4324)  # nor could anything be called
    assert {info.allocated_at for info in live_blocks() if info.size == 4324} == {None}
    ptr.free()
    free(other)
    assert (ptr.freed, other.freed) == (True, True)


@compiled
def test_once_tracing_has_stopped_a_block_that_ended_unseen_is_found() -> None:
    view = malloc(8).view()
    tracemalloc.stop()
    try:
        view.release()
        assert len(_traces.live) == 1
        _traces._sweep_at[0] = 0
        malloc(8).free()
        assert _traces.live == {}
    finally:
        tracemalloc.start(3)
