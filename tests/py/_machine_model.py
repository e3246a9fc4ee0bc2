# SPDX-License-Identifier: MIT
"""A model of blocks: their bytes, and what each operation on them must do.

The model uses the model of images, and of the package nothing but its exceptions.
Methods named `..._errors` return the exceptions that the real operation may raise, or
None if it must succeed; the others record an operation that succeeded.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple, Optional

import _image_model as images

from pointers import CorruptObjectError, DereferenceError, InvalidSizeError, ReadOnlyError

Errors = Optional["type[Exception] | tuple[type[Exception], ...]"]

REFERENCE_SIZE = 16


class Token(NamedTuple):
    """The model's name for a held object, which the model itself must not keep alive."""

    number: int


class Place(NamedTuple):
    """The place in its block that a pointer points at.

    `index` is the index of a slot, or None.  `stepped` is true for a slot that was reached
    by adding to the array's pointer: stepping back to slot 0 gives the array again.  `part`
    is where a slice starts and ends in the block.
    """

    offset: int
    index: int | None = None
    stepped: bool = False
    readonly: bool = False
    part: tuple[int, int] | None = None

    @property
    def is_start(self) -> bool:
        """Whether it is that of the pointer that the block was allocated with."""
        return self == Place(0)


def either(*errors: Errors) -> Errors:
    """Return the exceptions that may come for any of several reasons; None if for none."""
    found: list[type[Exception]] = []
    for error in errors:
        if error is not None:
            found += error if isinstance(error, tuple) else (error,)
    return tuple(found) or None


def size_of(value: Any) -> int:
    return REFERENCE_SIZE if isinstance(value, Token) else len(images.image(value))


class Source:
    """An allocator: the statistics that it should have, and the requests that it refuses."""

    def __init__(self, kind: str, allocator: Any) -> None:
        self.kind = kind
        self.allocator = allocator
        self.stats: dict[str, int] = allocator.stats()._asdict()
        self.limit: int | None = None  # most bytes of a block
        self.max_align: int | None = None
        self.marks: list[tuple[int, int]] = []  # each mark's number, and the tick when it was made


class Block:
    """One block.  `data` has all bytes of its capacity, also those behind its size."""

    def __init__(
        self,
        kind: str,
        size: int,
        capacity: int,
        slot_size: int | None = None,
        source: Source | None = None,
    ) -> None:
        self.kind = kind  # "heap", "array", "adopted" or "stack"
        self.source = source  # None for a block of the stack, and for memory of others
        self.tick = 0  # when the block got its present address
        self.size = size
        self.data = bytearray(capacity)
        self.slot_size = slot_size
        self.empty_slots = 0  # the number of slots, if slots have no bytes
        # The memory decides which objects are held.  `held` has the objects whose image
        # stands: key and object by offset.  `loose` has those whose image was destroyed
        # through a view or an address: offset and object by key.  Any later operation, even
        # one that fails, may let go of a loose object; until then the object can be loaded
        # if its image is written back.
        self.held: dict[int, tuple[int, Token]] = {}
        self.loose: dict[int, tuple[int, Token]] = {}
        self.freed = False
        self.memory: Any = None  # of others, whose the block's bytes are
        self.n_views = 0  # pins, also those of objects of ctypes
        self.was_lent = False

    @property
    def count(self) -> int:
        return self.size // self.slot_size if self.slot_size else self.empty_slots

    def left(self, place: Place) -> int:
        """Return the `size` of a pointer to a place."""
        if place.part is not None:
            return place.part[1] - place.offset
        left = max(0, self.size - place.offset)
        if place.index is None or self.slot_size is None:
            return left
        return min(left, self.slot_size)

    def is_cut(self, place: Place) -> bool:
        """Return whether `realloc` has cut the slice that a pointer is."""
        return place.part is not None and place.part[1] > self.size

    def refusals(self, place: Place, *, changes: bool) -> Errors:
        """Return what a cut slice raises always, and a read-only pointer if memory changes."""
        cut = InvalidSizeError if self.is_cut(place) else None
        return either(cut, ReadOnlyError if changes and place.readonly else None)

    def moved(self, place: Place, steps: int, *, indexes: bool) -> Place | None:
        """Return where `ptr + steps` or, with `indexes`, `ptr[steps]` is; None if nowhere."""
        if self.slot_size is None or place.part is not None:
            start, end = place.part or (0, self.size)
            offset = place.offset + steps
            return place._replace(offset=offset) if start <= offset <= end else None
        index = steps if indexes else (place.index or 0) + steps
        if not 0 <= index < self.count + (not indexes):
            return None
        stepped = not indexes and (place.index is None or place.stepped)
        if stepped and not index:
            return Place(0, readonly=place.readonly)  # stepping back to slot 0 gives the array
        return Place(index * self.slot_size, index, stepped, place.readonly)

    # Bytes

    def wrote(self, offset: int, data: bytes) -> None:
        """Record bytes that a checked operation wrote."""
        self.data[offset : offset + len(data)] = data
        self._let_go_of_overwritten(offset, offset + len(data))

    def wrote_unseen(self, offset: int, data: bytes) -> None:
        """Record bytes that were written through a view or by address, past all checks."""
        self.data[offset : offset + len(data)] = data
        self._loosen()

    def stands(self, offset: int, key: int) -> bool:
        """Return whether the image of a held object is at `offset`, and within the block's size."""
        image = self.data[offset : offset + REFERENCE_SIZE]
        return offset < self.size and image == images.header(images.REFERENCE, key)

    def _let_go_of_overwritten(self, start: int, end: int) -> None:
        """Let go of objects whose image a write to the bytes [start, end) has destroyed."""
        reach = range(start - REFERENCE_SIZE + 1, end)
        self.held = {
            offset: (key, token)
            for offset, (key, token) in self.held.items()
            if offset not in reach or self.stands(offset, key)
        }
        self.loose = {
            key: (offset, token)
            for key, (offset, token) in self.loose.items()
            if offset not in reach or self.stands(offset, key)
        }

    def _loosen(self) -> None:
        """Move to `loose` the objects whose image was destroyed past all checks."""
        for offset, (key, token) in list(self.held.items()):
            if not self.stands(offset, key):
                del self.held[offset]
                self.loose[key] = (offset, token)

    def let_go_of_all(self) -> None:
        """Record that the block is freed, and so holds no object."""
        self.held, self.loose = {}, {}

    def range_errors(self, place: Place, n: int, *, changes: bool = False) -> Errors:
        fits = place.offset <= self.size and n <= self.left(place)
        return either(self.refusals(place, changes=changes), None if fits else InvalidSizeError)

    # Objects

    def store_errors(self, place: Place, value: Any) -> Errors:
        room = self.size - place.offset
        if place.part is not None:
            room = self.left(place)
        elif self.slot_size is not None:
            room = min(room, self.slot_size)
        fits = None if size_of(value) <= room else InvalidSizeError
        return either(self.refusals(place, changes=True), fits)

    def stored(self, place: Place, value: Any, seen: bytes) -> None:
        """Record an object that was stored.

        :param seen: The bytes at the place after the store, which tell the key of a held object.
        """
        if isinstance(value, Token):
            key = int.from_bytes(seen[:8], sys.byteorder)
            self.held.pop(place.offset, None)
            self.wrote(place.offset, images.header(images.REFERENCE, key))
            self.held[place.offset] = (key, value)
            self._let_go_of_overwritten(place.offset, place.offset + REFERENCE_SIZE)
        else:
            self.wrote(place.offset, images.image(value))

    def load(self, place: Place) -> tuple[Errors, Any]:
        """Return the exceptions that a load must raise, or None and the object."""
        if self.is_cut(place):
            return InvalidSizeError, None
        errors, value = self._load_at(place)
        if errors is None and place.part is not None and size_of(value) > self.left(place):
            return InvalidSizeError, None
        return errors, value

    def _load_at(self, place: Place) -> tuple[Errors, Any]:
        if place.offset >= self.size:
            return DereferenceError, None
        try:
            value = images.value_of(bytes(self.data[place.offset :]))
        except images.CorruptError:
            return CorruptObjectError, None
        if value is images.EMPTY:
            return DereferenceError, None
        if isinstance(value, images.Reference):
            key, token = self.held.get(place.offset, (None, None))
            return (None, token) if key == value.key else (CorruptObjectError, None)
        return None, value

    def load_all(self) -> tuple[Errors, list[Any]]:
        """Load all slots of an array; the results are as of `load`."""
        values = []
        for index in range(self.count):
            errors, value = self.load(Place(index * (self.slot_size or 0), index))
            if errors:
                return errors, []
            values.append(value)
        return None, values

    # Sizes

    def resize_errors(self, place: Place, size: int) -> Errors:
        errors = self._cut_errors(place, size)
        limit = self.source.limit if self.source else None
        if limit is not None and size > limit and errors is not ValueError:
            return InvalidSizeError
        return errors

    def _cut_errors(self, place: Place, size: int) -> Errors:
        if self.kind in ("stack", "adopted") or place.offset or place.index or place.part:
            return ValueError
        if self.slot_size is not None:
            whole = size % self.slot_size == 0 if self.slot_size else size == 0
            return None if whole else ValueError
        capacity = len(self.data)
        for at in range(min(max(size, 1), capacity - REFERENCE_SIZE + 1)):
            claimed = images.claimed_size(bytes(self.data[at : at + images.PREFIX]))
            if claimed is not None and size < at + claimed <= capacity:
                return InvalidSizeError
        return None

    def _end_cut(self, kept: int) -> None:
        """Clear the type word of cut images, which zeros behind the kept bytes might complete."""
        for at in range(kept - REFERENCE_SIZE + 1):
            claimed = images.claimed_size(bytes(self.data[at : min(at + images.PREFIX, kept)]))
            if claimed is not None and at + claimed > kept:
                self.data[at + 8 : at + 16] = bytes(8)

    def resized(self, size: int, capacity: int) -> None:
        kept = self.data[: min(len(self.data), size)]
        self.data = bytearray(capacity)
        self.data[: len(kept)] = kept
        self._end_cut(len(kept))
        self.size = size
        self._let_go_of_overwritten(size, sys.maxsize)
        self._loosen()  # the bytes that were cut off may have been the end of an image
