# SPDX-License-Identifier: MIT
"""The allocators of a world, and the operations that invalidate many blocks at once."""

from __future__ import annotations

import ctypes.util
from typing import Callable

from _machine_casts import Casts
from _machine_model import Block, Errors, Source
from _machine_refused import expect

from pointers import Arena, Guard, Pool, load_allocator

POOL_BLOCK, POOL_ALIGN = 64, 32
MAX_MARKS = 4
# The parent of arenas and pools: a foreign allocator, whose statistics no other test block uses
_LIBC = ctypes.util.find_library("c")


class Sources(Casts):
    """A world in which memory comes from several allocators."""

    def __init__(self) -> None:
        super().__init__()
        # Not the system, whose statistics would then count the memory of arenas and pools
        self.backing = load_allocator(_LIBC) if _LIBC else Guard()
        self.sources += [self._new(kind) for kind in ("arena", "pool", "guard")]

    def _new(self, kind: str) -> Source:
        if kind == "arena":
            return Source(kind, Arena(1024, parent=self.backing))
        if kind == "guard":
            return Source(kind, Guard(quarantine=65536))
        pool = Pool(POOL_BLOCK, align=POOL_ALIGN, slab_blocks=8, parent=self.backing)
        source = Source(kind, pool)
        source.limit, source.max_align = POOL_BLOCK, POOL_ALIGN
        return source

    def source(self, kind: str) -> Source:
        return next(source for source in self.sources if source.kind == kind)

    def _end(self, source: Source, since: int, act: Callable[[], None], errors: Errors) -> bool:
        """Invalidate by `act` the blocks that got their address after a tick, unless one is pinned.

        Returns whether the blocks were invalidated.
        """
        theirs = [b for b in self.blocks + self.lent if b.source is source and b.tick > since]
        if errors is None and any(block.n_views for block in theirs):
            errors = BufferError
        if not expect(errors, act):
            self.count()
            return False
        self._gone(source, theirs)
        return True

    def _gone(self, source: Source, blocks: list[Block]) -> None:
        size = sum(block.size for block in blocks)
        for block in blocks:
            self.ended(block)
        self.count(source, blocks=-len(blocks), now=-size)

    def reset(self) -> None:
        arena = self.source("arena")
        if self._end(arena, 0, arena.allocator.reset, None):
            arena.marks = []

    def mark(self) -> None:
        arena = self.source("arena")
        arena.marks = [*arena.marks, (arena.allocator.mark(), self.ticks)][-MAX_MARKS:]

    def rewind(self, pick: int) -> None:
        """Go back to a mark; the marks after it must then be refused."""
        arena = self.source("arena")
        if arena.marks:
            mark = pick % len(arena.marks)
            number, tick = arena.marks[mark]
            later = [number for number, _ in arena.marks[mark + 1 :]]
            if self._end(arena, tick, lambda: arena.allocator.rewind(number), None):
                arena.marks = arena.marks[: mark + 1]
                for gone in later:
                    expect(ValueError, arena.allocator.rewind, gone)

    def close(self, kind: str) -> None:
        """Close an allocator, and go on with a new allocator."""
        source = self.source(kind)
        if self._end(source, 0, source.allocator.close, None):
            expect(ValueError, source.allocator.malloc, 8)
            source.allocator.close()
            self.sources[self.sources.index(source)] = self._new(kind)

    def leave_source(self, kind: str) -> None:
        """Let an exception leave a `with` of an allocator, and go on with a new allocator."""
        source = self.source(kind)
        theirs = [block for block in self.blocks if block.source is source]
        source.allocator.__exit__(KeyError, KeyError(), None)
        self._gone(source, [block for block in theirs if not block.n_views])
        for block in theirs:
            if block.n_views:
                self.drop(block)
        expect(ValueError, source.allocator.malloc, 8)
        self.sources[self.sources.index(source)] = self._new(kind)

    def end(self) -> None:
        super().end()
        for source in self.sources[1:]:
            source.allocator.close()
        assert self.backing.stats().current_blocks == 0
