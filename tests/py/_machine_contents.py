# SPDX-License-Identifier: MIT
"""Operations on the contents of blocks, and the checks that follow each operation."""

from __future__ import annotations

import ctypes
import warnings
from typing import Any, Callable

import _image_model as images
from _machine_aliases import Aliases
from _machine_model import REFERENCE_SIZE, Block, Errors, Place, Token, either, size_of
from _machine_refused import Pointer, check_stale, expect, outcome, store_unsafe

from pointers import (
    CorruptObjectError,
    FreedMemoryError,
    InvalidSizeError,
    ReadOnlyError,
    memcmp,
    memcpy,
    memmove,
    memset,
)


class Contents(Aliases):
    """A world whose blocks can be stored to and loaded from."""

    # Objects

    def _stored(self, pointer: Pointer, value: Any) -> None:
        block, place = pointer.block, pointer.place
        address = pointer.ptr.address
        seen = ctypes.string_at(address, size_of(value))
        if isinstance(value, Token):
            key = int(images.value_of(seen).key)
            assert key not in self.keys
            self.keys.add(key)
        block.stored(place, value, seen)
        self.touched.append(block)

    def store(self, pointer: Pointer, value: Any, obj: Any, how: str) -> None:
        """Store a value, whose object is `obj`, by `move`, assignment or operator."""
        ptr, block, place = pointer
        errors = block.store_errors(place, value)
        if how == "item" and place.offset < block.size:
            store: Callable[[Any], Any] = lambda obj: ptr.__setitem__(place.index or 0, obj)  # noqa: E731
        else:
            store = ptr.__ilshift__ if how == "operator" else ptr.move
        if expect(errors, store, obj):
            self._stored(pointer, value)

    def store_pointer(self, pointer: Pointer, source: Pointer) -> None:
        """Store the object that another pointer points at."""
        errors, value = source.block.load(source.place)
        errors = either(errors, pointer.block.store_errors(pointer.place, value))
        if expect(errors, pointer.ptr.move, source.ptr):
            self._stored(pointer, value)

    def store_unsafe(self, pointer: Pointer, value: Any, obj: Any) -> None:
        """Store without limits, where there is room behind the block."""
        ptr, block, place = pointer
        size = size_of(value)
        # The least that malloc() has: what more it has differs between runs
        reach = min(len(block.data), (block.size + 23) // 16 * 16 - 8)
        if place.offset + size > reach:
            return
        leaves = RuntimeWarning if place.part and size > block.left(place) else None
        errors = either(block.refusals(place, changes=True), leaves)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if expect(errors, store_unsafe, ptr, obj):
                self._stored(pointer, value)
                self.count_temporary()

    def load(self, pointer: Pointer) -> None:
        ptr, block, place = pointer
        errors, value = block.load(place)
        if expect(errors, ptr.dereference):
            self.check_loaded(~ptr, value)
        assert ptr.assigned == (errors is None)
        if block.is_cut(place):
            assert repr(ptr) == "<SlicePointer, cut by realloc()>"
        else:
            state = ("empty" if errors else "assigned") + ", read-only" * place.readonly
            assert repr(ptr).endswith(f"{ptr.size} bytes, {state}>")

    # Bytes

    def read(self, pointer: Pointer, n: int | None) -> None:
        ptr, block, place = pointer
        size = block.left(place) if n is None else n
        if expect(block.range_errors(place, size), ptr.read, n):
            assert ptr.read(n) == block.data[place.offset : place.offset + size]

    def write(self, pointer: Pointer, data: bytes) -> None:
        ptr, block, place = pointer
        if expect(block.range_errors(place, len(data), changes=True), ptr.write, data):
            block.wrote(place.offset, data)
            self.touched.append(block)

    def poke(self, pick: int, at: int, refuse: bool, restore: bool) -> None:
        """Destroy the image of a held object by writing at its address; maybe write the image back.

        :param refuse: In between, let a store be refused, which may let go of the held object.
        :param restore: Write back an image that was destroyed, by this call or an earlier one.
        """
        standing = [(b, offset, key) for b in self.blocks for offset, (key, _) in b.held.items()]
        if standing:
            block, offset, key = standing[pick % len(standing)]
            image = bytearray(images.header(images.REFERENCE, key))
            image[at] ^= 1 + pick % 255
            self._poke(block, offset, image)
            if refuse and block.slot_size is None and block.size >= REFERENCE_SIZE:
                place = self.alias(block, block.size + 1 - REFERENCE_SIZE)
                assert not expect(InvalidSizeError, place.move, [])
        loose = [(b, offset, key) for b in self.blocks for key, (offset, _) in b.loose.items()]
        if restore and loose:
            block, offset, key = loose[pick % len(loose)]
            self._poke(block, offset, images.header(images.REFERENCE, key))

    def _poke(self, block: Block, offset: int, data: bytes) -> None:
        if offset + len(data) <= block.size:
            ctypes.memmove(self.start_of(block).ptr.address + offset, bytes(data), len(data))
            block.wrote_unseen(offset, data)
            self.touched.append(block)

    def copy_bytes(self, pointer: Pointer, data: bytes, n: int) -> None:
        ptr, block, place = pointer
        too_many = InvalidSizeError if n > len(data) else None
        errors = either(block.range_errors(place, n, changes=True), too_many)
        if expect(errors, memcpy, ptr, data, n):
            block.wrote(place.offset, data[:n])
            self.touched.append(block)

    def set_bytes(self, pointer: Pointer, byte: int, n: int) -> None:
        ptr, block, place = pointer
        if expect(block.range_errors(place, n, changes=True), memset, ptr, byte, n):
            block.wrote(place.offset, bytes([byte]) * n)
            self.touched.append(block)

    def _two(self, a: Pointer, b: Pointer, n: int) -> tuple[Errors, bytes, bytes]:
        errors = either(a.block.range_errors(a.place, n), b.block.range_errors(b.place, n))
        first = a.block.data[a.place.offset : a.place.offset + n]
        second = b.block.data[b.place.offset : b.place.offset + n]
        return errors, bytes(first), bytes(second)

    def copy(self, to: Pointer, source: Pointer, n: int, overlap: bool) -> None:
        errors, _, data = self._two(to, source, n)
        near = abs(to.place.offset - source.place.offset) < n
        if not overlap and to.block is source.block and near:
            errors = ValueError
        errors = either(errors, to.block.refusals(to.place, changes=True))
        if expect(errors, memmove if overlap else memcpy, to.ptr, source.ptr, n):
            to.block.wrote(to.place.offset, data)
            self.touched.append(to.block)

    def compare(self, a: Pointer, b: Pointer, n: int) -> None:
        errors, first, second = self._two(a, b, n)
        if expect(errors, memcmp, a.ptr, b.ptr, n):
            order = (first > second) - (first < second)
            assert memcmp(a.ptr, b.ptr, n) == memcmp(a.ptr, second, n) == order

    # Arrays

    def store_slots(self, pointer: Pointer, first: int, values: list[Any], objs: list[Any]) -> None:
        """Store several values, whose objects are `objs`, into the slots from `first` on."""
        ptr, block, _ = pointer
        slot_size = block.slot_size or 0
        first = min(first, block.count)
        last = first + len(values)
        errors: Errors = None
        if last > block.count:
            errors = IndexError
        elif any(size_of(value) > slot_size for value in values):
            errors = InvalidSizeError
        errors = either(errors, block.refusals(pointer.place, changes=True))
        if expect(errors, ptr.__setitem__, slice(first, last), objs):
            self._stored_slots(pointer, first, values)
        self.count_temporary()

    def fill(self, pointer: Pointer, value: Any, obj: Any) -> None:
        ptr, block, _ = pointer
        fits = not block.count or size_of(value) <= (block.slot_size or 0)
        errors = either(
            block.refusals(pointer.place, changes=True), None if fits else InvalidSizeError
        )
        if expect(errors, ptr.fill, obj):
            self._stored_slots(pointer, 0, [value] * block.count)
        self.count_temporary()

    def _stored_slots(self, pointer: Pointer, first: int, values: list[Any]) -> None:
        ptr, block, _ = pointer
        for index, value in enumerate(values, first):
            offset = index * (block.slot_size or 0)
            self._stored(Pointer(ptr[index], block, Place(offset, index)), value)

    def load_slots(self, pointer: Pointer) -> None:
        ptr, block, _ = pointer
        errors, values = block.load_all()
        if expect(errors, ptr.tolist):
            for loaded, value in zip(ptr.tolist(), values):
                self.check_loaded(loaded, value)
        assert len(ptr) == ptr.count == block.count
        assert [slot.index for slot in ptr] == list(range(block.count))

    # Checks

    def check(self) -> None:
        """Compare all blocks with the model; load through pointers to those that were touched."""
        for block in self.blocks:
            self._load_restored(block)
        found = set()
        for pointer in self.pointers:
            ptr, block, place = pointer
            assert not ptr.freed
            if place.is_start:
                address = ptr.address
                found.add((address, address + max(1, len(block.data)), id(block)))
                assert address % ptr.alignment == 0
                assert (ptr.size, ptr.capacity) == (block.size, len(block.data))
                assert ctypes.string_at(address, len(block.data)) == block.data
            if any(touched is block for touched in self.touched):
                self.load(pointer)
                assert ptr.offset == place.offset
                if block.is_cut(place):
                    expect(InvalidSizeError, getattr, ptr, "size")
                else:
                    assert ptr.size == block.left(place)
        self.touched = []
        assert len(found) == len(self.blocks)
        ranges = sorted(found)
        for (_, end, _a), (start, _, _b) in zip(ranges, ranges[1:]):
            assert end <= start
        self.count()

    def _load_restored(self, block: Block) -> None:
        """Load from each image that was destroyed and has been written back.

        An operation in between may have let go of the object, or not: the load fails, or
        returns that object, which from then on is held as long as its image stands.
        """
        for key, (offset, token) in list(block.loose.items()):
            if block.stands(offset, key):
                alias = self.alias(block, offset)
                del block.loose[key]
                error = outcome(alias.dereference)
                if error is None:
                    self.check_loaded(~alias, token)
                    block.held[offset] = (key, token)
                else:
                    assert isinstance(error, CorruptObjectError), repr(error)

    def check_stale(self, pick: int) -> None:
        for pointer in self.stale:
            assert pointer.ptr.freed
        if self.stale:
            stale = self.stale[pick % len(self.stale)]
            check_stale(stale)
            of_target = either(FreedMemoryError, ReadOnlyError if stale.place.readonly else None)
            whole = [p for p in self.pointers if not (p.place.readonly or p.place.part)]
            for live in whole[-1:]:
                for function in (memcpy, memmove, memcmp):
                    expect(FreedMemoryError, function, live.ptr, stale.ptr, 0)
                    expect(of_target, function, stale.ptr, live.ptr, 0)
                expect(FreedMemoryError, live.ptr.move, stale.ptr)

    def end(self) -> None:
        """Free all blocks, and check that no pointer is live and no object held."""
        for block in list(self.blocks):
            self.free(self.start_of(block), method=False)
        self.check()
        assert not self.pointers
        self.check_objects()
        assert not self.objects
