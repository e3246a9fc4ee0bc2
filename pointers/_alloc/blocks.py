# SPDX-License-Identifier: MIT
"""New blocks.  None is lost, whatever is raised before a pointer owns it.

C puts the handle of a new block into a cell.  To make an int of the handle may fail for
lack of memory, and so may each step up to the pointer, where an interrupt may come as
well: the block is freed by what the cell says, for which nothing has to be made.
"""

from __future__ import annotations

from pointers._collector import new_block
from pointers._errors import AllocationError, over_limit, status_error, why_refused
from pointers._ffi import COUNTS_REFERENCES, fast, ffi, lib
from pointers._later import later
from pointers._pointer.array import AllocatedArrayPointer
from pointers._pointer.base import new_array, new_owner
from pointers._pointer.heap import AllocatedPointer
from pointers._pointer.raw import SIZE_MAX, as_align, as_size, checked_array_size
from pointers._traces import block_allocated, is_tracing
from pointers._typing import TYPE_CHECKING, Any, Callable, TypeVar

if TYPE_CHECKING or fast is None:
    from pointers._alloc.labels import label_block
else:
    later(globals(), "pointers._alloc.labels", "label_block")

P = TypeVar("P")

_zalloc = lib.ptrs_block_zalloc
_free_cell = lib.ptrs_access_free_cell  # looked up here, since that may take memory

# Cells that no call is using, with 0 in them.  A signal handler or finalizer that comes
# while one is in use takes another.
_cells: list[Any] = []
_MAX_CELLS = 64


def _take_cell() -> Any:
    try:
        return _cells.pop()
    except IndexError:
        return ffi.new("PtrsBlock *")


def _give_back(cell: Any) -> None:
    if len(_cells) < _MAX_CELLS:
        _cells.append(cell)


def _lacking(source: Any) -> str:
    """Return what else than memory an allocator may lack, or nothing."""
    info = ffi.new("PtrsGuardInfo *")
    if lib.ptrs_guard_info(source, info) or not info.is_full:
        return ""
    return (
        f": guarded blocks have all {info.max_mappings} mappings that they may have; free some, "
        "or raise vm.max_map_count"
    )


def no_memory(size: int, limit: int = 0, lives: int = 0, asked: int = 0) -> AllocationError:
    """Return the error of a block that could not be had; calls nothing in C.

    :param limit: 0, or the limit that has refused it.
    """
    why = over_limit(limit, lives, asked)
    return AllocationError(f"no memory for a block of {size} bytes{why}")


def _allocation_error(status: int, size: int, source: Any) -> Exception:
    if abs(status) == lib.PTRS_STATUS_NO_MEM:
        return AllocationError(
            f"no memory for a block of {size} bytes{why_refused() or _lacking(source)}"
        )
    most, align = lib.ptrs_allocator_max_size(source), lib.ptrs_allocator_max_align(source)
    return status_error(
        status,
        too_large=f"no block of {size} bytes: this allocator serves up to {most} bytes, "
        f"aligned to {align} at most",
    )


def _new_pointer(
    make: Callable[..., P], kind: type[P], source: Any, size: int, align: int, *shape: int
) -> P:
    """Return the pointer that `make` makes for a new block of an `Allocator`.

    :param make: Takes (kind, handle, *shape).
    :raises AllocationError: there is no memory.
    """
    cell = _take_cell()
    try:
        status = _zalloc(source._cdata, size, align, cell)
        if not status:
            block = cell[0]
            if source._labels:
                label_block(block)
            ptr = make(kind, block, *shape)
            if is_tracing():
                block_allocated(block)
            cell[0] = 0
    except BaseException:
        _free_cell(cell)
        raise
    _give_back(cell)
    if status:
        raise _allocation_error(status, size, source._cdata)
    return ptr


def _new_pointer_by_handle(
    make: Callable[..., P], kind: type[P], source: Any, size: int, align: int, *shape: int
) -> P:
    """Do the same in less time, where the interpreter ends when its memory does."""
    block = new_block(source._cdata, size, align)
    if block < 0:
        raise _allocation_error(block, size, source._cdata)
    if source._labels:
        label_block(block)
    return make(kind, block, *shape)


_owner_of_new_block = _new_pointer if COUNTS_REFERENCES else _new_pointer_by_handle


def allocate_block(source: Any, size: int, align: int | None) -> AllocatedPointer[Any]:
    """Return the pointer that owns a new block of an `Allocator`.

    The arguments are those of `malloc`, and so are the errors.
    """
    if type(size) is not int or not 0 <= size <= SIZE_MAX:
        size = as_size(size)
    return _owner_of_new_block(new_owner, AllocatedPointer, source, size, as_align(align))


def allocate_array(
    source: Any, count: int, size: int, align: int | None
) -> AllocatedArrayPointer[Any]:
    """Return the pointer that owns a new array of an `Allocator`.

    The arguments are those of `calloc`, and so are the errors.
    """
    n_slots, slot_size = checked_array_size(count, size)
    n_bytes = n_slots * slot_size
    return _owner_of_new_block(
        new_array, AllocatedArrayPointer, source, n_bytes, as_align(align), slot_size, n_slots
    )
