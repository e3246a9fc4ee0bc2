# SPDX-License-Identifier: MIT
"""The blocks that live: of the whole process, or of one allocator."""

from __future__ import annotations

from pointers._alloc.records import BlockInfo
from pointers._errors import FreedMemoryError
from pointers._ffi import ffi, lib
from pointers._registry import source_key, source_of
from pointers._traces import trace_of
from pointers._typing import Any, Iterator

# Records that C writes at a time
_BATCH = 64


def live_blocks() -> Iterator[BlockInfo]:
    """Iterate over all blocks of the process that have to be freed.

    Threads may allocate and free meanwhile, as may the loop itself.  A block that lives during
    the whole iteration comes once; one that is made or that ends meanwhile may come, once at
    most.  What a record tells was so when the iteration came to the block.  The iteration ends,
    however many blocks are made.

    Stack memory is not among them, nor what has no pointer: arrays of NumPy, and what allocators
    take from their parents.  On PyPy, pointers that were dropped keep their blocks until
    `gc.collect()`.
    """
    return _records(ffi.NULL)


def blocks_of(source: Any) -> Iterator[BlockInfo]:
    """Iterate over the blocks of an `Allocator`."""
    return _records(source._cdata, source)


def _records(cdata: Any, _keeps: Any = None) -> Iterator[BlockInfo]:
    """Iterate over the blocks of an allocator's C object, which an object has to keep."""
    cursor = ffi.new("PtrsBlockCursor *")
    found = ffi.new("PtrsBlockRecord[]", _BATCH)
    n_found = _BATCH
    while n_found == _BATCH:
        n_found = lib.ptrs_block_list(cdata, cursor, _BATCH, found)
        for i in range(n_found):
            described = _described(found[i])
            if described is not None:
                yield described


def _described(found: Any) -> BlockInfo | None:
    """Return the record of a block; None for stack memory, or if its allocator has gone."""
    info = found.info
    if info.flags & lib.PTRS_BLOCK_NOT_FREEABLE:
        return None
    source = None
    if info.allocator != ffi.NULL:
        try:
            source = source_of(found.block)
        except FreedMemoryError:  # the block has ended since
            return None
    block = found.block
    age, lines = trace_of(block)
    return BlockInfo(
        block, source_key(info.mem), info.size, info.align, info.pins, age, lines, source
    )
