# SPDX-License-Identifier: MIT
"""Stack memory: functions that are called with a block of the C stack."""

from __future__ import annotations

import itertools
import sys
import types
from _thread import get_ident

from pointers._collector import retry_no_memory
from pointers._errors import AllocationError, status_error
from pointers._ffi import CALLS_BACK, ffi, lib
from pointers._pointer.base import new_stack
from pointers._pointer.heap import BytePointer
from pointers._pointer.raw import as_align, as_int, as_size
from pointers._pointer.signature import describe, find_attribute
from pointers._pointer.stack_errors import name_of, no_self_error, suspended_error, wrapped_error
from pointers._pointer.stack_types import StackDecorator
from pointers._typing import Any, Callable, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_get_recursion_limit = sys.getrecursionlimit
_stack_call = lib.ptrs_access_stack_call

# CO_GENERATOR, CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR
_SUSPENDING = 0x20 | 0x80 | 0x100 | 0x200
_SUSPENDED = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)

# What an interpreter may need of the C stack for each level of its recursion
# limit.  CPython up to 3.13 counts levels and does not watch the stack: the
# greediest recursion that was found, through sorted(), takes 2.5 KiB a level up
# to 3.12 and 5.0 KiB on 3.13.  PyPy gives each level 768 bytes, of which it
# counts those that a block takes: a block gets two thirds of them at most.
_PYPY = sys.implementation.name == "pypy"
LEVEL_NEEDS = 768 if _PYPY else 5300 if sys.version_info >= (3, 13) else 2700
LEVEL_GIVES = 512 if _PYPY else sys.maxsize

# On stacks that are too small for the recursion limit anyway, blocks together
# take no more than this part.
SMALL_SHARE = 16

_NEEDS = ffi.new("PtrsAccessStackNeeds *", (LEVEL_NEEDS, LEVEL_GIVES, SMALL_SHARE))

# An exception that not even the callback's handlers could keep: on PyPy they
# have no stack left at the end of the recursion, and on CPython one interrupt
# has met another.
_LOST = RecursionError if _PYPY else KeyboardInterrupt


class StackAllocatedPointer(BytePointer[T]):
    """A pointer to stack memory: dead as soon as its function has returned."""

    __slots__ = ()

    def free(self) -> None:
        """Refuse: stack memory goes when its function returns."""
        raise status_error(
            lib.PTRS_STATUS_NOT_FREEABLE,
            not_freeable="cannot free stack memory: it goes when its function returns",
        )


class _Frame:
    """One call: what goes into the C function and what comes out."""

    __slots__ = ("args", "entered", "error", "finished", "func", "kwargs", "pointer", "result")

    def __init__(self, func: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.func = func
        self.args = args
        self.kwargs = kwargs
        self.pointer: StackAllocatedPointer[Any] | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.entered = False
        self.finished = False


# Calls that are under way, by their numbers
_frames: dict[int, _Frame] = {}
_numbers = itertools.count(1)


# Exceptions of calls that were not even entered, by the threads where `_call` takes them
_not_entered: dict[int, BaseException] = {}


def _on_error(_kind: Any, error: BaseException, traceback: Any) -> None:
    """Keep an exception that arrived before the callback could catch any."""
    number = traceback.tb_frame.f_locals.get("number") if traceback is not None else None
    frame = _frames.get(number) if number is not None else None
    if frame is None:
        _not_entered[get_ident()] = error
    elif frame.error is None:
        frame.error = error


@ffi.def_extern(onerror=_on_error)
def ptrs_access_enter_frame(block: int, number: int) -> None:
    frame = _frames[number]
    try:
        frame.entered = True
        frame.pointer = pointer = new_stack(StackAllocatedPointer, block)
        if frame.kwargs:
            frame.result = frame.func(pointer, *frame.args, **frame.kwargs)
        else:
            frame.result = frame.func(pointer, *frame.args)
        frame.finished = True
    except BaseException as error:
        frame.error = error


_ENTER = ffi.addressof(lib, "ptrs_access_enter_frame")


def _call(size: int, align: int, func: Callable[..., R], args: Any, kwargs: Any) -> R:
    frame = _Frame(func, args, kwargs)
    number = next(_numbers)
    try:
        _frames[number] = frame
        arguments = (_get_recursion_limit(), _NEEDS, size, align, _ENTER, number)
        status = _stack_call(*arguments)
        if status:
            status = retry_no_memory(status, _stack_call, *arguments)
    finally:
        _frames.pop(number, None)
        pointer = frame.pointer
        if pointer is not None and pointer._held is not None:
            pointer._held.release()
    error, frame.error = frame.error, None
    if error is not None:
        try:
            raise error
        finally:
            del error  # its traceback holds this frame
    if status:
        raise stack_error(status, size)
    if not frame.entered:
        reason = _not_entered.pop(get_ident(), None)
        if isinstance(reason, MemoryError):
            raise reason
        raise RecursionError("maximum recursion depth exceeded on entering a stack function")
    if not frame.finished:
        raise _LOST()
    result: R = frame.result
    if isinstance(result, _SUSPENDED):
        raise suspended_error(func, result)
    return result


def call_once(size: int, align: int, func: Callable[..., R]) -> R:
    """Call a function with stack memory and nothing else."""
    return _call(size, align, func, (), {})


def stack_error(status: int, size: int) -> Exception:
    """Return the error of a call that got no memory."""
    available = ffi.new("size_t *")
    lib.ptrs_stack_available(lib.ptrs_access_stack_limit(_get_recursion_limit(), _NEEDS), available)
    return status_error(
        status,
        stack_exhausted=f"no {size} bytes of stack here: at most {available[0]} can be had; "
        "use malloc() for large blocks",
        no_mem="no memory to keep account of a stack block",
        not_supported="this code runs on a stack that the thread library does not know",
    )


def _check_function(func: Any) -> None:
    if not CALLS_BACK:
        raise RuntimeError(
            "a subinterpreter has no stack functions up to Python 3.12, where C would call back "
            "the main interpreter: use malloc()"
        )
    if isinstance(func, (staticmethod, classmethod)):
        raise TypeError(
            f"stack_alloc cannot tell where self is in a {type(func).__name__}: "
            "use it on plain functions and methods"
        )
    if not callable(func):
        raise TypeError(f"stack_alloc needs a function, not {type(func).__name__}")
    # Where nothing has imported functools, there is no partial
    partial = getattr(sys.modules.get("functools"), "partial", ())
    inner = func
    while isinstance(inner, partial):
        inner = inner.func
    inner = getattr(inner, "__func__", inner)
    code = getattr(inner, "__code__", None) or getattr(
        getattr(type(inner), "__call__", None),  # noqa: B004 - its code is wanted
        "__code__",
        None,
    )
    if code is not None and code.co_flags & _SUSPENDING:
        raise TypeError(
            f"{name_of(func)}() is a generator or async function: it would run on when its stack "
            "memory is gone; use malloc() there"
        )


def _bound(func: Callable[..., Any], instance: Any) -> Callable[..., Any]:
    if instance is not None:
        return types.MethodType(func, instance)

    def method(*args: Any, **kwargs: Any) -> Any:
        return func(None, *args, **kwargs)

    return method


class StackFunction:
    """A function that gets a pointer to stack memory as its first argument.

    As a method it gets `self` first and the pointer next.
    """

    def __init__(self, size: int, align: int, func: Callable[..., Any]) -> None:
        self._in_class = self._takes_self = describe(self, func)
        self._size = size
        self._align = align
        self._func = func
        self._is_method = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._takes_self:
            return _call(self._size, self._align, self._func, args, kwargs)
        if self._in_class and not self._is_method:
            raise wrapped_error(self._func)
        if not args:
            raise no_self_error(self._func)
        method = _bound(self._func, args[0])
        return _call(self._size, self._align, method, args[1:], kwargs)

    def __set_name__(self, _owner: type, _name: str) -> None:
        self._is_method = True

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if self._in_class and not self._is_method:
            return self  # to be refused when it is called
        method = self if self._takes_self else self._taking_self()
        return method if instance is None else types.MethodType(method, instance)

    def _taking_self(self) -> StackFunction:
        method = object.__new__(type(self))
        method.__dict__.update(self.__dict__)
        method._takes_self = True
        return method

    __getattr__ = find_attribute


def _as_stack_size(size: Any) -> int:
    try:
        return as_size(size)
    except AllocationError:
        # Too large for any block, and so for any stack
        raise stack_error(lib.PTRS_STATUS_STACK_EXHAUSTED, as_int(size, "size")) from None


class _Decorator:
    """Makes something of a function, of a size and of an alignment.

    No closure, for whose variables an interpreter may have no memory (3.12 would crash).
    """

    __slots__ = ("_align", "_make", "_size")

    def __init__(self, make: Callable[..., Any], size: int, align: int) -> None:
        self._make = make
        self._size = size
        self._align = align

    def __call__(self, func: Callable[..., Any]) -> Any:
        _check_function(func)
        return self._make(self._size, self._align, func)


def stack_alloc(size: int, *, align: int | None = None) -> StackDecorator:
    """Decorate a function that is then called with a pointer to stack memory.

    The decorated function takes the arguments that follow the pointer and may
    be called any number of times, from any thread, and by itself.  Its signature
    and annotations are those of the call: they have no pointer.

    :param size: Bytes; 0 is allowed.  They are zero.
    :param align: Bytes; a power of two up to 2 MiB.
    :raises TypeError: (on decoration) it is a generator or async function, or
        (on a call) returns what would run when its memory is gone.
    :raises StackExhaustedError: (on a call) the thread's stack has no room, or
        (on decoration) `size` is more than any memory has.
    :raises ValueError: `size` is negative, or `align` is no power of two.
    """
    decorator: Any = _Decorator(StackFunction, _as_stack_size(size), as_align(align))
    return decorator  # type: ignore[no-any-return]


def acquire_stack_alloc(
    size: int, *, align: int | None = None
) -> Callable[[Callable[[StackAllocatedPointer[Any]], R]], R]:
    """Call a function at once with a pointer to stack memory.

    As a decorator, it binds the function's name to the result.  Parameters and
    errors are those of `stack_alloc`.
    """
    return _Decorator(call_once, _as_stack_size(size), as_align(align))
