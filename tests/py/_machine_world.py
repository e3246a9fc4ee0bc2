# SPDX-License-Identifier: MIT
"""Real blocks beside their models: each operation is done on both, and the results compared."""

from __future__ import annotations

import gc
import sys
import warnings
import weakref
from typing import Any

import _image_model as images
from _machine_model import Block, Errors, Place, Source, Token, either
from _machine_refused import Pointer, check_stale, expect

from pointers import (
    InvalidSizeError,
    ReadOnlyError,
    StackMemoryError,
    System,
    allocator,
    free,
    malloc,
    realloc,
)

CPYTHON = sys.implementation.name == "cpython"
MAX_STALE = 12


class Thing:
    """A plain object, which is held."""


class Words(str):
    """A subclass of str, which is held although exact strings are stored by value."""

    __slots__ = ("__weakref__",)


class Items(list):  # type: ignore[type-arg]
    """A container, which is held."""


HELD = (Thing, Words, Items)


class World:
    """All blocks, their pointers, and the objects that the blocks hold."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.lent: list[Block] = []  # blocks that have views but no pointers any more
        self.pointers: list[Pointer] = []
        self.stale: list[Pointer] = []
        self.objects: dict[Token, Any] = {}  # weak references
        self.n_objects = 0
        self.keys: set[int] = set()
        self.touched: list[Block] = []
        self.system = Source("system", System())
        self.sources = [self.system]
        self.ticks = 0

    # Objects

    def new_object(self) -> tuple[Token, Any]:
        token = Token(self.n_objects)
        self.n_objects += 1
        obj = HELD[token.number % len(HELD)]()
        self.objects[token] = weakref.ref(obj)
        return token, obj

    def real(self, value: Any) -> Any:
        """Return the real object of a model's value."""
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
        """Check that objects live exactly as long as their image stands in memory."""
        blocks = self.blocks + self.lent
        held = {token for b in blocks for _, token in b.held.values()}
        loose = {token for b in blocks for _, token in b.loose.values()}
        for token in held:
            assert self.objects[token]() is not None
        if not CPYTHON:
            gc.collect()
        for token in self.objects.keys() - held - loose:
            assert self.objects[token]() is None
        self.objects = {token: self.objects[token] for token in held | loose}

    # Blocks and pointers

    def start_of(self, block: Block) -> Pointer:
        return next(p for p in self.pointers if p.block is block and p.place.is_start)

    def alias(self, block: Block, offset: int) -> Any:
        """Return another pointer, to an offset of a block or to the slot there."""
        start = self.start_of(block).ptr
        alias = start + offset if block.slot_size is None else start[offset // block.slot_size]
        assert alias.offset == offset
        return alias

    def born(self, ptr: Any, block: Block) -> Block:
        self.blocks.append(block)
        self.touched.append(block)
        self.pointers.append(Pointer(ptr, block, Place(0, None)))
        self.placed(block)
        return block

    def placed(self, block: Block) -> None:
        """Record that a block got its address just now."""
        self.ticks += 1
        block.tick = self.ticks

    def allocate(self, size: int, align: int, source: Source, by_default: bool) -> None:
        """Allocate from a source, which is given as an argument or set as the default."""
        if not self._can_allocate(source, size, align):
            return
        if by_default:
            with allocator(source.allocator):
                ptr = malloc(size, align=align)
        else:
            ptr = malloc(size, align=align, allocator=source.allocator)
        assert ptr.alignment == align
        assert ptr.allocator == source.allocator
        self.born(ptr, Block("heap", size, ptr.capacity, source=source))
        self.count(source, blocks=1, grown=size, now=size)

    def allocate_array(self, count: int, slot_size: int, source: Source) -> None:
        size = count * slot_size
        if not self._can_allocate(source, size, 16):
            return
        ptr = source.allocator.calloc(count, slot_size)
        self.born(ptr, Block("array", size, ptr.capacity, slot_size, source)).empty_slots = count
        self.count(source, blocks=1, grown=size, now=size)

    def _can_allocate(self, source: Source, size: int, align: int) -> bool:
        """Return whether a source should allocate such a block; if not, check that it refuses."""
        errors: Any = ()
        if source.limit is not None and size > source.limit:
            errors = InvalidSizeError
        if source.max_align is not None and align > source.max_align:
            errors = (ValueError, InvalidSizeError)
        if errors:
            expect(errors, lambda: source.allocator.malloc(size, align=align))
            self.count(source)
        return not errors

    def ended(self, block: Block) -> None:
        block.freed = True
        block.let_go_of_all()
        self.blocks.remove(block)
        gone = [p for p in self.pointers if p.block is block]
        self.pointers = [p for p in self.pointers if p.block is not block]
        for pointer in gone:
            check_stale(pointer)
        self.stale = (self.stale + gone)[-MAX_STALE:]
        self.over(block)

    def over(self, block: Block) -> None:
        """Check what has become of the memory of a block that is gone."""

    def end_errors(self, pointer: Pointer) -> Errors:
        """Return what `free` raises, and `release` as well."""
        _, block, place = pointer
        if block.kind == "stack":
            return ValueError if place.part else StackMemoryError
        wrong = ValueError if place.offset or place.index or place.part else None
        return either(wrong, ReadOnlyError if place.readonly else None) or (
            BufferError if block.n_views else None
        )

    def free(self, pointer: Pointer, method: bool) -> None:
        ptr, block, _ = pointer
        errors = self.end_errors(pointer)
        if expect(errors, ptr.free) if method else expect(errors, free, ptr):
            self.count(block.source, blocks=-1, now=-block.size)
            self.ended(block)

    def warns(self, block: Block) -> bool:
        """Return whether leaking a block warns; blocks of an arena need no free()."""
        return block.source is not None and block.source.kind != "arena"

    def drop(self, block: Block) -> None:
        """Let go of all pointers to a block of the heap; the finalizer frees it with a warning."""
        self.blocks.remove(block)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            self.pointers = [p for p in self.pointers if p.block is not block]
            if not CPYTHON:
                gc.collect()
            assert [w.category for w in warned] == [ResourceWarning] * self.warns(block)
            assert all("dropped without free" in str(w.message) for w in warned)
            warned.clear()
        self.touched = []
        self.count(block.source, blocks=-1, now=-block.size)
        self.over(block)

    def realloc(self, pointer: Pointer, size: int) -> None:
        ptr, block, place = pointer
        errors = block.resize_errors(place, size)
        if block.n_views and errors is not ValueError:
            errors = BufferError  # pins are checked before the images that a shrink would cut
        if place.readonly:
            errors = either(ReadOnlyError, ValueError if errors is ValueError else None)
        address = ptr.address
        if expect(errors, realloc, ptr, size):
            self.count(block.source, grown=max(0, size - block.size), now=size - block.size)
            block.resized(size, ptr.capacity)
            self.touched.append(block)
            if ptr.address != address:
                self.placed(block)

    # Statistics

    def count(
        self, source: Source | None = None, *, blocks: int = 0, grown: int = 0, now: int = 0
    ) -> None:
        """Record what was allocated or freed, and check the statistics of all allocators.

        :param blocks: The change of the number of live blocks.
        :param grown: Bytes that were newly allocated.
        :param now: The change of the number of live bytes.
        """
        if source is not None:
            stats = source.stats
            stats["current_blocks"] += blocks
            stats["total_blocks"] += max(0, blocks)
            stats["current_bytes"] += now
            stats["total_bytes"] += grown
            stats["peak_blocks"] = max(stats["peak_blocks"], stats["current_blocks"])
            stats["peak_bytes"] = max(stats["peak_bytes"], stats["current_bytes"])
        for source in self.sources:
            assert source.allocator.stats()._asdict() == source.stats, source.kind

    def count_temporary(self) -> None:
        """Record temporary blocks that the package may have allocated and freed for its own use."""
        now = System().stats()._asdict()
        for name, number in now.items():
            if name.startswith("current"):
                assert number == self.system.stats[name], name
            else:
                assert number >= self.system.stats[name], name
        self.system.stats = now
