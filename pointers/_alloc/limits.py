# SPDX-License-Identifier: MIT
"""Budgets: how much may live in an allocator, and memory that goes back before its end."""

from __future__ import annotations

from pointers._alloc.allocator import Allocator, System
from pointers._collector import call
from pointers._errors import status_error
from pointers._ffi import ffi, lib
from pointers._pointer.raw import SIZE_MAX, as_int
from pointers._registry import makers, new_cell
from pointers._typing import Any, Self


def parent_of(source: Any) -> Any:
    """Return the C object of an allocator's parent; None stands for the system's."""
    if source is None:
        source = System()
    if not isinstance(source, Allocator):
        raise TypeError(f"parent must be an Allocator or None, not {type(source).__name__}")
    return source._cdata


def as_limit(limit: Any) -> int:
    """Return a limit in bytes; 0 stands for None."""
    if limit is None:
        return 0
    most = as_int(limit, "limit must be an int")
    if not 0 < most <= SIZE_MAX:
        raise ValueError(f"limit is {most}: it must be from 1 to {SIZE_MAX} bytes")
    return most


class _Bounded(Allocator):
    """An allocator with a limit, if it has one."""

    __slots__ = ()

    @property
    def limit(self) -> int | None:
        """The most bytes that may live at one time, as `stats().current_bytes` counts; or None.

        It may be set to as much as lives, or more.  What would exceed it is an `AllocationError`.
        """
        return int(lib.ptrs_allocator_limit(self._cdata)) or None

    @limit.setter
    def limit(self, limit: int) -> None:
        self._with_limit(as_limit(as_int(limit, "limit must be an int")))

    def _with_limit(self, limit: int) -> Self:
        """Set a limit that has been checked, unless it is 0, and return the allocator."""
        if limit and lib.ptrs_allocator_set_limit(self._cdata, limit):
            lives = self.stats().current_bytes
            raise ValueError(
                f"limit is {limit}: {lives} bytes live already; free some, or set a greater one"
            )
        return self


class Limited(_Bounded):
    """One that takes its memory from its parent in large pieces."""

    __slots__ = ()

    _release_unused: Any

    def release_unused(self) -> int:
        """Give memory back to the parent in which no block lives; return its bytes.

        :raises ValueError: it is closed.
        """
        n_bytes = ffi.new("size_t *")
        status = type(self)._release_unused(self._cdata, n_bytes)
        if status:
            raise status_error(status)
        return int(n_bytes[0])


class Limit(_Bounded):
    """A budget over any allocator: so many bytes may live in it at one time.

    Its blocks are the parent's, which can be neither closed nor reset while there are any.  What
    is counted is what was asked for, exactly, also where several threads allocate.
    """

    __slots__ = ()

    def __new__(cls, parent: Allocator | None, limit: int) -> Limit:  # noqa: PYI034
        """Make a budget.

        :param parent: Where the memory comes from; None: the C library.
        :param limit: Bytes that may live at one time.
        :raises ValueError: the limit is less than 1, or the parent has 64 allocators above it.
        """
        most = as_limit(as_int(limit, "limit must be an int"))
        cell = new_cell()
        return cls._made(call(lib.ptrs_limit_new, parent_of(parent), most, cell), cell)


makers["limit"] = Limit._of
