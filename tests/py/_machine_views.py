# SPDX-License-Identifier: MIT
"""Views of blocks: the bytes that they show, their pins, and blocks that outlive their pointers."""

from __future__ import annotations

import gc
import struct
import warnings
from typing import NamedTuple

from _collecting import collect_all
from _machine_calls import Calls
from _machine_model import Block, either
from _machine_refused import BUFFERS, Pointer, expect
from _machine_world import CPYTHON

MAX_VIEWS = 8


class View(NamedTuple):
    """A real view with the model of its block."""

    view: memoryview
    block: Block
    start: int  # offset of its bytes in the block
    writable: bool


class Views(Calls):
    """A world whose blocks lend their memory to views."""

    def __init__(self) -> None:
        super().__init__()
        self.views: list[View] = []

    def view(self, pointer: Pointer, kind: str, writable: bool, as_buffer: bool) -> None:
        """Take a view, by `ptr.view()` or by the buffer protocol."""
        ptr, block, place = pointer
        size = block.left(place)
        as_buffer = as_buffer and BUFFERS
        if as_buffer:
            kind, writable, take = "B", True, lambda: memoryview(ptr)
        else:
            take = lambda: ptr.view(kind, writable)  # noqa: E731
        writable = writable and not place.readonly
        errors = either(
            block.refusals(place, changes=False),
            BufferError if block.kind == "stack" else None,
            ValueError if size % struct.calcsize(kind) else None,
        )
        if errors is not None:
            expect(errors, take)
        elif len(self.views) < MAX_VIEWS:
            view = take()
            assert (view.nbytes, view.format, view.readonly) == (size, kind, not writable)
            self._viewed(View(view, block, place.offset, writable))

    def _viewed(self, view: View) -> None:
        self.views.append(view)
        self._pinned(view.block)

    def _pinned(self, block: Block) -> None:
        block.n_views += 1
        block.was_lent = True

    def view_again(self, pick: int, first: int, n: int, kind: str, read_only: bool) -> None:
        """Make a view of a part of a view, in another format."""
        view, block, start, writable = self.views[pick % len(self.views)]
        size = struct.calcsize(kind)
        first = min(first, view.nbytes)
        part = view.cast("B")[first : first + n // size * size]
        part = part[: part.nbytes // size * size].cast(kind)
        if read_only:
            part = part.toreadonly()
        assert part.readonly == (read_only or not writable)
        if len(self.views) < MAX_VIEWS:
            self._viewed(View(part, block, start + first, not part.readonly))

    def write_view(self, pick: int, first: int, data: bytes) -> None:
        """Write through a view; an object whose image is overwritten may stay held for a while."""
        view, block, start, writable = self.views[pick % len(self.views)]
        first = min(first, len(view))
        count = min(len(view) - first, len(data) // view.itemsize)
        items = memoryview(data[: count * view.itemsize]).cast(view.format)  # type: ignore[call-overload]
        errors = None if writable else TypeError
        if expect(errors, view.__setitem__, slice(first, first + count), items):
            at = start + first * view.itemsize
            block.wrote_unseen(at, items.tobytes())
            self.touched.append(block)

    def release(self, pick: int) -> None:
        """Release a view, which is of no use then."""
        view, block, _, _ = self.views.pop(pick % len(self.views))
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            view.release()
            expect(ValueError, view.tobytes)
            del view
            self._unpinned(block)
            assert not warned

    def _unpinned(self, block: Block) -> None:
        """Record the end of a pin; the last one of a block without pointers frees the block."""
        lent = any(lent is block for lent in self.lent)
        block.n_views -= 1
        if lent and not CPYTHON:
            collect_all(rounds=2)
        if lent and not block.n_views:
            self.lent = [other for other in self.lent if other is not block]
            self.count(block.source, blocks=-1, now=-block.size)
            self.over(block)

    def drop(self, block: Block) -> None:
        """Let go of all pointers to a block; a block with views stays live, and nothing warns."""
        if not block.n_views:
            if block.was_lent:
                # PyPy unpins the block of a released view at a collection.  If the pointer is
                # collected first, the unpinning frees the block, and nothing warns.
                collect_all(rounds=3)
            super().drop(block)
            return
        self.blocks.remove(block)
        self.lent.append(block)
        block.let_go_of_all()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.pointers = [p for p in self.pointers if p.block is not block]
            if not CPYTHON:
                gc.collect()
        self.touched = []
        self.count()

    def leave(self, block: Block) -> None:
        """Let an exception leave a `with` of a block, which frees the block or lets go of it."""
        self.start_of(block).ptr.__exit__(KeyError, KeyError(), None)
        if block.n_views:
            self.drop(block)
        else:
            self.count(block.source, blocks=-1, now=-block.size)
            self.ended(block)

    def check(self) -> None:
        for view, block, start, _ in self.views:
            assert view.tobytes() == block.data[start : start + view.nbytes]
        super().check()

    def end(self) -> None:
        while self.views:
            self.release(0)
        assert not self.lent
        super().end()
