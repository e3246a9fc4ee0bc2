# SPDX-License-Identifier: MIT
"""Pointers that are dropped with their blocks: the blocks are freed, with a warning."""

from __future__ import annotations

import sys
import warnings

from pointers._ffi import lib
from pointers._typing import Any

#: Whether objects go with their last reference.  Elsewhere, the collector has to find them.
COUNTS_REFERENCES = sys.implementation.name == "cpython"


def warn_dropped(ptr: Any, size: int, _warn: Any = warnings.warn) -> None:
    """Warn of a pointer that was dropped with its block of `size` bytes."""
    _warn(
        f"{type(ptr).__name__} to {size} bytes was dropped without free()",
        ResourceWarning,
        source=ptr,
    )


def free_dropped(
    block: int,
    ptr: Any,
    # Bound here, since a module's globals may be gone when the program ends
    _drop: Any = lib.ptrs_drop_forgotten,
    _warn: Any = warn_dropped,
) -> None:
    """Free the block of a pointer that was dropped, unless that has been done."""
    size = _drop(block)
    if size >= 0:
        _warn(ptr, size)


class Keeper:
    """What frees the block of an owner that goes, for interpreters that count no references.

    There an object with a finaliser costs as much as all the rest of a pointer,
    and its class has it for aliases and slots, too.  So pointers have none: an
    owner has a keeper, which goes with it, or serves the next owner once the
    block has been freed.
    """

    __slots__ = ("block", "place")

    block: int
    place: Any

    def __init__(self) -> None:
        self.block = 0

    def __del__(self, _free_dropped: Any = free_dropped) -> None:
        if self.block:
            _free_dropped(self.block, self.place)

    def retire(self) -> None:
        """Keep no block any more."""
        self.block = 0
        self.place = None
        if len(_spare) < _MAX_SPARE:
            _spare.append(self)


# Keepers without a block, nor any other reference to them
_spare: list[Keeper] = []
_MAX_SPARE = 1024


def keep(place: Any, block: int) -> Keeper:
    """Return a keeper for the block of its new owner, which has to hold it."""
    try:
        keeper = _spare.pop()
    except IndexError:
        keeper = Keeper()
    # An interrupt between these leaves a keeper without a block
    keeper.place = place
    keeper.block = block
    return keeper
