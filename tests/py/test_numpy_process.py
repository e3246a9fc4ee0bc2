# SPDX-License-Identifier: MIT
"""`numpy_allocator(..., process_wide=True)`: arrays of all threads, and what is there after it."""

import contextvars
import gc
import os
import sys
import threading
from typing import Any, Callable

import pytest
from _handlers import CAPSULE, current, install, live, make_source, name_of, np

import pointers._interop.numpy as internal
from pointers import Allocator, Arena, Pool, System, numpy_allocator

__all__ = ["make_source"]

OWN = "default_allocator"


def in_thread(work: "Callable[[], Any]") -> Any:
    """Return what a function gives in a thread that has just been started."""
    got: list[Any] = []
    # Without the context of this thread, which some Pythons hand down
    thread = threading.Thread(target=lambda: got.append(contextvars.Context().run(work)))
    thread.start()
    thread.join()
    return got[0]


def names() -> "tuple[Any, Any]":
    """Return the names of the handlers of this thread and of a new one."""
    return name_of(np.ones(3)), in_thread(lambda: name_of(np.ones(3)))


def test_arrays_of_all_threads(source: Allocator) -> None:
    before = live(source)
    name = f"pointers {type(source).__name__.lower()}"
    stop, ready, go = threading.Event(), threading.Event(), threading.Event()
    seen: list[Any] = []

    def work() -> None:  # a thread that runs before and after
        for event in (ready, go, stop):
            array = np.arange(50.0)
            seen.append((name_of(array), array.sum()))
            event.set() if event is ready else event.wait(60)

    thread = threading.Thread(target=work)
    old = np.arange(100.0)
    thread.start()
    ready.wait(60)
    with numpy_allocator(source, process_wide=True) as given:
        assert given is source
        assert names() == (name, name)
        go.set()
        array, other = np.arange(100.0), in_thread(lambda: np.full(7, 1.5))
        old.resize(200)
        assert name_of(old) == OWN
        bulk = [np.arange(n) for n in range(50)]
    stop.set()
    thread.join()
    assert seen[0] == (OWN, 1225)
    assert seen[1][1] == seen[2][1] == 1225
    assert names() == (OWN, OWN)
    assert current() is internal._found[3]
    # They are freed, and resized, by the allocator that they are of
    assert live(source) >= before + 2
    for size in (1000, 3, 100):
        array.resize(size)
        assert name_of(array) == name
        assert array[:3].tolist() == [0, 1, 2]
    assert other.tolist() == [1.5] * 7
    del bulk
    in_thread(other.copy)
    del array, other, given
    gc.collect()
    assert live(source) == before


def test_blocks_of_the_process_and_of_a_context() -> None:
    arena, pool = Arena(), Pool(4096)
    with numpy_allocator(arena, process_wide=True):
        with numpy_allocator(pool):
            assert names() == ("pointers pool", "pointers arena")
            with numpy_allocator(System(), process_wide=True):
                assert names() == ("pointers pool", "pointers system")
            assert names() == ("pointers pool", "pointers arena")
        assert names() == ("pointers arena", "pointers arena")
        copy = contextvars.copy_context()
    assert names() == (OWN, OWN)
    assert copy.run(name_of) == OWN
    with numpy_allocator(pool):
        with numpy_allocator(arena, process_wide=True):
            assert names() == ("pointers pool", "pointers arena")
            copy = contextvars.copy_context()
        assert names() == ("pointers pool", OWN)
    # A context in which a block has ended is as it was
    with numpy_allocator(arena, process_wide=True):
        assert names() == ("pointers arena", "pointers arena")
        # The end of a copy of the block, in the copy
        block = numpy_allocator(pool)
        with block:
            copy = contextvars.copy_context()
        copy.run(block.__exit__)
        assert copy.run(name_of) == OWN
    assert names() == (OWN, OWN)


def test_blocks_end_in_any_order_and_thread() -> None:
    one, two = (numpy_allocator(each, process_wide=True) for each in (Arena(), Pool(4096)))
    one.__enter__()
    in_thread(two.__enter__)
    one.__enter__()
    assert names() == ("pointers arena", "pointers arena")
    in_thread(one.__exit__)
    assert names() == ("pointers pool", "pointers pool")
    one.__exit__()
    assert names() == ("pointers pool", "pointers pool")
    for wrong in (one, numpy_allocator(Arena(), process_wide=True)):
        with pytest.raises(RuntimeError, match="has not been entered, or has ended"):
            wrong.__exit__()
        wrong.__exit__(ValueError)
    assert names() == ("pointers pool", "pointers pool")
    two.__exit__()
    assert names() == (OWN, OWN)
    with pytest.raises(ZeroDivisionError), two:
        raise ZeroDivisionError
    assert names() == (OWN, OWN)
    assert internal._process_entries == [(None, internal._found[3])]


def test_the_handler_of_other_code_is_left_alone() -> None:
    arena = Arena()

    def run() -> None:
        numpy_allocator(arena)
        install(CAPSULE)
        with numpy_allocator(arena, process_wide=True):
            assert names() == ("foreign", "pointers arena")
            assert contextvars.Context().run(name_of) == "pointers arena"
        assert names() == ("foreign", OWN)
        with numpy_allocator(arena, process_wide=True):
            install(internal._found[3])  # NumPy's own, by name: so it stays
            assert names() == (OWN, "pointers arena")

    contextvars.Context().run(run)


def test_closed_allocators_and_allocators_that_go() -> None:
    arena = Arena()
    block = numpy_allocator(arena, process_wide=True)
    with block:
        array = np.arange(10)
        with pytest.raises(BufferError, match="delete the arrays"):
            arena.close()
        del array
        arena.close()

        def fails() -> bool:
            with pytest.raises(MemoryError):
                np.empty(10)
            return True

        assert fails() and in_thread(fails)
    with pytest.raises(ValueError, match="closed"), block:
        pass
    before = System().stats().current_blocks
    with numpy_allocator(Arena(), process_wide=True):
        array = np.arange(1000)
    del block
    assert array.sum() == 499500
    del array
    gc.collect()
    assert System().stats().current_blocks == before


def test_threads_enter_and_leave_while_others_make_arrays() -> None:
    arenas = [Arena(), Arena()]
    wrong: list[Any] = []
    exchanged: list[Any] = []

    def work(number: int) -> None:
        for i in range(300):
            if number < 2:
                with numpy_allocator(arenas[number], process_wide=True):
                    exchanged.append(np.full(1 + i % 50, number))
            else:
                array = np.full(1 + i % 50, number)
                array.resize(array.size * 2, refcheck=False)
                exchanged.append(array[: array.size // 2])
            got = exchanged.pop(0)
            if (got != got[0]).any():
                wrong.append(got)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert names() == (OWN, OWN)
    exchanged.clear()
    gc.collect()
    assert [live(arena) for arena in arenas] == [0, 0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_of_a_fork_has_the_block() -> None:
    arena = Arena()
    with numpy_allocator(arena, process_wide=True):
        array = np.arange(100)
        child = os.fork()
        if not child:
            status = 1
            try:
                good = names() == ("pointers arena", "pointers arena")
                internal._process_entries[-1][0].__exit__()
                good = good and names() == (OWN, OWN) and int(array.sum()) == 4950
                del array
                arena.close()
                status = int(not good)
            finally:
                os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert array.sum() == 4950


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_arrays_of_threads_that_a_child_does_not_have_stay() -> None:
    arena = Arena()
    made, done = threading.Event(), threading.Event()

    def work() -> None:
        array = np.ones(3)
        made.set()
        done.wait(60)
        del array

    thread = threading.Thread(target=work)
    with numpy_allocator(arena, process_wide=True):
        thread.start()
        made.wait(60)
    child = os.fork()
    if not child:
        status = 1
        try:
            with pytest.raises(BufferError):
                arena.close()
            status = int(live(arena) != 1)
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    done.set()
    thread.join()
    arena.close()


@pytest.mark.parametrize("fast", ["0", "1"])
def test_a_block_that_never_ends(run_python: Any, fast: str) -> None:
    done = run_python(
        """
        import threading
        import numpy as np
        from pointers import Arena, Pool, numpy_allocator

        numpy_allocator(Pool(4096), process_wide=True).__enter__()
        numpy_allocator(Arena(), process_wide=True).__enter__()
        arrays = [np.arange(10), np.empty(1, object)]
        arrays[1][0] = arrays
        thread = threading.Thread(target=lambda: arrays.append(np.ones(5)))
        thread.start()
        thread.join()
        """,
        "-X",
        "dev",
        POINTERS_FAST=fast,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_where_the_default_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, _, variable, own = internal._found or (numpy_allocator(Arena()), *internal._found)[1:]
    for wrong in ((), (variable, []), (own, [], own, own), (variable, (), own, own)):
        with pytest.raises(TypeError):
            compiled.find_default(*wrong)
    for function in (compiled.start, compiled.stop):
        with pytest.raises(TypeError):
            function(variable, (), None)
    with pytest.raises(MemoryError):
        compiled.start(variable, internal._process_entries, None, 0)

    class Unknown:
        enter, leave = compiled.enter, compiled.leave

        @staticmethod
        def find_default(*_: Any) -> bool:
            return False

    monkeypatch.setattr(internal, "_process_entries", [])
    monkeypatch.setattr(internal, "_found", [Unknown, *internal._found[1:]])
    with pytest.raises(NotImplementedError, match="in each thread instead"):
        numpy_allocator(Arena(), process_wide=True)
    assert names() == (OWN, OWN)
    assert sys.implementation.name == "cpython"
