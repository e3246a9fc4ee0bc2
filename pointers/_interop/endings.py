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

    def _tell(self, size: int, _is_unheard: Any = is_unheard, _warn: Any = warn_leaked) -> None:
        """Warn of a leak of `size` bytes, unless it is negative; raise what the function raised."""
        try:
            if size >= 0 and self.warns and not _is_unheard():
                _warn(self.kind, size, None)
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
        block = self.block
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
        self._tell(size)


class _Unraisable:
    """An exception that has no caller, and goes to `sys.unraisablehook` from a finalizer."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __del__(self) -> None:
        raise self.error


def _listen(waiting: dict[int, Ending], endings: WeakValueDictionary[int, Ending]) -> None:
    # In a closure, since a module's globals may be gone when the last views go
    @ffi.def_extern()
    def ptrs_access_block_ended(token: int) -> None:
        """End the block with a token, in the thread in which C has ended it."""
        ending = waiting.pop(token, None) or endings.get(token)
        if ending is not None:
            ending.end()


_listen(_waiting, _endings)
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
