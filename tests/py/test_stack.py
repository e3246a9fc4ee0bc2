# SPDX-License-Identifier: MIT
"""Functions with stack memory: arguments, methods, limits, and the end of the memory."""

import asyncio
import functools
import gc
import sys
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


def test_a_function_gets_zeroed_memory_of_the_size() -> None:
    @stack_alloc(28)
    def function(ptr: StackAllocatedPointer[int]) -> "tuple[Any, ...]":
        assert type(ptr) is StackAllocatedPointer
        return ptr.size, ptr.capacity, ptr.read(), ptr.assigned, ptr.freed

    for _ in range(3):
        assert function() == (28, 28, bytes(28), False, False)


def test_memory_is_on_the_stack_of_the_calling_thread() -> None:
    @stack_alloc(64)
    def outer(ptr: Any) -> int:
        return ptr.address - inner(0)

    @stack_alloc(64)
    def inner(ptr: Any, _n: int) -> int:
        return int(ptr)

    # The inner block lies below the outer one, not far away
    assert 64 <= outer() < 1 << 20


def test_stores_are_bounded_by_the_size() -> None:
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


def test_arguments_and_the_result_are_passed_on() -> None:
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


def test_a_decorated_function_can_become_a_method_later() -> None:
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
    gc.collect()  # a coroutine that was not closed would warn that it was never awaited


@pytest.mark.parametrize("value", [None, 5, "function"])
def test_only_callables_are_decorated(value: Any) -> None:
    with pytest.raises(TypeError, match="needs a function"):
        stack_alloc(28)(value)


@pytest.mark.parametrize(
    ("size", "error"),
    [(-1, ValueError), (1.5, TypeError), ("28", TypeError), (2**63, StackExhaustedError)],
)
def test_bad_sizes_are_refused_on_decoration(size: Any, error: "type[Exception]") -> None:
    for decorator in (stack_alloc, acquire_stack_alloc):
        with pytest.raises(error):
            decorator(size)
    with pytest.raises(ValueError, match="power of two"):
        stack_alloc(8, align=3)


@pytest.mark.parametrize("align", [1, 16, 64, 4096, 1 << 16])
def test_the_memory_is_aligned(align: int) -> None:
    @stack_alloc(100, align=align)
    def function(ptr: Any) -> int:
        assert ptr.alignment == align
        return int(ptr) % align

    assert function() == 0


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 100_000])
def test_every_byte_of_any_size_can_be_written(size: int) -> None:
    @acquire_stack_alloc(size)
    def result(ptr: Any) -> Any:
        ptr.write(b"\xab" * size)
        return ptr.size, ptr.read() == b"\xab" * size

    assert result == (size, True)


@pytest.mark.parametrize("size", [16 << 20, sys.maxsize >> 1, sys.maxsize])
def test_more_than_the_stack_has_is_refused(size: int) -> None:
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
        acquire_stack_alloc(2**100)(lambda ptr: None)
    size = int(str(caught.value).split("at most ")[1].split()[0])
    assert size > 100_000
    # The calls between this frame and the block's take some of the stack, too
    assert acquire_stack_alloc(size - 8192)(lambda ptr: ptr.size) == size - 8192
    with pytest.raises(StackExhaustedError):
        acquire_stack_alloc(size + 8192)(lambda ptr: None)


# The end of the memory


def test_pointers_are_dead_when_the_function_has_returned() -> None:
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


def test_references_are_let_go_with_the_memory() -> None:
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
