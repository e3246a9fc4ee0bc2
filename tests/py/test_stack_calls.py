# SPDX-License-Identifier: MIT
"""Stack memory with exceptions, recursion and threads."""

import gc
import sys
import textwrap
import threading
import traceback
import weakref
from typing import Any

import pytest

from pointers import FreedMemoryError, acquire_stack_alloc, stack_alloc


@pytest.mark.parametrize(
    "error",
    [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, RecursionError, StopIteration],
)
def test_exceptions_pass_through_with_their_traceback(error: "type[BaseException]") -> None:
    raised = error("reason")

    @stack_alloc(28)
    def function(ptr: Any) -> None:
        raise raised

    with pytest.raises(error) as caught:
        function()
    assert caught.value is raised
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-1] == "function"


def test_an_exception_is_kept_by_no_cycle() -> None:
    class ThingError(Exception):
        pass

    @stack_alloc(28)
    def function(ptr: Any) -> None:
        raise ThingError

    def call() -> "weakref.ref[ThingError]":
        try:
            function()
        except ThingError as error:
            return weakref.ref(error)
        raise AssertionError

    gc.disable()
    try:
        thing = call()
        if sys.implementation.name != "pypy":
            assert thing() is None
    finally:
        gc.enable()


def test_calls_work_after_one_that_raised() -> None:
    @stack_alloc(28)
    def function(ptr: Any, fail: bool) -> int:
        ptr <<= 1
        if fail:
            raise KeyError
        return ~ptr

    for _ in range(200):
        with pytest.raises(KeyError):
            function(True)
        assert function(False) == 1


# Nesting and recursion


def test_a_nested_block_has_its_own_memory_and_ends_first() -> None:
    @stack_alloc(28)
    def outer(a: Any) -> Any:
        a <<= 1

        @acquire_stack_alloc(28)
        def inner(b: Any) -> Any:
            b <<= 2
            assert (~a, ~b) == (1, 2)
            assert a != b
            return b

        assert inner.freed
        assert ~a == 1
        return inner

    assert outer().freed


def test_each_level_of_a_recursion_has_its_own_block() -> None:
    @stack_alloc(28)
    def factorial(ptr: Any, n: int) -> int:
        ptr <<= n
        rest = factorial(n - 1) if n > 1 else 1
        return ~ptr * rest

    assert factorial(20) == 2432902008176640000


@pytest.mark.parametrize("limit", [0, 500, 3000, 1_000_000])
def test_endless_recursion_raises(run_python: Any, limit: int) -> None:
    done = run_python(f"""
        import sys
        from pointers import StackExhaustedError, stack_alloc
        if {limit}:
            sys.setrecursionlimit({limit})

        @stack_alloc(28)
        def function(ptr, n):
            ptr <<= n
            return function(n + 1)

        for _ in range(2):
            try:
                function(0)
            except (RecursionError, StackExhaustedError) as error:
                name = type(error).__name__
        print(name)
    """)
    expected = ["RecursionError"] if limit < 2000 else ["RecursionError", "StackExhaustedError"]
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in expected


RECURSIONS = {
    "function": "f = lambda: f()",
    "map": "f = lambda: list(map(lambda _: f(), [1]))",
    "getattr": """
        class Attributes:
            def __getattr__(self, name): return getattr(self, name + "x")
        f = lambda: Attributes().x""",
    "sorted": """
        f = lambda *_: sorted([1], key=f)""",
    "compare": """
        class Comparing:
            def __lt__(self, other): return sorted([Comparing(), Comparing()])
        f = lambda: sorted([Comparing(), Comparing()])""",
    "repr": """
        class Repr:
            def __repr__(self): return repr(self)
        f = lambda: repr(Repr())""",
    "equal": """
        class Equal:
            def __eq__(self, other): return [self] == [other]
        f = lambda: Equal() == Equal()""",
}


@pytest.mark.parametrize("name", sorted(RECURSIONS))
@pytest.mark.parametrize("thread", [False, True])
def test_ordinary_recursion_beside_the_largest_block_does_not_crash(
    run_python: Any, name: str, thread: bool
) -> None:
    code = textwrap.dedent(RECURSIONS[name]) + textwrap.dedent(f"""
        import threading
        from pointers import StackExhaustedError, acquire_stack_alloc

        def largest():
            low, high = 0, 1 << 40
            while high - low > 1:
                size = (low + high) // 2
                try:
                    acquire_stack_alloc(size)(lambda ptr: None)
                    low = size
                except StackExhaustedError:
                    high = size
            return low

        def run():
            size = largest() - 4096

            @acquire_stack_alloc(size)
            def result(ptr):
                ptr <<= 1
                try:
                    f()
                except RecursionError:
                    return ~ptr

            print(size > 100_000, result)

        if {thread}:
            worker = threading.Thread(target=run)
            worker.start()
            worker.join()
        else:
            run()
    """)
    done = run_python(code)
    assert (done.returncode, done.stdout) == (0, "True 1\n"), done.stderr


# Threads


def test_threads_have_stacks_of_their_own() -> None:
    results: list[Any] = []
    barrier = threading.Barrier(4, timeout=300)

    @stack_alloc(1000)
    def function(ptr: Any, number: int) -> None:
        ptr <<= number
        barrier.wait()
        results.append((~ptr, int(ptr)))
        barrier.wait()

    threads = [threading.Thread(target=function, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for number, _ in results) == [0, 1, 2, 3]
    assert len({address for _, address in results}) == 4


# From 3.14 on, the start of a thread with 32 KiB fails, and start() waits for ever
SMALL_STACKS = [64, 256, 1024] if sys.version_info >= (3, 14) else [32, 64, 256, 1024]


@pytest.mark.parametrize("kib", SMALL_STACKS)
def test_blocks_that_do_not_fit_on_small_stacks_are_refused(run_python: Any, kib: int) -> None:
    done = run_python(f"""
        import threading
        from pointers import StackExhaustedError, acquire_stack_alloc

        def attempt(size):
            try:
                return acquire_stack_alloc(size)(lambda ptr: ptr.read() == bytes(size))
            except StackExhaustedError:
                return "exhausted"

        def run():
            for size in (28, 1024, {kib} << 9, {kib} << 10, 1 << 40):
                print(attempt(size))

        attempt(28)  # the first call imports modules, for which the small stack may not suffice
        threading.stack_size({kib} << 10)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    """)
    if done.returncode and kib < 256:
        pytest.skip("this interpreter cannot run Python code on so small a stack")
    answers = done.stdout.split()
    assert done.returncode == 0, done.stderr
    assert len(answers) == 5
    assert set(answers) <= {"True", "exhausted"}
    assert answers[2:] == ["exhausted"] * 3


def test_memory_ends_only_after_accesses_of_other_threads() -> None:
    seen: list[Any] = []

    def reader(ptr: Any) -> None:
        try:
            while True:
                seen.append(ptr.read(8))
        except FreedMemoryError:
            seen.append("freed")

    for _ in range(20):

        @acquire_stack_alloc(100_000)
        def thread(ptr: Any) -> threading.Thread:
            ptr.write(b"\xab" * 100_000)
            worker = threading.Thread(target=reader, args=(ptr,))
            worker.start()
            return worker

        thread.join(60)
        assert seen.pop() == "freed"
        assert set(seen) <= {b"\xab" * 8}
        seen.clear()
