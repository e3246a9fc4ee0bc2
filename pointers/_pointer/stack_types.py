# SPDX-License-Identifier: MIT
"""The types of stack functions for type checkers: those of the call, without the pointer.

At run time all are of one class, and nothing imports this module.
"""

from __future__ import annotations

from pointers._typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Concatenate,
    ParamSpec,
    Protocol,
    TypeVar,
    overload,
)

P = ParamSpec("P")
S = TypeVar("S", contravariant=True)
T = TypeVar("T")
R = TypeVar("R", covariant=True)
Q = TypeVar("Q")

if TYPE_CHECKING:
    from pointers._pointer.stack_call import StackAllocatedPointer

    class _Described(Protocol):
        __name__: str
        __qualname__: str

        @property
        def __wrapped__(self) -> Callable[..., Any]: ...

    class StackFunction(_Described, Protocol[P, R]):
        """A function whose first argument is the pointer."""

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    class StackMethod(_Described, Protocol[S, P, R]):
        """A method, which takes the pointer after its self."""

        def __call__(self, instance: S, /, *args: P.args, **kwargs: P.kwargs) -> R: ...
        @overload
        def __get__(
            self, instance: None, owner: type[Any] | None = None
        ) -> Callable[Concatenate[S, P], R]: ...
        @overload
        def __get__(self, instance: S, owner: type[Any] | None = None) -> Callable[P, R]: ...

    class StackDecorator(Protocol):
        """The decorator that `stack_alloc` returns.

        A first parameter that takes no pointer is a self.
        """

        @overload
        def __call__(  # type: ignore[overload-overlap]  # both, for one of pointers alone
            self, func: Callable[Concatenate[StackAllocatedPointer[Any], P], Q], /
        ) -> StackFunction[P, Q]: ...
        @overload
        def __call__(
            self, func: Callable[Concatenate[T, StackAllocatedPointer[Any], P], Q], /
        ) -> StackMethod[T, P, Q]: ...
