# SPDX-License-Identifier: MIT
"""Stack memory in the child of a fork, also of threads that do not exist in the child."""

import os
from typing import Any

import pytest

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # 3.12 warns of forks with threads
]

SETUP = """
    import os, threading
    from pointers import *

    def in_child(check):
        pid = os.fork()
        if not pid:
            try:
                check()
                os._exit(0)
            finally:
                os._exit(1)
        return os.waitpid(pid, 0)[1]

    def in_thread(function):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(function()))
        thread.start()
        thread.join()
        return answers[0]
"""


def run(run_python: Any, code: str) -> None:
    done = run_python(SETUP + code, "-W", "ignore::DeprecationWarning")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_child_forked_by_a_thread_is_granted_no_more_than_its_stack(
    run_python: Any, asked_before: bool
) -> None:
    run(
        run_python,
        f"""
    threading.stack_size(256 * 1024)

    def use_stack():
        for size in (500_000, 100_000):
            try:
                acquire_stack_alloc(size)(lambda ptr: ptr.write(b"x" * ptr.size))
            except StackExhaustedError:
                pass
            else:
                raise AssertionError(size)
        acquire_stack_alloc(1000)(lambda ptr: ptr.write(b"x" * ptr.size))
        return 0

    def fork():
        if {asked_before}:
            use_stack()
        return in_child(use_stack)

    assert in_thread(fork) == 0
    # Children of children, and their threads
    assert in_thread(lambda: in_child(lambda: os._exit(bool(fork())))) == 0
    assert in_thread(lambda: in_child(lambda: in_thread(use_stack))) == 0
    assert in_child(lambda: in_thread(use_stack)) == 0
    print("done")
    """,
    )


def test_stack_memory_of_threads_that_the_child_lacks_is_freed(run_python: Any) -> None:
    run(
        run_python,
        """
    escaped, inside, leave = [], threading.Event(), threading.Event()

    @stack_alloc(100_000)
    def hold(ptr):
        escaped.append(ptr)
        inside.set()
        leave.wait()
        ptr.write(b"here")

    @stack_alloc(64)
    def fork(own):
        own <<= 7

        def check():
            for use in (lambda: escaped[0].write(b"x"), lambda: ~escaped[0], escaped[0].read):
                try:
                    use()
                except FreedMemoryError:
                    pass
                else:
                    raise AssertionError(use)
            assert escaped[0].freed
            assert ~own == 7  # the forking thread exists in the child
            own.move(8)

        return in_child(check), ~own

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait()
    assert fork() == (0, 7)
    assert in_thread(fork) == (0, 7)
    leave.set()
    holder.join()
    print("done")
    """,
    )


def test_pins_of_threads_that_the_child_lacks_stay(run_python: Any) -> None:
    """A limit: a pin does not know the thread that holds it."""
    run(
        run_python,
        """
    ptr = malloc(8)
    ready, leave = threading.Event(), threading.Event()

    def lend():
        with ptr.view():
            ready.set()
            leave.wait()

    lender = threading.Thread(target=lend)
    lender.start()
    ready.wait()

    def check():
        ptr.write(b"x")
        try:
            free(ptr)
        except BufferError:
            os._exit(0)

    assert in_child(check) == 0
    leave.set()
    lender.join()
    free(ptr)
    print("done")
    """,
    )
