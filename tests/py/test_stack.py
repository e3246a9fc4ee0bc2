# SPDX-License-Identifier: MIT
"""Functions with stack memory."""

import asyncio
import functools
import gc
import sys
import textwrap
import threading
import traceback
import weakref
from typing import Any

import pytest

from pointers import (
    DereferenceError,
    FreedMemoryError,
    InvalidSizeError,
    StackAllocatedPointer,
    StackExhaustedError,
    StackMemoryError,
    acquire_stack_alloc,
    free,
    realloc,
    stack_alloc,
)


def test_a_function_gets_zero_memory_of_the_size() -> None:
    @stack_alloc(28)
    def function(ptr: StackAllocatedPointer[int]) -> "tuple[Any, ...]":
        assert type(ptr) is StackAllocatedPointer
        return ptr.size, ptr.capacity, ptr.read(), ptr.assigned, ptr.freed

    for _ in range(3):
        assert function() == (28, 28, bytes(28), False, False)


def test_memory_is_on_this_thread_s_stack() -> None:
    @stack_alloc(64)
    def outer(ptr: Any) -> int:
        return ptr.address - inner(0)

    @stack_alloc(64)
    def inner(ptr: Any, _n: int) -> int:
        return int(ptr)

    # The inner block lies below the outer one, not far away
    assert 64 <= outer() < 1 << 20


def test_store_load_and_limits() -> None:
    @acquire_stack_alloc(28)
    def result(ptr: Any) -> "list[Any]":
        seen = []
        ptr <<= 1
        seen.append(~ptr)
        ptr <<= [1, 2]
        seen.append(~ptr)
        with pytest.raises(InvalidSizeError, match="28 here"):
            ptr <<= "hello"
        seen += [*ptr]
        with pytest.raises(DereferenceError):
            ~(ptr + 28)
        return seen

    assert result == [1, [1, 2], [1, 2]]


def test_arguments_and_results() -> None:
    @stack_alloc(28)
    def add(ptr: Any, a: int, *rest: int, b: int = 0, **more: int) -> int:
        """Add numbers."""
        ptr <<= a + sum(rest) + b + sum(more.values())
        return ~ptr

    assert add(1) == 1
    assert add(1, 2, 3, b=4, c=5) == 15
    assert (add.__name__, add.__doc__) == ("add", "Add numbers.")
    with pytest.raises(TypeError, match="'a'"):
        add()
    with pytest.raises(TypeError, match="multiple values"):
        add(1, a=2)


def test_acquire_binds_the_result() -> None:
    @acquire_stack_alloc(28)
    def name(ptr: Any) -> str:
        return f"{ptr.size} bytes"

    assert name == "28 bytes"


class Methods:
    factor = 3

    @stack_alloc(28)
    def triple(self, ptr: Any, number: int) -> int:
        ptr <<= number * self.factor
        return ~ptr

    @acquire_stack_alloc(28)
    def at_once(ptr: Any) -> int:  # noqa: N805 - called while the class is made
        return ptr.size

    @classmethod
    @stack_alloc(28)
    def under_classmethod(cls, ptr: Any) -> None:
        raise AssertionError

    @staticmethod
    @stack_alloc(28)
    def under_staticmethod(ptr: Any) -> None:
        raise AssertionError


def test_methods_get_self_first() -> None:
    assert Methods().triple(5) == 15
    assert Methods.triple(Methods(), number=5) == 15
    assert functools.partial(Methods().triple)(2) == 6
    assert Methods.at_once == 28
    with pytest.raises(TypeError, match="self"):
        Methods.triple()


def test_a_function_that_becomes_a_method_later() -> None:
    @stack_alloc(28)
    def method(self: Any, ptr: Any) -> Any:
        return self, ptr.size

    class Later:
        pass

    Later.method = method  # type: ignore[attr-defined]
    later = Later()
    assert later.method() == (later, 28)  # type: ignore[attr-defined]


def test_class_and_static_methods_are_refused() -> None:
    for method in (classmethod, staticmethod):
        with pytest.raises(TypeError, match=method.__name__):
            stack_alloc(28)(method(lambda ptr: None))
    for call in (
        lambda: Methods.under_classmethod(),
        lambda: Methods().under_classmethod(),
        lambda: Methods.under_staticmethod(),
        lambda: Methods().under_staticmethod(),
    ):
        with pytest.raises(TypeError, match="outermost decorator"):
            call()


def suspending() -> "list[Any]":
    def generator(ptr: Any) -> Any:
        yield ptr

    async def coroutine(ptr: Any) -> None: ...

    async def async_generator(ptr: Any) -> Any:
        yield ptr

    class Call:
        def __call__(self, ptr: Any) -> Any:
            yield ptr

    class Method:
        def method(self, ptr: Any) -> Any:
            yield ptr

    return [
        generator,
        coroutine,
        async_generator,
        functools.partial(generator),
        Call(),
        Method().method,
    ]


@pytest.mark.parametrize("function", suspending())
@pytest.mark.parametrize("decorator", [stack_alloc, acquire_stack_alloc])
def test_generators_and_async_functions_are_refused(decorator: Any, function: Any) -> None:
    with pytest.raises(TypeError, match="generator or async"):
        decorator(28)(function)


def test_a_returned_generator_or_coroutine_is_refused_and_closed() -> None:
    closed = []

    def run() -> Any:
        try:
            yield 1
        finally:
            closed.append(True)

    @stack_alloc(28)
    def returns_generator(ptr: Any) -> Any:
        generator = run()
        next(generator)
        return generator

    @stack_alloc(28)
    def returns_coroutine(ptr: Any) -> Any:
        return asyncio.sleep(0)

    @stack_alloc(28)
    def returns_async_generator(ptr: Any) -> Any:
        async def generate() -> Any:
            yield ptr

        return generate()

    for function in (returns_generator, returns_coroutine, returns_async_generator):
        with pytest.raises(TypeError, match=r"returned a \w+, which would run"):
            function()
    assert closed == [True]
    gc.collect()  # no "never awaited"


@pytest.mark.parametrize("value", [None, 5, "function"])
def test_only_callables_are_decorated(value: Any) -> None:
    with pytest.raises(TypeError, match="needs a function"):
        stack_alloc(28)(value)


@pytest.mark.parametrize(
    ("size", "error"),
    [(-1, ValueError), (1.5, TypeError), ("28", TypeError), (2**63, MemoryError)],
)
def test_bad_sizes_are_refused_on_decoration(size: Any, error: "type[Exception]") -> None:
    for decorator in (stack_alloc, acquire_stack_alloc):
        with pytest.raises(error):
            decorator(size)
    with pytest.raises(ValueError, match="power of two"):
        stack_alloc(8, align=3)


@pytest.mark.parametrize("align", [1, 16, 64, 4096, 1 << 16])
def test_alignment(align: int) -> None:
    @stack_alloc(100, align=align)
    def function(ptr: Any) -> int:
        assert ptr.alignment == align
        return int(ptr) % align

    assert function() == 0


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 100_000])
def test_sizes(size: int) -> None:
    @acquire_stack_alloc(size)
    def result(ptr: Any) -> Any:
        ptr.write(b"\xab" * size)
        return ptr.size, ptr.read() == b"\xab" * size

    assert result == (size, True)


@pytest.mark.parametrize("size", [16 << 20, 2**40, 2**62, 2**63 - 1])
def test_more_than_the_stack_has(size: int) -> None:
    @stack_alloc(size)
    def function(ptr: Any) -> None:
        raise AssertionError

    for _ in range(3):
        with pytest.raises(StackExhaustedError, match=rf"{size} bytes.*at most \d+"):
            function()
    with pytest.raises(MemoryError):
        function()


def test_the_size_that_the_error_names_is_granted() -> None:
    with pytest.raises(StackExhaustedError) as caught:
        acquire_stack_alloc(2**40)(lambda ptr: None)
    size = int(str(caught.value).split("at most ")[1].split()[0])
    assert size > 100_000
    # A little is used between this frame and that
    assert acquire_stack_alloc(size - 8192)(lambda ptr: ptr.size) == size - 8192
    with pytest.raises(StackExhaustedError):
        acquire_stack_alloc(size + 8192)(lambda ptr: None)


# The end of the memory


def test_the_pointer_is_dead_when_the_function_has_returned() -> None:
    @acquire_stack_alloc(28)
    def escaped(ptr: Any) -> Any:
        ptr <<= 1
        return ptr, ptr + 8, ptr.read

    for use in (
        lambda: ~escaped[0],
        lambda: escaped[0].move(1),
        lambda: escaped[0].address,
        lambda: ~escaped[1],
        lambda: escaped[1].write(b"1"),
        lambda: escaped[2](),
    ):
        with pytest.raises(FreedMemoryError):
            use()
    assert escaped[0].freed
    assert str(escaped[0]) == "<StackAllocatedPointer, freed>"


def test_stack_memory_cannot_be_freed_or_resized() -> None:
    for action in (free, lambda ptr: ptr.free(), lambda ptr: realloc(ptr, 100)):

        @acquire_stack_alloc(28)
        def escaped(ptr: Any, action: Any = action) -> Any:
            ptr <<= 1
            for place in (ptr, ptr + 0, ptr + 8):
                with pytest.raises(StackMemoryError, match="stack memory"):
                    action(place)
            assert ~ptr == 1
            return ptr

        with pytest.raises(ValueError, match="stack memory"):
            action(escaped)


def test_references_are_released_with_the_memory() -> None:
    class Thing:
        pass

    @acquire_stack_alloc(28)
    def result(ptr: Any) -> Any:
        thing = Thing()
        ptr <<= thing
        assert ~ptr is thing
        return ptr, weakref.ref(thing)

    gc.collect()
    assert result[1]() is None


# Exceptions


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


def test_an_exception_is_released() -> None:
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
            assert thing() is None  # held by no cycle
    finally:
        gc.enable()


def test_after_an_exception_the_next_call_works() -> None:
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


def test_nested_blocks_are_apart_and_end_in_turn() -> None:
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


def test_recursion() -> None:
    @stack_alloc(28)
    def factorial(ptr: Any, n: int) -> int:
        ptr <<= n
        rest = factorial(n - 1) if n > 1 else 1
        return ~ptr * rest

    assert factorial(20) == 2432902008176640000


@pytest.mark.parametrize("limit", [0, 500, 3000, 1_000_000])
def test_recursion_without_end_is_an_error(run_python: Any, limit: int) -> None:
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
def test_ordinary_recursion_in_the_largest_block(run_python: Any, name: str, thread: bool) -> None:
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
    barrier = threading.Barrier(4, timeout=60)

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


@pytest.mark.parametrize("kib", [32, 64, 256, 1024])
def test_threads_with_small_stacks(run_python: Any, kib: int) -> None:
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

        attempt(28)  # import what is needed on the main thread
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


def test_an_access_of_another_thread_ends_before_the_memory_does() -> None:
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
