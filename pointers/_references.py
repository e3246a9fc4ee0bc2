# SPDX-License-Identifier: MIT
"""Objects that are stored by reference: what holds them while memory names them."""

from __future__ import annotations

import itertools
import os
import weakref
from _thread import RLock

from pointers._ffi import lib
from pointers._image_size import REFERENCE_SIZE
from pointers._typing import Any, Callable

_store_reference = lib.ptrs_store_reference
_has_reference = lib.ptrs_has_reference
_allocator_of = lib.ptrs_allocator_of
_size_of = lib.ptrs_size_of

MISSING = object()
_NONE: dict[int, object] = {}

# Keys are never used twice, so that a word that was copied somewhere cannot
# come to mean another object.
_keys = itertools.count(1)


# By the address of their block's allocator: for when that ends all its blocks, and for
# the child of a fork, where the threads that held their locks do not exist
_references: dict[int, weakref.WeakSet[References]] = {}


class References:
    """The objects that the images in one block refer to, by offset and key.

    The memory decides what is held: a key is there before its image is written,
    and is taken out once its image is not found any more.  So whatever is
    interrupted, each image has its object; at worst an object stays until the
    bytes there are written again.

    The lock is reentrant, since a finaliser may run at any time and use the
    same block.  Objects are released outside of it for the same reason.
    """

    __slots__ = ("__weakref__", "_block", "_entries", "_lock")

    def __init__(self, block: int) -> None:
        self._block = block
        self._entries: dict[int, dict[int, object]] = {}
        self._lock = RLock()
        _references.setdefault(_allocator_of(block), weakref.WeakSet()).add(self)

    def store(
        self,
        block: int,
        offset: int,
        room: int,
        obj: object,
        write: Callable[[int, int, int, int], int] = _store_reference,
    ) -> int:
        """Store a reference; return its size or a negated status.

        :param write: Takes (block, offset, room, key) and writes the image.
        """
        return self.store_all(
            block,
            {offset: obj},
            offset + REFERENCE_SIZE,
            lambda keys: write(block, offset, room, keys[offset]),
        )

    def store_all(
        self,
        block: int,
        objects: dict[int, object],
        end: int,
        write: Callable[[dict[int, int]], int],
    ) -> int:
        """Store references to objects by their offsets, the lowest first.

        :param end: End of the bytes that `write` writes.
        :param write: Takes the keys by offset and writes the images, all or
            none; returns a negated status, or raises, if it has written none.
        """
        keys = {offset: next(_keys) for offset in objects}
        released: list[object] = []
        with self._lock:
            try:
                self._hold(objects, keys)
                status = write(keys)
            finally:
                # Again, since a finaliser may have stored here meanwhile
                self._hold(objects, keys)
                # Slots without bytes end before the images that do not fit into them
                reach = max(end, max(objects) + 1)
                released = self._without_image(block, min(objects), reach)
        # Out of the lock: what these release may run anything
        del released
        return status

    def load(self, offset: int, key: int) -> Any:
        """Return the object with this key at this offset, or `MISSING`."""
        with self._lock:
            return self._entries.get(offset, _NONE).get(key, MISSING)

    def overwritten(self, block: int, start: int, end: int) -> None:
        """Release what has lost its image to a write of the bytes [start, end)."""
        with self._lock:
            released = self._without_image(block, start, end)
        del released

    def release(self) -> None:
        """Release everything: the block is gone."""
        with self._lock:
            entries, self._entries = self._entries, {}
        del entries

    def _hold(self, objects: dict[int, object], keys: dict[int, int]) -> None:
        for offset, obj in objects.items():
            self._entries.setdefault(offset, {})[keys[offset]] = obj

    def _without_image(self, block: int, start: int, end: int) -> list[object]:
        """Take out the objects in reach of [start, end) whose image is gone."""
        first = start - REFERENCE_SIZE + 1
        if end - first < len(self._entries):
            offsets = [at for at in range(first, end) if at in self._entries]
        else:
            offsets = [at for at in list(self._entries) if first <= at < end]
        released: list[object] = []
        for at in offsets:
            held = self._entries.get(at, _NONE)
            gone = [key for key in list(held) if _has_reference(block, at, key) != 1]
            released.extend(held.pop(key, None) for key in gone)
            if not held:
                self._entries.pop(at, None)
        return released


def release_gone(source: int) -> None:
    """Release what the blocks of an allocator held that are gone.

    :param source: The allocator's address.
    """
    for references in list(_references.get(source, ())):
        if _size_of(references._block) < 0:
            references.release()


def _renew_locks() -> None:
    for some in list(_references.values()):
        for references in list(some):
            references._lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
