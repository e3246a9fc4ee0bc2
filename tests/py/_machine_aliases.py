# SPDX-License-Identifier: MIT
"""Pointers that are made of others: by steps, slices, and for reading alone."""

from __future__ import annotations

from _machine_model import Block, Errors, Place, either
from _machine_refused import Pointer, check_stale_iterator, expect
from _machine_world import World

from pointers import FreedMemoryError, InvalidSizeError, SlicePointer

MAX_POINTERS = 8  # of a block
MAX_READONLY = MAX_SLICES = 3  # of these, so that most operations are not refused


class Aliases(World):
    """A world whose blocks have many pointers."""

    def _keep(self, alias: Pointer) -> None:
        ptr, block, place = alias
        assert ptr.offset == place.offset
        assert ("read-only" in repr(ptr)) == (place.readonly and not block.is_cut(place))
        places = [p.place for p in self.pointers if p.block is block]
        if (
            len(places) < MAX_POINTERS
            and sum(p.readonly for p in places) < MAX_READONLY + (not place.readonly)
            and sum(p.part is not None for p in places) < MAX_SLICES + (place.part is None)
        ):
            self.pointers.append(alias)

    def point(self, pointer: Pointer, steps: int, how: str) -> None:
        """Make another pointer into the same block by arithmetic."""
        ptr, block, place = pointer
        to = block.moved(place, -steps if how == "sub" else steps, indexes=how == "index")
        move = {"add": ptr.__add__, "sub": ptr.__sub__, "index": ptr.__getitem__}[how]
        outside = IndexError if to is None else None
        errors = block.refusals(place, changes=False)
        if expect(either(errors, outside), move, steps) and to is not None:
            alias = Pointer(move(steps), block, to)
            distance = to.offset - place.offset
            assert (alias.ptr == ptr) == (distance == 0)
            if block.slot_size is not None and place.part is None:
                assert type(alias.ptr).__name__.startswith(
                    "AllocatedArray" if to.index is None else "ArraySlot"
                )
                distance = (to.index or 0) - (place.index or 0)
            else:
                assert type(alias.ptr) is type(ptr)
            assert alias.ptr - ptr == distance
            self._keep(alias)

    def slice(self, pointer: Pointer, start: int, size: int) -> None:
        """Make a pointer that stays within a part of what another one reaches."""
        ptr, block, place = pointer
        fits = start + size <= block.left(place)
        errors = either(block.refusals(place, changes=False), None if fits else InvalidSizeError)
        if expect(errors, ptr.slice, start, size):
            part = ptr.slice(start, size)
            assert type(part) is SlicePointer
            assert part - ptr == start
            at = place.offset + start
            to = Place(at, readonly=place.readonly, part=(at, at + size))
            self._keep(Pointer(part, block, to))

    def readonly(self, pointer: Pointer) -> None:
        """Make an alias for reading alone."""
        ptr, block, place = pointer
        if expect(block.refusals(place, changes=False), ptr.readonly):
            alias = ptr.readonly()
            assert type(alias) is type(ptr)
            assert alias == ptr
            self._keep(Pointer(alias, block, place._replace(readonly=True)))

    def free(self, pointer: Pointer, method: bool) -> None:
        """Free a block; iterators over its slots are then of no use."""
        iterators = self._iterators(pointer.block)
        super().free(pointer, method)
        if pointer.block.freed:
            for iterator, errors in iterators:
                check_stale_iterator(iterator, errors)

    def _iterators(self, block: Block) -> list[tuple[object, Errors]]:
        if block.kind != "array" or not block.count:
            return []
        array = self.start_of(block).ptr
        fresh, started = iter(array), iter(array)
        next(started)
        return [(fresh, FreedMemoryError), (started, None if block.count > 1 else StopIteration)]
