# SPDX-License-Identifier: MIT
"""Forks, exits, interrupts, and Python's development mode."""

import os
import signal
from typing import Any

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@needs_fork
def test_a_child_has_its_own_copy_of_live_memory(run_python: Any) -> None:
    done = run_python("""
        import os
        from pointers import malloc, free
        ptr = malloc(64)
        ptr <<= "parent"
        reference = malloc(64)
        reference <<= ["object"]
        child = os.fork()
        if not child:
            assert ~ptr == "parent" and ~reference == ["object"]
            ptr <<= "child"
            free(reference)
            free(ptr)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(~ptr, ~reference)
        free(ptr)
        free(reference)
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "parent ['object']\n", "")


@needs_fork
def test_a_fork_while_threads_use_memory_leaves_the_child_usable_memory(run_python: Any) -> None:
    done = run_python(
        """
        import os, threading, sys
        from pointers import malloc, free, realloc
        sys.setswitchinterval(1e-6)
        stop = threading.Event()
        shared = malloc(4096)
        shared <<= "x" * 4000
        moving = malloc(28)
        moving <<= 5

        def work():
            while not stop.is_set():
                ptr = malloc(5000)
                ptr <<= "text"
                realloc(ptr, 100_000)
                shared.move("x" * 4000)
                realloc(moving, 100_000)
                realloc(moving, 28)
                free(ptr)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(40):
            child = os.fork()
            if not child:
                try:
                    assert ~moving == 5
                    shared.move("y" * 4000)
                    assert ~shared == "y" * 4000
                    for _ in range(50):
                        ptr = malloc(200)
                        ptr <<= "child"
                        assert ~realloc(ptr, 10_000) == "child"
                        free(ptr)
                    free(moving)
                    os._exit(0)
                finally:
                    os._exit(1)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        free(shared)
        free(moving)
        print("done")
        """,
        # 3.12 warns about every fork with threads
        "-W",
        "ignore::DeprecationWarning",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_pointers_that_live_at_exit_work_until_then_and_print_nothing(run_python: Any) -> None:
    done = run_python("""
        import atexit, sys
        from pointers import malloc, calloc, stack_alloc
        kept = malloc(64)
        kept <<= [kept]
        array = calloc(4, 28)
        array[:] = [1, [2], 3, None]
        slot = array[2]
        sys.kept = (kept, array, slot)
        atexit.register(lambda: print(~slot, len(~kept)))
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 1\n", "")


def test_a_leaked_pointer_is_warned_about_where_warnings_are_shown(run_python: Any) -> None:
    done = run_python("""
        import gc, warnings
        warnings.simplefilter("always")
        from pointers import malloc
        def leak():
            ptr = malloc(48)
        leak()
        gc.collect()
    """)
    assert done.returncode == 0
    assert "ResourceWarning: AllocatedPointer to 48 bytes was dropped without free()" in done.stderr


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer here")
def test_no_stack_call_loses_an_interrupt(run_python: Any) -> None:
    done = run_python("""
        import gc, itertools, signal
        from pointers import stack_alloc

        # Run the pending finalizers of the imports: Python prints and drops an interrupt in one
        for _ in range(5):
            gc.collect()
        sent = caught = 0
        armed = False

        def handler(signum, frame):
            # Raise one interrupt for each pause, though the timer may fire once more
            global armed, sent
            if armed:
                armed = False
                sent += 1
                raise KeyboardInterrupt

        @stack_alloc(28)
        def function(ptr, n):
            ptr <<= n
            return ~ptr

        pauses = itertools.cycle(range(97))

        def storm():
            global armed
            for pause in pauses:
                if sent >= 1000:
                    break
                armed = True
                signal.setitimer(signal.ITIMER_REAL, 1e-5 + pause * 1e-6)
                for n in range(200):
                    assert function(n) == n
            signal.setitimer(signal.ITIMER_REAL, 0)
            armed = False

        signal.signal(signal.SIGALRM, handler)
        running = True
        while running:
            # The loop is in a function, since an interrupt at a loop's jump escapes the try
            # around it on some CPythons
            try:
                storm()
                running = False
            except KeyboardInterrupt:
                caught += 1
        print(sent - caught)
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def test_development_mode_finds_no_fault(run_python: Any) -> None:
    code = """
        from pointers import *
        with malloc(64) as ptr:
            for value in (1, -(2**70), "text", b"bytes", 1.5, 2j, None, True, [1], "\\u0107"):
                ptr <<= value
                assert ~ptr == value
        with calloc(10, 28) as array:
            array[:] = range(10)
            assert array.tolist() == list(range(10))
        print(stack_alloc(64)(lambda ptr: ~ptr.move("x"))())
    """
    done = run_python(code, "-X", "dev", PYTHONMALLOC="debug")
    assert (done.returncode, done.stdout, done.stderr) == (0, "x\n", "")
