# SPDX-License-Identifier: MIT
"""Each allocation of an operation fails in turn: every failure raises, and leaks no memory."""

import ctypes
import gc
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from pointers import (
    AllocationError,
    Arena,
    Pool,
    allocator,
    calloc,
    load_allocator,
    malloc,
    realloc,
)

SOURCE = """
#include <stdlib.h>
static long calls, fail_at, fail_to, live;
static int fails(void) { ++calls; return fail_at <= calls && calls < fail_to; }
static void *counted(void *mem) { live += mem != NULL; return mem; }
void *failing_malloc(size_t n) { return counted(fails() ? NULL : malloc(n)); }
void *failing_calloc(size_t n, size_t m) { return counted(fails() ? NULL : calloc(n, m)); }
void *failing_realloc(void *p, size_t n) { return fails() ? NULL : realloc(p, n); }
void failing_free(void *p) { live -= p != NULL; free(p); }
long failing_calls(void) { return calls; }
long failing_live(void) { return live; }
void failing_at(long n, long count) { calls = 0; fail_at = n; fail_to = n + count; }
"""
# Without reference counts, the package collects garbage and tries again after a failure: let
# later tries fail, too
N_FAILURES = 1 if sys.implementation.name == "cpython" else 1000
CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")

pytestmark = pytest.mark.skipif(CC is None, reason="no C compiler")


class Failing:
    """An allocator whose n-th allocation fails, and which counts its calls and live blocks."""

    def __init__(self, path: Path) -> None:
        self.own = ctypes.CDLL(str(path))
        self.allocator = load_allocator(path, "failing_")

    def sweep(self, work: Callable[[], Any]) -> int:
        """Do the work without a failure, then with each allocation failing; return their number."""
        self.own.failing_at(0, 0)
        work()
        n_calls: int = self.own.failing_calls()
        assert self.live() == 0
        for n in range(1, n_calls + 1):
            self.own.failing_at(n, N_FAILURES)
            with pytest.raises(AllocationError) as caught:
                work()
            assert isinstance(caught.value, MemoryError)
            assert "no memory" in str(caught.value)
            del caught
            assert self.live() == 0, n
        self.own.failing_at(0, 0)
        work()
        return n_calls

    def live(self) -> int:
        for _ in range(3):
            if self.own.failing_live():
                gc.collect()
        live: int = self.own.failing_live()
        assert self.allocator.stats().current_blocks == live
        return live


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failing]:
    folder = tmp_path_factory.mktemp("failing")
    source, path = folder / "failing.c", folder / "libfailing.so"
    source.write_text(SOURCE)
    subprocess.run([str(CC), "-shared", "-fPIC", "-o", str(path), str(source)], check=True)
    made = Failing(path)
    with allocator(made.allocator):
        yield made


def objects() -> None:
    with malloc(64) as p, malloc(28) as q, calloc(4, 48) as a:
        p <<= ["kept"]
        q <<= 5
        a[:] = [1, "two", [3], None]
        a[1] = p
        assert (~p, ~q, a.tolist()) == (["kept"], 5, [1, ["kept"], [3], None])


def resizing() -> None:
    with malloc(28) as p, calloc(2, 28) as a:
        p <<= 5
        a.fill(7)
        try:
            for size in (1000, 28, 100_000, 56):
                realloc(p, size)
                realloc(a, 28 * max(2, size // 28))
        finally:
            # A failed resize keeps the objects
            assert (~p, ~a[0], ~a[1]) == (5, 7, 7)


def aliases() -> None:
    p = malloc(100)
    try:
        (p + 40).move("x")
        big = p.realloc(5000)
        assert big is p
        assert ~(p + 40) == "x"
    finally:
        assert ~(p + 40) == "x"
        p.free()


@pytest.mark.parametrize("work", [objects, resizing, aliases])
def test_a_failure_of_any_allocation_is_reported_and_harmless(
    failing: Failing, work: Callable[[], None]
) -> None:
    assert failing.sweep(work) >= 2


def test_a_failure_of_any_chunk_or_slab_is_reported_and_harmless(failing: Failing) -> None:
    def work() -> None:
        arena = Arena(256, parent=failing.allocator)
        pool = Pool(64, slab_blocks=2, parent=arena)
        kept = []
        try:
            for n in range(12):
                kept.append((arena if n % 2 else pool).malloc(60).move([n]))
                arena.mark()
        finally:
            assert [~p for p in kept] == [[n] for n in range(len(kept))]
            pool.close()
            arena.close()
            assert all(p.freed for p in kept)

    assert failing.sweep(work) >= 4
