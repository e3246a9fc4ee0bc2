# SPDX-License-Identifier: MIT
"""The functions of C: malloc, calloc, free and realloc."""

from __future__ import annotations

from pointers._alloc.allocator import Allocator
from pointers._alloc.blocks import allocate_array, allocate_block
from pointers._alloc.default import given_or_default
from pointers._errors import StackMemoryError
from pointers._pointer.array import AllocatedArrayPointer
from pointers._pointer.heap import AllocatedPointer, HeapPointer
from pointers._pointer.pointer import Pointer
from pointers._pointer.steps import SlicePointer
from pointers._typing import Any, TypeVar

P = TypeVar("P", bound=Pointer[Any])


def malloc(
    size: int, *, align: int | None = None, allocator: Allocator | None = None
) -> AllocatedPointer[Any]:
    """Allocate a block of memory, as malloc(3); nothing is stored in it.

    The bytes are zero: they never show what an earlier block held.  A block
    that is dropped without `free` is freed, with a `ResourceWarning` unless it
    is an arena's.

    :param size: Bytes; 0 is allowed.
    :param align: Bytes; a power of two up to 2 MiB.  By default, what suits
        every C type.
    :param allocator: Where it comes from; by default the one that is set by
        `with allocator(...)`, or else the C library.
    :raises AllocationError: there is not so much memory.
    :raises InvalidSizeError: this allocator serves no blocks of that size.
    :raises ValueError: `size` is negative, `align` is no power of two, or the
        allocator is closed.
    :raises TypeError: a number is no int, or `allocator` is none.
    """
    return allocate_block(given_or_default(allocator), size, align)


def calloc(
    count: int, size: int, *, align: int | None = None, allocator: Allocator | None = None
) -> AllocatedArrayPointer[Any]:
    """Allocate an array of `count` slots of `size` bytes, as calloc(3).

    :param align: Bytes, of the array; slots follow each other without gaps.
    :param allocator: As for `malloc`.
    :raises AllocationError: there is not so much memory.
    :raises InvalidSizeError: this allocator serves no blocks of that size.
    :raises ValueError: a number is negative, `align` is no power of two, or
        the allocator is closed.
    """
    return allocate_array(given_or_default(allocator), count, size, align)


def _no_heap_pointer(ptr: Any, action: str) -> Exception:
    if isinstance(ptr, SlicePointer):
        return ValueError(f"cannot {action} through a slice: use the pointer that it was made of")
    if isinstance(ptr, Pointer):
        return StackMemoryError(f"cannot {action} stack memory: it goes when its function returns")
    return TypeError(f"cannot {action} a {type(ptr).__name__}: it is not a pointer from malloc()")


def free(ptr: Pointer[Any]) -> None:
    """Free a block, as free(3): the pointer and all its aliases are dead at once.

    :raises FreedMemoryError: it has been freed before.
    :raises StackMemoryError: it is stack memory.
    :raises ValueError: the pointer is not to the start of the block.
    :raises BufferError: a view uses the memory.
    """
    if not isinstance(ptr, HeapPointer):
        raise _no_heap_pointer(ptr, "free")
    ptr.free()


def realloc(ptr: P, size: int) -> P:
    """Change the size of a block, as realloc(3), and return the same pointer.

    The pointer itself changes, and all its aliases stay valid.  Bytes up to
    the smaller size are kept, added ones are zero; an array takes a multiple
    of its slot size.

    :raises InvalidSizeError: an object that is stored would be cut (a slot that is
        cut off an array is gone, with what it holds), or the block's allocator
        serves no blocks of that size.
    :raises FreedMemoryError: it has been freed.
    :raises StackMemoryError: it is stack memory.
    :raises ValueError: `size` is negative or no whole number of slots, or the
        pointer is not to the start of the block.
    :raises BufferError: a view uses the memory.
    :raises AllocationError: there is no memory.  As after any error, the
        block is as it was.
    """
    if not isinstance(ptr, HeapPointer):
        raise _no_heap_pointer(ptr, "realloc")
    ptr.realloc(size)
    return ptr
