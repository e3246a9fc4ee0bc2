# SPDX-License-Identifier: MIT
"""Where memory comes from: the functions of C, and the allocators behind them."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from pointers._allocated import NO_LIMIT, AllocatedPointer, HeapPointer
from pointers._array import AllocatedArrayPointer, checked_array_size, new_array
from pointers._errors import StackMemoryError, status_error
from pointers._ffi import ffi, lib
from pointers._pointer import Pointer
from pointers._raw import SIZE_MAX, as_align, as_size
from pointers._sources import source_key, sources

P = TypeVar("P", bound=Pointer[Any])

_new = object.__new__
_new_block = lib.ptrs_new_block
_ALIGN_DEFAULT = lib.PTRS_ALIGN_DEFAULT


class Stats(NamedTuple):
    """What an allocator has given out: requested bytes, and blocks."""

    current_bytes: int
    peak_bytes: int
    total_bytes: int
    current_blocks: int
    peak_blocks: int
    total_blocks: int


class Allocator:
    """A source of memory, with the functions of C."""

    __slots__ = ("__weakref__", "_cdata")

    _cdata: Any

    def malloc(self, size: int, *, align: int | None = None) -> AllocatedPointer[Any]:
        """As `pointers.malloc`, from this allocator."""
        return malloc(size, align=align, allocator=self)

    def calloc(
        self, count: int, size: int, *, align: int | None = None
    ) -> AllocatedArrayPointer[Any]:
        """As `pointers.calloc`, from this allocator."""
        return calloc(count, size, align=align, allocator=self)

    def stats(self) -> Stats:
        """Return what this allocator has given out up to now, in the whole process.

        Totals and peaks count the scratch blocks in which bulk stores make
        their images, too.
        """
        stats = ffi.new("PtrsStats *")
        lib.ptrs_allocator_stats(self._cdata, stats)
        return Stats(*(getattr(stats, name) for name in Stats._fields))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class System(Allocator):
    """The C library's malloc(3) and its family: what `malloc` uses by default.

    There is one in the process: every call returns the same object.
    """

    __slots__ = ()

    def __new__(cls) -> System:  # noqa: PYI034 - there is but one object
        return _SYSTEM


_SYSTEM = object.__new__(System)
_SYSTEM._cdata = _SYSTEM_CDATA = lib.ptrs_system_allocator()
sources[source_key(_SYSTEM_CDATA)] = _SYSTEM


def _source(allocator: Allocator | None) -> Any:
    if allocator is None:
        return _SYSTEM_CDATA
    if not isinstance(allocator, Allocator):
        raise TypeError(f"allocator must be an Allocator or None, not {type(allocator).__name__}")
    return allocator._cdata


def _allocation_error(status: int, size: int) -> Exception:
    return status_error(status, no_mem=f"no memory for a block of {size} bytes")


def malloc(
    size: int, *, align: int | None = None, allocator: Allocator | None = None
) -> AllocatedPointer[Any]:
    """Allocate a block of memory, as malloc(3); nothing is stored in it.

    The bytes are zero: they never show what an earlier block held.  A block
    that is dropped without `free` is freed, with a `ResourceWarning`.

    :param size: Bytes; 0 is allowed.
    :param align: Bytes; a power of two up to 2 MiB.  By default, what suits
        every C type.
    :raises AllocationError: there is not so much memory.
    :raises ValueError: `size` is negative, or `align` is no power of two.
    """
    if type(size) is not int or not 0 <= size <= SIZE_MAX:
        size = as_size(size)
    if align is None and allocator is None:
        block = _new_block(_SYSTEM_CDATA, size, _ALIGN_DEFAULT)
    else:
        block = _new_block(_source(allocator), size, as_align(align))
    if block < 0:
        raise _allocation_error(block, size)
    pointer = _new(AllocatedPointer)
    pointer._block = block
    pointer._offset = 0
    pointer._room = NO_LIMIT
    pointer._home = None
    pointer._owned = True
    pointer._references = None
    return pointer


def calloc(
    count: int, size: int, *, align: int | None = None, allocator: Allocator | None = None
) -> AllocatedArrayPointer[Any]:
    """Allocate an array of `count` slots of `size` bytes, as calloc(3).

    :param align: Bytes, of the array; slots follow each other without gaps.
    :raises AllocationError: there is not so much memory.
    :raises ValueError: a number is negative, or `align` is no power of two.
    """
    n_slots, slot_size = checked_array_size(count, size)
    block = _new_block(_source(allocator), n_slots * slot_size, as_align(align))
    if block < 0:
        raise _allocation_error(block, n_slots * slot_size)
    return new_array(block, slot_size, n_slots)


def _no_heap_pointer(ptr: Any, action: str) -> Exception:
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

    :raises InvalidSizeError: the object that is stored would be cut.
    :raises AllocationError: there is no memory.  As after any error, the
        block is as it was.
    """
    if not isinstance(ptr, HeapPointer):
        raise _no_heap_pointer(ptr, "realloc")
    ptr.realloc(size)
    return ptr
