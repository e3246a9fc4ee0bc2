# SPDX-License-Identifier: MIT
"""Stack memory: functions that are called with a block of the C stack."""

from __future__ import annotations

import sys

from pointers._errors import AllocationError
from pointers._ffi import CALLS_BACK, fast, lib
from pointers._later import later
from pointers._pointer.raw import as_align, as_int, as_size
from pointers._pointer.stack_call import StackAllocatedPointer, call, call_once, stack_error
from pointers._typing import TYPE_CHECKING, Any, Callable, TypeVar

if TYPE_CHECKING:
    from pointers._pointer.stack_types import StackDecorator
else:
    StackDecorator = Callable

if TYPE_CHECKING or fast is None:
    from types import MethodType

    from pointers._pointer.signature import describe, find_attribute
    from pointers._pointer.stack_errors import name_of, no_self_error, wrapped_error
else:
    later(globals(), "types", "MethodType")
    later(globals(), "pointers._pointer.signature", "describe find_attribute")
    later(globals(), "pointers._pointer.stack_errors", "name_of no_self_error wrapped_error")

R = TypeVar("R")

# CO_GENERATOR, CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR
_SUSPENDING = 0x20 | 0x80 | 0x100 | 0x200


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
        return MethodType(func, instance)

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
            return call(self._size, self._align, self._func, args, kwargs)
        if self._in_class and not self._is_method:
            raise wrapped_error(self._func)
        if not args:
            raise no_self_error(self._func)
        method = _bound(self._func, args[0])
        return call(self._size, self._align, method, args[1:], kwargs)

    def __set_name__(self, _owner: type, _name: str) -> None:
        self._is_method = True

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if self._in_class and not self._is_method:
            return self  # to be refused when it is called
        method = self if self._takes_self else self._taking_self()
        return method if instance is None else MethodType(method, instance)

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
