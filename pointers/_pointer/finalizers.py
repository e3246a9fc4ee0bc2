# SPDX-License-Identifier: MIT
"""Pointers that are dropped with their blocks: the blocks are freed, with a warning."""

from __future__ import annotations

import _warnings
import sys
import warnings

from pointers._ffi import lib
from pointers._traces import block_freed, live
from pointers._typing import Any

# The context variable of the filters that are a context's own, from 3.14 on
_OWN_FILTERS = getattr(_warnings, "_warnings_context", None)

# Names are bound as defaults below, since a module's globals may be gone when the
# program ends


def callers_level(
    _get_frame: Any = sys._getframe, _folder: str = __file__[: -len("_pointer/finalizers.py")]
) -> int:
    """Return the `stacklevel` with which this function's caller warns of the program's line.

    That is the line which is under way below the functions of this package.
    """
    level = 1
    frame = _get_frame(1)
    while frame is not None and frame.f_code.co_filename.startswith(_folder):
        level += 1
        frame = frame.f_back
    return level


def warn_leaked(
    kind: type,
    size: int,
    source: Any,
    block: int = 0,
    _warn: Any = warnings.warn,
    _level: Any = callers_level,
    _live: Any = live,
    _freed: Any = block_freed,
) -> None:
    """Warn of a pointer of a class that was dropped with its block of `size` bytes.

    The warning names the line that dropped it: a finalizer runs above the frame
    that let the last pointer go.  It has the handle of the block as `_block`, for the
    plugin of pytest: sizes do not tell one block from another.

    :param source: The pointer, or None where nothing may see it any more.
    """
    where = _freed(block) if _live else ""
    warning: Any = ResourceWarning(
        f"{kind.__name__} to {size} bytes{where} was dropped without free()"
    )
    warning._block = block
    _warn(warning, stacklevel=_level(), source=source)


def is_unheard(
    _warnings: Any = warnings,
    _own_filters: Any = _OWN_FILTERS,
    _may_have_own: bool = sys.version_info >= (3, 14),
) -> bool:
    """Whether a `ResourceWarning` would surely not be heard, wherever it came from.

    To warn in vain costs more than all the rest of a pointer.
    """
    if _may_have_own and (_own_filters is None or _own_filters.get(None) is not None):
        return False
    filters = _warnings.filters
    if type(filters) is not list:
        return False
    for action, message, category, module, line in filters:
        # A class of another metaclass could claim anything
        if type(category) is not type:
            return False
        if issubclass(ResourceWarning, category):
            return action == "ignore" and message is module is None and line == 0
    return False


def free_leaked(
    block: int,
    kind: type,
    ptr: Any,
    _drop: Any = lib.ptrs_access_drop_leaked,
    _is_unheard: Any = is_unheard,
    _warn: Any = warn_leaked,
    _live: Any = live,
    _freed: Any = block_freed,
    _size_of: Any = lib.ptrs_access_size_of,
) -> None:
    """Free the block of a pointer that was dropped, unless that has been done."""
    size = _drop(block)
    if size >= 0 and not _is_unheard():
        _warn(kind, size, ptr, block)
    elif _live and _size_of(block) < 0:
        _freed(block)


class Finalizer:
    """An object that frees the block of an owner that is gone, where the owner's class does not.

    Where an interpreter counts no references, an object with a finalizer costs as
    much as all the rest of a pointer, and its class has it for aliases and slots,
    too.  So pointers have none: an owner has a finalizer, which goes with it, or
    serves the next owner once the block has been freed.  So has the owner of any
    class that is derived from ours: its `__del__` may not call ours.
    """

    # Not the pointer: the collector runs a finalizer only once no other can reach its
    # object.  Through a pointer that memory holds, one can, and a chain of pointers
    # would go one link a round.
    __slots__ = ("block", "kind")

    block: int
    kind: type

    def __init__(self) -> None:
        self.block = 0

    def __del__(self, _free_leaked: Any = free_leaked) -> None:
        if self.block:
            _free_leaked(self.block, self.kind, None)

    def retire(self) -> None:
        """Keep no block any more."""
        self.block = 0
        self.kind = Finalizer
        if len(_spare) < _MAX_SPARE:
            _spare.append(self)


# Finalizers without a block, nor any other reference to them
_spare: list[Finalizer] = []
_MAX_SPARE = 1024


def new_finalizer(kind: type, block: int) -> Finalizer:
    """Return a finalizer for the block of its new owner, which has to hold it."""
    try:
        finalizer = _spare.pop()
    except IndexError:
        finalizer = Finalizer()
    # An interrupt between these leaves a finalizer without a block
    finalizer.kind = kind
    finalizer.block = block
    return finalizer
