# SPDX-License-Identifier: MIT
"""What has to be done where a block of memory ends that others have allocated.

C calls back where such a block ends: in `free`, when its pointer is leaked, or with its last view.
"""

from __future__ import annotations

import atexit
import itertools
from _thread import get_ident
from weakref import WeakValueDictionary

from pointers._ffi import ffi, lib
from pointers._pointer.finalizers import is_unheard, warn_leaked
from pointers._typing import Any, Callable

_numbers = itertools.count(1)

# Endings of the blocks that live, by their tokens.  Weak, since a function or an object that an
# ending keeps may refer to the pointer: the collector has to see that.
_endings: WeakValueDictionary[int, Ending] = WeakValueDictionary()

# Those of blocks that have lost their pointer and not yet their last view
_waiting: dict[int, Ending] = {}


# Endings within each other: what a block keeps may be the last view of another one
_MAX_NESTED = 20


class Ending:
    """What frees a block, and what keeps its memory; the pointer that owns the block has it."""

    __slots__ = (
        "__weakref__", "address", "block", "callers", "error", "function", "keepalive", "kind",
        "token", "warns",
    )  # fmt: skip

    def __init__(
        self, kind: type, address: int, function: Callable[[int], object] | None, keepalive: object
    ) -> None:
        self.block = 0
        self.kind = kind
        self.address = address
        self.function = function
        self.keepalive = keepalive
        self.error: BaseException | None = None
        # The threads that free the block: one of them ends it, and gets the error
        self.callers: list[int] = []
        self.warns = False
        self.token = 0
        if function is not None or keepalive is not None:
            self.token = next(_numbers)
            _endings[self.token] = self

    def wait(self) -> None:
        """Wait for the last view, also where the pointer is gone."""
        if self.token and self.block:
            _waiting[self.token] = self

    def forget(self) -> None:
        """Do nothing any more, and keep nothing."""
        self.block = 0
        self.function = self.keepalive = None

    def raise_error(self) -> None:
        """Raise what the function has raised, if it has."""
        error, self.error = self.error, None
        if error is not None:
            raise error

    def end(self) -> None:
        """Call the function, once."""
        function = self.function
        self.forget()
        if function is None:
            return
        try:
            function(self.address)
        except BaseException as error:
            if get_ident() in self.callers:
                self.error = error
            else:
                _Unraisable(error)

    def _tell(
        self, size: int, block: int, _is_unheard: Any = is_unheard, _warn: Any = warn_leaked
    ) -> None:
        """Warn of a leak of `size` bytes, unless it is negative; raise what the function raised."""
        try:
            if size >= 0 and self.warns and not _is_unheard():
                _warn(self.kind, size, None, block)
        finally:
            # Also where warnings are errors
            self.raise_error()

    # Short, as is _tell(): without memory, CPython from 3.11 on makes no number above 256, and so
    # never ends in a handler that is farther from its function's start

    def __del__(
        self,
        # Bound here, since a module's globals may be gone when the program ends
        _drop: Any = lib.ptrs_access_drop_leaked,
        _size: Any = lib.ptrs_access_size_of,
        _waiting: Any = _waiting,
        _get_ident: Any = get_ident,
    ) -> None:
        """Free the block, as its pointer is gone, unless that has been done."""
        block = getattr(self, "block", 0)  # an interrupt may come before it has one
        if not block:
            return
        try:
            if self.token:
                # Some interpreters have cleared weak references by now
                _waiting[self.token] = self
            self.callers.append(_get_ident())
            is_caller = True
        except MemoryError:
            # The block goes all the same; what its function raises has no caller then
            is_caller = False
        size = _drop(block)
        if is_caller:
            self.callers.remove(_get_ident())
        if self.token and _size(block) >= 0:
            return  # a view has the memory: C calls back with the last one
        _waiting.pop(self.token, None)
        self.block = 0
        self._tell(size, block)


class _Unraisable:
    """An exception that has no caller, and goes to `sys.unraisablehook` from a finalizer."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __del__(self) -> None:
        raise self.error


def _end_put_off(thread: int, put_off: dict[int, list[Ending]]) -> None:
    endings = put_off.pop(thread, None)
    while endings:
        while endings:
            endings.pop().end()
        endings = put_off.pop(thread, None)


def _end_within(
    ending: Ending,
    _depths: dict[int, int] = {},  # noqa: B006 - of each thread that ends blocks
    _put_off: dict[int, list[Ending]] = {},  # noqa: B006
    _most: int = _MAX_NESTED,
    _get_ident: Any = get_ident,
    _end_rest: Any = _end_put_off,
) -> None:
    """Call an ending; where too many are within each other, once the outermost is done."""
    thread = _get_ident()
    depth = _depths.get(thread, 0)
    if depth >= _most:
        _put_off.setdefault(thread, []).append(ending)
        return
    _depths[thread] = depth + 1
    try:
        ending.end()
        if not depth:
            _end_rest(thread, _put_off)
    finally:
        _depths[thread] = depth
        if not depth:
            del _depths[thread]


def _listen(
    waiting: dict[int, Ending],
    endings: WeakValueDictionary[int, Ending],
    end_within: Callable[[Ending], None],
) -> None:
    # In a closure, since a module's globals may be gone when the last views go
    @ffi.def_extern()
    def ptrs_access_block_ended(token: int) -> None:
        """End the block with a token, in the thread in which C has ended it."""
        ending = waiting.pop(token, None) or endings.get(token)
        if ending is not None:
            end_within(ending)


_listen(_waiting, _endings, _end_within)
# The same function for all interpreters, each of which finds its own endings
lib.ptrs_access_tell_ended(ffi.addressof(lib, "ptrs_access_block_ended"))


@atexit.register
def _end_all() -> None:
    """Free what is left, while functions can be called; what views still use stays as it is."""
    for ending in [ref() for ref in _endings.valuerefs()]:
        if ending is not None and ending.function is not None and ending.block:
            try:
                ending.__del__()
            except BaseException as error:
                # The others have their turn all the same
                _Unraisable(error)
            ending.function = None
