# SPDX-License-Identifier: MIT
"""Arenas of arenas, and what many blocks, marks and parents cost."""

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
def test_parents_of_parents_are_bounded(make: Callable[[Allocator], Allocator]) -> None:
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
