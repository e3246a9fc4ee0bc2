# SPDX-License-Identifier: MIT
"""Threads, signal handlers, finalizers and forks in the middle of stores of held objects.

None waits for another, and when all memory is freed, no object is alive.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
import weakref
from typing import Any, Callable

import pytest
from _sanitized import ADDRESS_SANITIZER
from _stepped import stop_at
from _together import together
from _watched import Thing, gone

from pointers import Arena, FreedMemoryError, Pool, free, malloc, memset
from pointers._ffi import fast

MODULE = "_pointer/held.py"

of_python = pytest.mark.skipif(fast is not None, reason="a compiled store has no steps of Python")


@pytest.fixture(autouse=True)
def _switch_often() -> Any:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


class Things:
    """Makes objects, and checks that none of them is alive."""

    def __init__(self) -> None:
        self.refs: list[Any] = []

    def new(self) -> Thing:
        thing = Thing()
        self.refs.append(weakref.ref(thing))
        return thing

    def check_none_alive(self) -> None:
        assert self.refs
        assert all(map(gone, self.refs))


def without_errors(results: list[Any]) -> None:
    """Check what `together` returned: none of its functions has raised."""
    assert not [result for result in results if isinstance(result, BaseException)]


@of_python
def test_two_threads_amid_stores_can_store_into_each_other_s_blocks() -> None:
    """A finalizer in one thread and a signal handler in another may do so."""
    for step in itertools.count():
        p, q = malloc(64).move([]), malloc(64).move([])
        barrier = threading.Barrier(2, timeout=60)
        stopped: list[bool] = []

        def store(mine: Any, other: Any) -> None:
            def inside() -> None:
                barrier.wait()  # noqa: B023 - called at once
                other.move(["inside"])

            stopped.append(stop_at(step, inside, lambda: mine.move(["mine"]), lines_of=MODULE))  # noqa: B023

        without_errors(together(lambda: store(p, q), lambda: store(q, p)))  # noqa: B023
        for ptr in (p, q):
            assert ~ptr in (["mine"], ["inside"])
            free(ptr)
        if not all(stopped):
            break
    assert step > 3


SIGNALS = """
    import gc, signal, sys, threading
    from pointers import free, malloc
    sys.setswitchinterval(1e-6)
    CPYTHON = sys.implementation.name == "cpython"
    N = 300 if CPYTHON else 30
    p, q = malloc(64).move([]), malloc(64).move([])
    n_signals = n_ends = 0
    class Loop:
        def __init__(self): self.me = self
        def __del__(self):
            global n_ends
            n_ends += 1
            q.move(["a finalizer's"])
    def handle(signum, frame):
        global n_signals
        n_signals += 1
        p.move(["a signal's"])
        # Set anew each time: a periodic timer faster than this handler would nest for ever
        if n_signals < N or n_ends < N:
            signal.setitimer(signal.ITIMER_REAL, 1e-4)
    def work():
        while n_signals < N or n_ends < N:
            Loop()
            p.move(["a thread's"])
            if n_ends < N and not CPYTHON:
                gc.collect()
    if CPYTHON:
        gc.set_threshold(5, 1, 1)
    signal.signal(signal.SIGALRM, handle)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    signal.setitimer(signal.ITIMER_REAL, 1e-4)
    while n_signals < N or n_ends < N:
        q.move(["main"])
    thread.join(60)
    assert not thread.is_alive()
    assert isinstance(~p, list) and isinstance(~q, list)
    free(p), free(q)
    print("done")
"""


def test_signal_handlers_and_finalizers_can_store_into_the_same_blocks(run_python: Any) -> None:
    pytest.importorskip("signal")
    done = run_python(SIGNALS, timeout=100)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_threads_that_store_load_write_and_free_leak_no_object() -> None:
    things = Things()
    for _ in range(30):
        p = malloc(64).move(things.new())

        def store(at: int) -> None:
            with contextlib.suppress(FreedMemoryError):
                for _ in range(50):
                    (p + at).move(things.new())  # noqa: B023 - called at once

        def write() -> None:
            with contextlib.suppress(FreedMemoryError):
                for at in range(50):
                    memset(p + at, 0, 14)  # noqa: B023

        def load() -> None:
            with contextlib.suppress(FreedMemoryError):
                for _ in range(50):
                    if p.assigned:  # noqa: B023
                        str(p)  # noqa: B023

        without_errors(together(lambda: store(0), lambda: store(8), write, load))
        # Overwritten objects are let go while the block is live
        kept = len(p._held)  # type: ignore[arg-type]
        assert kept <= 2
        without_errors(together(lambda: store(0), lambda: store(24), p.free))
        assert len(p._held) == 0  # type: ignore[arg-type]
    things.check_none_alive()


@pytest.mark.parametrize("make", [Arena, lambda: Pool(64)], ids=["arena", "pool"])
def test_resetting_or_closing_while_threads_store_leaks_no_object(make: Callable[[], Any]) -> None:
    things = Things()
    source = make()

    def store() -> None:
        pointers = []
        for _ in range(2000):
            with contextlib.suppress(FreedMemoryError, ValueError):  # the allocator may be closed
                p = source.malloc(32)
                pointers.append(p)
                p.move(things.new())
                (p + 16).move(things.new())
        kept.append(pointers)

    def end() -> None:
        nonlocal source
        while len(kept) < 3:
            if isinstance(source, Arena):
                source.reset()
            else:
                old, source = source, make()
                old.close()

    kept: list[Any] = []
    without_errors(together(store, store, store, end))
    source.close()
    # The pointers are alive: only the end of the blocks can have let go of the objects
    assert all(p.freed for pointers in kept for p in pointers)
    things.check_none_alive()


@of_python
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.skipif(
    ADDRESS_SANITIZER,
    reason="AddressSanitizer's malloc may be locked for ever in the child of several threads",
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks with threads
def test_a_fork_while_a_thread_is_amid_a_store_leaves_the_child_usable() -> None:
    def child(p: Any) -> int:
        old, new = ~p, Thing()
        assert isinstance(old, Thing)
        p.move(new)
        assert ~p is new
        memset(p, 0, 64)
        p.move(old)
        ref = weakref.ref(new)
        del new
        free(p)
        return 0 if gone(ref) and malloc(16).move([1]).dereference() == [1] else 3

    def store(p: Any, step: int) -> bool:
        def fork() -> None:
            def run() -> None:
                pid = os.fork()
                if not pid:
                    status = 4
                    try:
                        status = child(p)
                    finally:
                        os._exit(status)
                statuses.append(os.waitpid(pid, 0)[1])

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            thread.join(60)
            assert not thread.is_alive()

        return stop_at(step, fork, lambda: p.move(Thing()), lines_of=MODULE)

    statuses: list[int] = []
    for step in itertools.count():
        with malloc(64) as p:
            p <<= Thing()
            if not store(p, step):
                break
    assert step > 3
    assert statuses == [0] * step
