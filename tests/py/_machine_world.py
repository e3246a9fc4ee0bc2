# SPDX-License-Identifier: MIT
"""Real blocks beside their models: each operation is done on both, and compared."""

from __future__ import annotations

import gc
import sys
import warnings
import weakref
from typing import Any

import _image_model as images
from _machine_model import Block, Place, Token
from _machine_refused import Pointer, check_stale, expect, outcome

from pointers import (
    InvalidSizeError,
    StackMemoryError,
    System,
    calloc,
    free,
    malloc,
    realloc,
)

CPYTHON = sys.implementation.name == "cpython"
MAX_POINTERS = 8
MAX_STALE = 12


class Thing:
    """Stored by reference."""


class Words(str):
    """Stored by reference, although a str."""

    __slots__ = ("__weakref__",)


class Items(list):  # type: ignore[type-arg]
    """Stored by reference."""


REFERENCED = (Thing, Words, Items)


class World:
    """All blocks, their pointers, and the objects that are stored in them by reference."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.lent: list[Block] = []  # whose pointers have gone, but not their views
        self.pointers: list[Pointer] = []
        self.stale: list[Pointer] = []
        self.objects: dict[Token, Any] = {}  # weak references
        self.n_objects = 0
        self.keys: set[int] = set()
        self.touched: list[Block] = []
        self.stats = System().stats()._asdict()

    # Objects

    def new_object(self) -> tuple[Token, Any]:
        token = Token(self.n_objects)
        self.n_objects += 1
        obj = REFERENCED[token.number % len(REFERENCED)]()
        self.objects[token] = weakref.ref(obj)
        return token, obj

    def real(self, value: Any) -> Any:
        """Return the object that a model's value stands for."""
        if isinstance(value, Token):
            obj = self.objects[value]()
            assert obj is not None
            return obj
        return value

    def check_loaded(self, loaded: Any, value: Any) -> None:
        if isinstance(value, Token):
            assert loaded is self.objects[value]()
        else:
            assert images.same(loaded, value)

    def check_objects(self) -> None:
        """Check that objects live exactly as long as memory refers to them."""
        held = {token for b in self.blocks + self.lent for _, token in b.references.values()}
        for token in held:
            assert self.objects[token]() is not None
        if not CPYTHON:
            for _ in range(2):
                gc.collect()
        for token in self.objects.keys() - held:
            assert self.objects[token]() is None
        self.objects = {token: self.objects[token] for token in held}

    # Blocks and pointers

    def start_of(self, block: Block) -> Pointer:
        return next(p for p in self.pointers if p.block is block and p.place == (0, None))

    def born(self, ptr: Any, block: Block) -> Block:
        self.blocks.append(block)
        self.touched.append(block)
        self.pointers.append(Pointer(ptr, block, Place(0, None)))
        return block

    def allocate(self, size: int, align: int) -> None:
        ptr = malloc(size, align=align)
        assert ptr.alignment == align
        self.born(ptr, Block("heap", size, ptr.capacity))
        self.count(blocks=1, grown=size, now=size)

    def allocate_array(self, count: int, slot_size: int) -> None:
        ptr = calloc(count, slot_size)
        size = count * slot_size
        self.born(ptr, Block("array", size, ptr.capacity, slot_size)).empty_slots = count
        self.count(blocks=1, grown=size, now=size)

    def ended(self, block: Block) -> None:
        block.freed = True
        block.references = {}
        self.blocks.remove(block)
        gone = [p for p in self.pointers if p.block is block]
        self.pointers = [p for p in self.pointers if p.block is not block]
        for pointer in gone:
            check_stale(pointer)
        self.stale = (self.stale + gone)[-MAX_STALE:]

    def free(self, pointer: Pointer, method: bool) -> None:
        ptr, block, place = pointer
        errors = (
            StackMemoryError
            if block.kind == "stack"
            else ValueError
            if place.offset or place.index
            else BufferError
            if block.n_views
            else None
        )
        if expect(errors, ptr.free) if method else expect(errors, free, ptr):
            self.count(blocks=-1, now=-block.size)
            self.ended(block)

    def drop(self, block: Block) -> None:
        """Let go of all pointers to a block of the heap, which frees it with a warning."""
        self.blocks.remove(block)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            self.pointers = [p for p in self.pointers if p.block is not block]
            for _ in range(0 if CPYTHON else 3):
                gc.collect()
            assert [w.category for w in warned] == [ResourceWarning]
            assert "dropped without free" in str(warned[0].message)
            warned.clear()
        self.touched = []
        self.count(blocks=-1, now=-block.size)

    def realloc(self, pointer: Pointer, size: int) -> None:
        ptr, block, place = pointer
        certain, errors = block.resize_errors(place, size)
        if block.n_views and errors is not ValueError:
            # Whether a stored object would be cut is seen before or after the views
            certain, errors = True, (BufferError, InvalidSizeError)
        if certain:
            done = expect(errors, realloc, ptr, size)
        else:
            error = outcome(realloc, ptr, size)
            assert error is None or isinstance(error, errors or ())
            done = error is None
        if done:
            self.count(grown=max(0, size - block.size), now=size - block.size)
            block.resized(size, ptr.capacity)

    def point(self, pointer: Pointer, steps: int, how: str) -> None:
        """Make another pointer into the same block."""
        ptr, block, place = pointer
        to = block.moved(place, -steps if how == "sub" else steps, indexes=how == "index")
        move = {"add": ptr.__add__, "sub": ptr.__sub__, "index": ptr.__getitem__}[how]
        if expect(IndexError if to is None else None, move, steps) and to is not None:
            alias = Pointer(move(steps), block, to)
            assert alias.ptr.offset == to.offset
            steps = to.offset - place.offset
            assert alias.ptr - ptr == (steps if to.index is None else to.index - (place.index or 0))
            assert (alias.ptr == ptr) == (steps == 0)
            if sum(p.block is block for p in self.pointers) < MAX_POINTERS:
                self.pointers.append(alias)

    # Statistics

    def count(self, *, blocks: int = 0, grown: int = 0, now: int = 0) -> None:
        """Take note of what the allocator gave out, and check that it says the same.

        :param blocks: How many more blocks there are.
        :param grown: Bytes that were given out.
        :param now: How many more bytes there are.
        """
        stats = self.stats
        stats["current_blocks"] += blocks
        stats["total_blocks"] += max(0, blocks)
        stats["current_bytes"] += now
        stats["total_bytes"] += grown
        stats["peak_blocks"] = max(stats["peak_blocks"], stats["current_blocks"])
        stats["peak_bytes"] = max(stats["peak_bytes"], stats["current_bytes"])
        assert System().stats()._asdict() == stats

    def count_temporary(self) -> None:
        """Take note of blocks that the package may have made for itself, and freed."""
        now = System().stats()._asdict()
        for name, number in now.items():
            if name.startswith("current"):
                assert number == self.stats[name], name
            else:
                assert number >= self.stats[name], name
        self.stats = now
