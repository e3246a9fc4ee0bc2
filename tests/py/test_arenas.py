# SPDX-License-Identifier: MIT
"""Arenas within arenas, and arenas with many blocks and marks."""

from typing import Callable

import pytest

from pointers import Allocator, Arena, Pool
from pointers._ffi import lib


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda parent: Arena(1, parent=parent), id="arenas"),
        pytest.param(lambda parent: Pool(4096, slab_blocks=1, parent=parent), id="pool"),
    ],
)
def test_a_chain_of_parents_that_is_too_long_is_refused(
    make: Callable[[Allocator], Allocator],
) -> None:
    last = Arena(1)
    for _ in range(lib.PTRS_DEPTH_MAX - 1):
        last = Arena(1, parent=last)
    with pytest.raises(ValueError, match=f"has {lib.PTRS_DEPTH_MAX} allocators above it"):
        make(last)
    block = last.malloc(100)
    block <<= "deep"
    assert ~block == "deep"
    block.free()
    last.close()


def test_rewind_over_thousands_of_marks_frees_exactly_the_later_blocks() -> None:
    """The time for each block and mark must not grow with their number, or this takes minutes."""
    arena = Arena(64)
    blocks, marks = [], []
    for i in range(5000):
        blocks.append(arena.malloc(40))
        blocks[-1] <<= i
        marks.append(arena.mark())
    for i in range(1, 5000, 2):
        blocks[i].free()
    assert arena.stats().current_blocks == 2500
    for i in range(4900, -1, -100):
        arena.rewind(marks[i])
        assert arena.stats().current_blocks == i // 2 + 1
        assert ~blocks[i] == i and blocks[i + 2].freed
    for _ in range(2500):  # new blocks and marks, while the first block stays
        mark = arena.mark()
        block = arena.malloc(100)
        arena.rewind(mark)
        assert block.freed
    assert ~blocks[0] == 0
    arena.close()


def test_rewinding_leaves_older_blocks_alone() -> None:
    arena = Arena()
    older = [arena.malloc(16) for _ in range(20_000)]
    mark = arena.mark()
    for _ in range(2000):
        block = arena.malloc(16)
        arena.rewind(mark)
        assert block.freed
    assert not any(block.freed for block in older)
    arena.close()
