# SPDX-License-Identifier: MIT
"""Objects that are stored by reference: what holds them while memory names them.

No lock is held here.  A finalizer, a signal handler, another thread or a fork may come
in between any two steps and do the same to the same block, and an interrupt may end an
operation there.  So each step is one of the interpreter's, on a dict whose keys are used
once, or one of C, which holds the block meanwhile.  A lock would stay locked after an
interrupt, and two finalizers could wait for each other's.

With the compiled fast path, the table is that of `bindings/cpython/held.c`, each of whose
functions is one step, and stores do not come by here, except for those without the size limit.
"""

from __future__ import annotations

from weakref import KeyedRef, _remove_dead_weakref  # type: ignore[attr-defined]

from pointers._codec.layout import REFERENCE_SIZE
from pointers._codec.synth import store_key
from pointers._ffi import fast, lib
from pointers._pointer.base import MISSING
from pointers._typing import TYPE_CHECKING, Any, Callable

_new_key = lib.ptrs_access_new_key
_store_reference = store_key
_has_reference = lib.ptrs_access_has_reference
_allocator_of = lib.ptrs_access_allocator_of
_size_of = lib.ptrs_access_size_of


if TYPE_CHECKING or fast is None:

    class HeldTable:
        """The objects of one block by key, and the places where their images are."""

        __slots__ = ("_block", "_held", "_places")

        def __init__(self, block: int) -> None:
            self._block = block
            # Offset and object, by key
            self._held: dict[int, tuple[int, object]] = {}
            # Offsets by key, of what has been written, by their REFERENCE_SIZE bytes of memory
            self._places: dict[int, dict[int, int]] = {}

        def __len__(self) -> int:
            return len(self._held)

        def _hold(self, key: int, offset: int, obj: object) -> None:
            """Hold an object whose image, of a fresh key, is about to be written."""
            self._held[key] = (offset, obj)

        def _not_written(self, _offset: int, key: int) -> None:
            """Hold no object by this key: no image has it, unless raw bytes forged one."""
            # The caller of the store has the object, so that this runs no finalizer
            self._held.pop(key, None)

        def load(self, offset: int, key: int) -> Any:
            """Return the object with this key at this offset, or `MISSING`."""
            # No subclass of int, for which PyPy would make the dict a slow one
            held = self._held.get(int(key))
            return held[1] if held is not None and held[0] == offset else MISSING

        def overwritten(self, block: int, start: int, end: int) -> None:
            """Release what has lost its image to a write of the bytes [start, end)."""
            start -= REFERENCE_SIZE - 1
            first, last = start // REFERENCE_SIZE, (end - 1) // REFERENCE_SIZE
            few = last - first < len(self._places)
            released: list[object] = []
            for place in range(first, last + 1) if few else list(self._places):
                if first <= place <= last and place in self._places:
                    self._look(block, place, start, end, released)
            # Here, where nothing is under way: what these release may run anything
            del released

        def release(self) -> None:
            """Release everything: the block is gone."""
            # In this order: a store that holds an object after that finds out by itself, if
            # what it tells of after that is not forgotten
            self._places.clear()
            self._held.clear()

        def _tell(self, offset: int, key: int) -> None:
            """Let all know that there may be an image with this key."""
            place = offset // REFERENCE_SIZE
            while True:
                offsets = self._places.get(place)
                if offsets is None:
                    offsets = self._places.setdefault(place, {})
                offsets[key] = offset
                # Or it was taken out as empty just now
                if self._places.get(place) is offsets:
                    return

        def _look(
            self, block: int, place: int, start: int, end: int, released: list[object]
        ) -> None:
            """Take out what has no image any more, of what is at a place in [start, end)."""
            offsets = self._places.get(place)
            if offsets is None:
                return
            keys = list(offsets)
            # Most often one or two: PyPy would make a program of its own of a loop
            if len(keys) > 2:
                self._look_at_all(block, offsets, keys, start, end, released)
            elif keys:
                self._look_at(block, offsets, keys[0], start, end, released)
                if len(keys) == 2:
                    self._look_at(block, offsets, keys[1], start, end, released)
            if not offsets:
                self._take_out(block, place, released)

        def _look_at(
            self,
            block: int,
            offsets: dict[int, int],
            key: int,
            start: int,
            end: int,
            released: list[object],
        ) -> None:
            offset = offsets.get(key, end)
            if start <= offset < end and _has_reference(block, offset, key) != 1:
                released.append(self._held.pop(key, None))
                offsets.pop(key, None)

        def _look_at_all(
            self,
            block: int,
            offsets: dict[int, int],
            keys: list[int],
            start: int,
            end: int,
            released: list[object],
        ) -> None:
            for key in keys:
                self._look_at(block, offsets, key, start, end, released)

        def _take_out(self, block: int, place: int, released: list[object]) -> None:
            """Take out a place that was found empty."""
            emptied = self._places.pop(place, None)
            if emptied:
                # A key came in just before.  Others may have looked for it since: do it for them.
                for key, offset in emptied.copy().items():
                    self._tell(offset, key)
                start = place * REFERENCE_SIZE
                self._look(block, place, start, start + REFERENCE_SIZE, released)

else:
    HeldTable = fast.HeldTable


class HeldObjects(HeldTable):
    """The objects that the images in one block refer to.

    The memory decides what is held: an object is taken out once its image is not found
    any more by an operation that looks there.  A store

    1. holds the object, by a key that was never used before;
    2. writes the image, which is that key, in one step of C;
    3. tells that an image is at that place;
    4. looks for the images at all places that it wrote to, its own as well, since
       another write may have destroyed that before anybody knew of it.

    So each image in memory has its object, whatever ends a store or comes in between.
    At worst, an object stays until the block's end.
    """

    __slots__ = ("__weakref__",)

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
        key = _new_key()
        try:
            self._hold(key, offset, obj)
            status = write(block, offset, room, key)
            if status < 0:
                self._not_written(offset, key)
            return status
        finally:
            self._tell(offset, key)
            self.overwritten(block, offset, offset + REFERENCE_SIZE)

    def store_all(
        self,
        objects: dict[int, object],
        end: int,
        write: Callable[..., int],
        block: int,
        *arguments: Any,
    ) -> int:
        """Store references to objects by their offsets, the lowest first.

        :param end: End of the bytes that `write` writes.
        :param write: Takes (block, *arguments, keys by offset) and writes the images, all
            or none; returns a negated status, or raises, if it has written none.
        """
        keys = {offset: _new_key() for offset in objects}
        try:
            for offset, key in keys.items():
                self._hold(key, offset, objects[offset])
            status = write(block, *arguments, keys)
            if status < 0:
                for offset, key in keys.items():
                    self._not_written(offset, key)
            return status
        finally:
            for offset, key in keys.items():
                self._tell(offset, key)
            # Slots without bytes end before the images that do not fit into them
            self.overwritten(block, min(objects), max(end, max(objects) + 1))


# The held objects of each living block, by the address of the block's allocator, which
# looks here once it has ended all its blocks at once.  An entry whose objects are gone is
# replaced when its key is used again.
_by_allocator: dict[int, dict[int, KeyedRef[tuple[dict[int, Any], int], HeldObjects]]] = {}


def held_of(block: int) -> HeldObjects:
    """Return the held objects of a block: the same ones for as long as a pointer has them."""
    of_allocator = _by_allocator.setdefault(_allocator_of(block), {})
    made = HeldObjects(block)
    entry = KeyedRef(made, _unregister, (of_allocator, block))
    while True:
        kept = of_allocator.setdefault(block, entry)()
        if kept is not None:
            return kept
        _remove_dead_weakref(of_allocator, block)


def _unregister(
    entry: KeyedRef[tuple[dict[int, Any], int], HeldObjects],
    # Bound here, since a module's globals may be gone when the program ends
    _remove: Callable[[dict[int, Any], int], None] = _remove_dead_weakref,
) -> None:
    _remove(*entry.key)


def release_gone(source: int) -> None:
    """Release what the blocks of an allocator held that are gone.

    :param source: The allocator's address.
    """
    blocks = _by_allocator.get(source)
    if not blocks:
        return
    # Weak references are no objects that the collector has to look at, so that the
    # list is made in one step: nothing runs in between
    for entry in list(blocks.values()):
        of_allocator, block = entry.key
        if _size_of(block) < 0:
            held = entry()
            if held is not None:
                held.release()
            # No block will have its handle again
            of_allocator.pop(block, None)
