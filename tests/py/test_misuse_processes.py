# SPDX-License-Identifier: MIT
"""Forks and exits while threads, stack functions or finalizers use memory."""

import os
import textwrap
from pathlib import Path

import pytest
from _misuse import check_program, in_modes

FORK = """
import os, signal, threading, time
def child_of(function):
    pid = os.fork()
    if not pid:
        signal.alarm(5)
        try:
            function()
            assert not harm(), harm()
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            os._exit(1)
    return pid
def wait(pid):
    status = os.waitpid(pid, 0)[1]
    assert status == 0, status
def fork_while(*functions):
    sys.setswitchinterval(1e-6)
    stop = []
    def forever(function):
        while not stop:
            function()
    threads = [threading.Thread(target=forever, args=(f,), daemon=True) for f in functions]
    for thread in threads:
        thread.start()
    return threads, stop
"""

FORKS = {
    "live pointers": """
        p, q = malloc(64).move("text"), malloc(64).move([1])
        dead = malloc(64); free(dead)
        def child():
            assert ~p == "text" and ~q == [1] and dead.freed
            p.move("child"), q.move([2]), realloc(p, 10**6)
            free(p), free(q)
            assert p.freed
        wait(child_of(child))
        assert ~p == "text" and ~q == [1] and p.size == 64
        free(p), free(q)
    """,
    "allocating threads": """
        shared = malloc(64).move(5)
        def work():
            p = malloc(100).move("text")
            realloc(p, 50_000)
            shared.move(5)
            realloc(shared, 50_000), realloc(shared, 64)
            assert ~p == "text"
            free(p)
        threads, stop = fork_while(work, work)
        def child():
            assert ~shared == 5
            shared.move(7)
            realloc(shared, 100_000)
            assert ~shared == 7
            mine = [malloc(n).move(None) for n in range(16, 300)]
            [free(p) for p in mine]
            free(shared)
        for _ in range(20):
            wait(child_of(child))
        stop.append(1)
        [thread.join() for thread in threads]
        free(shared)
    """,
    "threads that store references": """
        shared = malloc(64).move([0])
        def work():
            shared.move([5])
            shared.move(7)
        threads, stop = fork_while(work, work)
        def child():
            # At the fork, a thread that the child does not have may have held the block's lock
            shared.read()
            shared.write(b"")
            fresh = malloc(64).move([1])
            assert ~fresh == [1]
            free(fresh)
        for _ in range(10):
            wait(child_of(child))
        stop.append(1)
        [thread.join() for thread in threads]
        free(shared)
    """,
    "stack, the child leaves": """
        @stack_alloc(64)
        def function(p):
            p <<= "stack"
            wait(child_of(lambda: (p.move("child"), ~p)))
            return ~p
        assert function() == "stack"
    """,
    "stack, the child returns": """
        kept = []
        @stack_alloc(64)
        def function(p):
            p <<= "stack"
            kept.append(p)
            pid = os.fork()
            if not pid:
                p <<= "child"
            return pid, ~p
        pid, value = function()
        if not pid:
            good = value == "child" and kept[0].freed and not harm()
            good = good and acquire_stack_alloc(64)(lambda p: ~p.move(1)) == 1
            os._exit(0 if good else 1)
        wait(pid)
        assert value == "stack" and kept[0].freed
    """,
    "grandchildren": """
        p = malloc(64).move("text")
        def child():
            p.move(1)
            wait(child_of(lambda: (p.move(2), free(p))))
            assert ~p == 1
            free(p)
        wait(child_of(child))
        assert ~p == "text"
        free(p)
    """,
}


STORING = "threads that store references"


@in_modes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("name", [name for name in FORKS if name != STORING])
def test_parent_and_child_can_use_all_memory_after_a_fork(
    name: str, mode: str, tmp_path: Path
) -> None:
    code = FORK + textwrap.dedent(FORKS[name])
    # 3.12 warns about every fork with threads
    check_program(code, mode, tmp_path, "-W", "ignore::DeprecationWarning")


@in_modes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_while_threads_store_references_leaves_no_lock_held(mode: str, tmp_path: Path) -> None:
    code = FORK + textwrap.dedent(FORKS[STORING])
    check_program(code, mode, tmp_path, "-W", "ignore::DeprecationWarning")


LIVE = """
import atexit
atexit.register(unharmed)
kept = malloc(64).move("kept")
reference = malloc(64)
array = calloc(4, 28).fill([1])
atexit.register(lambda: (kept.free(), reference.free(), array.free()))
"""

ENDS = {
    "end of the program": ("", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "sys.exit inside a stack function": (
        "acquire_stack_alloc(64)(lambda p: sys.exit(p.move(4).dereference()))",
        4,
    ),
    "sys.exit nested": (
        "acquire_stack_alloc(64)(lambda p: acquire_stack_alloc(64)(lambda q: sys.exit(5)))",
        5,
    ),
    "a cycle through a pointer": ("reference <<= [reference, array, kept]", 0),
    "an object that uses memory at its end": (
        """
class Late:
    def __del__(self):
        with malloc(64) as p:
            p <<= "late"
            assert ~p == "late"
        assert ~kept == "kept" if not kept.freed else True
reference <<= Late()
""",
        0,
    ),
    "atexit uses pointers": (
        "atexit.register(lambda: (realloc(kept, 1000), kept.move([kept]), array.fill(1)))",
        0,
    ),
    "a thread that is not a daemon": (
        """
import threading
threading.Thread(target=lambda: [kept.move(n) for n in range(1000)]).start()
""",
        0,
    ),
}


@in_modes
@pytest.mark.parametrize("name", ENDS)
def test_an_exit_harms_no_memory_and_keeps_its_status(name: str, mode: str, tmp_path: Path) -> None:
    code, exit_code = ENDS[name]
    check_program(LIVE + code, mode, tmp_path, exit_code=exit_code, last="")


@in_modes
def test_an_exit_with_live_pointers_and_views_does_not_crash(mode: str, tmp_path: Path) -> None:
    code = """
    import warnings
    warnings.simplefilter("ignore")
    sys.kept = [malloc(64).move([n]) for n in range(100)]
    sys.kept.append(calloc(4, 28).fill(sys.kept))
    sys.kept.append(sys.kept[0].view())
    sys.kept.append(acquire_stack_alloc(8)(lambda p: p))
    print("unharmed" if not harm() else harm(), flush=True)
    """
    check_program(code, mode, tmp_path, last="")


@in_modes
@pytest.mark.parametrize("work", ["p.move(5)", "free(malloc(64))", "realloc(p, 64)", "p.move([1])"])
def test_an_exit_while_daemon_threads_use_memory_does_not_crash(
    work: str, mode: str, tmp_path: Path
) -> None:
    code = f"""
    import threading, time, warnings
    warnings.simplefilter("ignore")
    sys.setswitchinterval(1e-6)
    p = malloc(64)
    def forever():
        while True:
            {work}
    for _ in range(3):
        threading.Thread(target=forever, daemon=True).start()
    time.sleep(0.1)
    print("unharmed" if not harm() else harm(), flush=True)
    """
    check_program(code, mode, tmp_path, last="", errors=None)
