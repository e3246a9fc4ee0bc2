# SPDX-License-Identifier: MIT
"""Objects that are stored by reference: what holds them while memory names them."""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from typing import Any, Callable

from pointers._ffi import lib
from pointers._image_size import REFERENCE_SIZE

_store_reference = lib.ptrs_store_reference
_has_reference = lib.ptrs_has_reference
_allocator_of = lib.ptrs_allocator_of
_size_of = lib.ptrs_size_of

MISSING = object()

# Keys are never used twice, so that a word that was copied somewhere cannot
# come to mean another object.
_keys = itertools.count(1)


# By the address of their block's allocator: for when that ends all its blocks, and for
# the child of a fork, where the threads that held their locks do not exist
_references: dict[int, weakref.WeakSet[References]] = {}


class References:
    """The objects that the images in one block refer to, by their offsets.

    An entry is made before its image is written and, under the same lock,
    stays only if that succeeds.  Whoever has overwritten bytes afterwards asks
    which entries still have their image (`overwritten`): the memory decides,
    so a plain store needs no lock of its own.

    The lock is reentrant, since a finaliser may run at any time and use the
    same block.  Objects are released outside of it for the same reason.
    """

    __slots__ = ("__weakref__", "_block", "_entries", "_lock")

    def __init__(self, block: int) -> None:
        self._block = block
        self._entries: dict[int, tuple[int, object]] = {}
        self._lock = threading.RLock()
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
        entries = {offset: (keys[offset], obj) for offset, obj in objects.items()}
        released: list[tuple[int, object]] = []
        with self._lock:
            replaced = {at: self._entries[at] for at in entries if at in self._entries}
            self._entries.update(entries)
            status = -1
            try:
                status = write(keys)
            finally:
                if status >= 0:
                    # Again, since a finaliser may have stored here meanwhile
                    self._entries.update(entries)
                    released = self._without_image(block, min(entries), end)
                else:
                    for offset in entries:
                        self._entries.pop(offset, None)
                    self._entries.update(replaced)
        # Out of the lock: what these release may run anything
        del replaced, released
        return status

    def load(self, offset: int, key: int) -> Any:
        """Return the object with this key at this offset, or `MISSING`."""
        with self._lock:
            entry = self._entries.get(offset)
        return entry[1] if entry is not None and entry[0] == key else MISSING

    def overwritten(self, block: int, start: int, end: int) -> None:
        """Release what has lost its image to a write of the bytes [start, end)."""
        with self._lock:
            released = self._without_image(block, start, end)
        del released

    def cuts(self, size: int) -> int | None:
        """Return the end of an image that a block of `size` bytes would cut."""
        with self._lock:
            for offset in list(self._entries):
                if offset < size < offset + REFERENCE_SIZE:
                    return offset + REFERENCE_SIZE
        return None

    def release(self) -> None:
        """Release everything: the block is gone."""
        with self._lock:
            entries, self._entries = self._entries, {}
        del entries

    def _without_image(self, block: int, start: int, end: int) -> list[tuple[int, object]]:
        """Take out the entries in reach of [start, end) whose image is gone."""
        first = start - REFERENCE_SIZE + 1
        if end - first < len(self._entries):
            offsets = [at for at in range(first, end) if at in self._entries]
        else:
            offsets = [at for at in list(self._entries) if first <= at < end]
        released = []
        for at in offsets:
            entry = self._entries.get(at)
            if entry is not None and _has_reference(block, at, entry[0]) != 1:
                released.append(self._entries.pop(at))
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
            references._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
