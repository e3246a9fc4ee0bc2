# SPDX-License-Identifier: MIT
"""Where memory comes from: the functions of C, and the allocators behind them."""

from __future__ import annotations

from contextvars import ContextVar

from pointers._allocated import AllocatedPointer, HeapPointer
from pointers._array import AllocatedArrayPointer, checked_array_size
from pointers._collector import new_block, retry_pinned
from pointers._default import Default, leave_another
from pointers._errors import AllocationError, StackMemoryError, status_error
from pointers._ffi import ffi, lib
from pointers._labels import label_block
from pointers._place import new_array, new_owner
from pointers._pointer import Pointer
from pointers._raw import SIZE_MAX, as_align, as_size
from pointers._references import release_gone
from pointers._sources import owned, revivers, roots, source_key, sources
from pointers._typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

if TYPE_CHECKING:
    from pointers._records import Stats
else:
    Stats = tuple  # what it is, without the module that it is in

P = TypeVar("P", bound=Pointer[Any])
A = TypeVar("A", bound="Allocator")

_new = object.__new__
_ALIGN_DEFAULT = lib.PTRS_ALIGN_DEFAULT
_IN_USE = (
    "cannot {action} the allocator: its memory is in use by views or what was made of them, or by "
    "an allocator that has it as its parent: release() the views, delete the arrays and other "
    "objects that have no release(), and close the other allocators"
)


class Allocator:
    """A source of memory, with the functions of C.

    As a context manager, it is closed at the end.  Where views keep it from
    that, it is `BufferError`; but an exception that is under way passes, and
    the blocks with views stay until the last of them goes, and then the memory
    is given back.  An allocator that is dropped without being closed keeps its
    memory until the last of its blocks is gone.
    """

    __slots__ = ("__weakref__", "_cdata")

    _cdata: Any

    #: Whether each block is told where in the program it was allocated.
    _labels = False

    #: Whether it takes its memory from the system, and not from a parent.
    _is_root = False

    @classmethod
    def _of(cls, cdata: Any) -> Self:
        """Return a new object for a C object, which it owns."""
        self = _new(cls)
        self._cdata = cdata
        if cls._is_root:
            roots.add(self)
        return self

    @classmethod
    def _made(cls, status: int, cell: Any, **messages: str) -> Self:
        """Return the object for what a C function has put into a cell, if it has."""
        if status:
            raise status_error(status, no_mem="no memory for an allocator", **messages)
        self = cls._of(owned(cell[0]))
        sources[source_key(self._cdata)] = self
        return self

    def __getattr__(self, name: str) -> Any:
        # object.__new__ makes allocators that nobody has given anything
        if name == "_cdata":
            raise ValueError(f"this {type(self).__name__} was never made: make another one")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

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

        Totals and peaks of the system's count the scratch blocks in which bulk
        stores make their images, too.
        """
        from pointers._records import Stats

        stats = ffi.new("PtrsStats *")
        lib.ptrs_allocator_stats(self._cdata, stats)
        return Stats(*(getattr(stats, name) for name in Stats._fields))

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return bool(lib.ptrs_allocator_is_closed(self._cdata))

    def close(self) -> None:
        """End all blocks and give the memory back; again, it does nothing.

        :raises BufferError: a view uses a block, or an allocator that has this
            one as its parent holds memory of it; nothing has changed.
        """
        self._end_blocks("close", lib.ptrs_allocator_close, self._cdata)

    def _end_blocks(self, action: str, function: Any, *arguments: Any, **messages: str) -> None:
        status = retry_pinned(function(*arguments), function, *arguments)
        if status:
            pinned = _IN_USE.format(action=action)
            raise status_error(status, pinned=pinned, **messages)
        release_gone(source_key(self._cdata))

    def __enter__(self) -> Self:
        """Return the allocator, which is closed at the end of the `with` block.

        :raises ValueError: it is closed.
        """
        if self.closed:
            raise status_error(lib.PTRS_STATUS_CLOSED)
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close the allocator, or leave it to its last view where an exception is under way."""
        try:
            self.close()
        except BufferError:
            if not exc_info[0]:
                raise
            # Blocks with views go with the last of these, all others at once
            lib.ptrs_allocator_drop(self._cdata)
            release_gone(source_key(self._cdata))

    def __repr__(self) -> str:
        """Tell class, and blocks or that it is closed."""
        try:
            state = ", closed" if self.closed else f", {self.stats().current_blocks} blocks"
        except ValueError:
            state = ", never made"
        return f"<{type(self).__name__} allocator{state}>"

    def __reduce__(self) -> Any:
        """Refuse to be copied or pickled, with `TypeError`."""
        name = type(self).__name__
        raise TypeError(f"cannot copy or pickle {name}: its memory is this process's")


class System(Allocator):
    """The C library's malloc(3) and its family: what `malloc` uses by default.

    There is one in the process: every call returns the same object.
    """

    __slots__ = ()

    _is_root = True

    def __new__(cls) -> System:  # noqa: PYI034 - there is but one object
        return _SYSTEM

    def close(self) -> None:
        """Refuse: it serves the whole process.

        :raises ValueError: always.
        """
        raise ValueError("the system allocator serves the whole process: it cannot be closed")

    def __enter__(self) -> Self:
        """Refuse with `ValueError`: it cannot be closed at the end."""
        self.close()  # at the end would be too late to refuse
        return self


_SYSTEM_CDATA = lib.ptrs_system_allocator()
_SYSTEM = System._of(_SYSTEM_CDATA)
sources[source_key(_SYSTEM_CDATA)] = _SYSTEM
revivers["system"] = System._of

_FIRST = Default(_SYSTEM, None, None)
_default: ContextVar[Default] = ContextVar("pointers.allocator", default=_FIRST)
# Whether allocator() was ever used: looking a context up costs as much as a block
_overridden = False


class allocator(Generic[A]):  # noqa: N801 - used as a function
    """Make an allocator the default of `malloc` and `calloc` while a `with` block runs.

    It is the default of this context alone (as in `contextvars`): other threads
    and other tasks keep theirs.  The allocator is not closed at the end.  One
    object may be entered any number of times, and in several contexts at once.
    """

    __slots__ = ("_source",)

    def __init__(self, source: A) -> None:
        """Take an allocator, which becomes the default once this is entered.

        :raises TypeError: it is no allocator.
        """
        global _overridden
        _checked(source)
        _overridden = True
        self._source = source

    def __enter__(self) -> A:
        """Make the allocator the default of this context, and return it."""
        _default.set(Default(self._source, self, _default.get()))
        return self._source

    def __exit__(self, kind: object = None, *_exc_info: object) -> None:
        """Make the allocator the default again that was it before.

        :raises RuntimeError: it was entered in another context, or a block that
            was entered later has not ended, as of a suspended generator.  The
            allocators of all other blocks are as they were.  An exception that
            is on its way passes.
        """
        last = _default.get()
        if last.block is self and last.before is not None:
            _default.set(last.before)
            return
        wrong = leave_another(_default, self)
        if kind is None:
            raise RuntimeError(f"cannot end 'with allocator(...)': {wrong}")


def _checked(source: Any) -> Allocator:
    if not isinstance(source, Allocator):
        raise TypeError(f"allocator must be an Allocator or None, not {type(source).__name__}")
    return source


def _block_from(source: Allocator | None, size: int, align: int) -> int:
    """Return a new block of an allocator, or of the default one."""
    source = _default.get().source if source is None else _checked(source)
    block = new_block(source._cdata, size, align)
    if block < 0:
        raise _allocation_error(block, size, source._cdata)
    if source._labels:
        label_block(block)
    return block


def _lacking(source: Any) -> str:
    """Return what else than memory an allocator may lack, or nothing."""
    info = ffi.new("PtrsGuardInfo *")
    if lib.ptrs_guard_info(source, info) or not info.is_full:
        return ""
    return (
        f": guarded blocks have all {info.max_mappings} mappings that they may have; free some, "
        "or raise vm.max_map_count"
    )


def no_memory(size: int, lacking: str = "") -> AllocationError:
    """Return the error of a block that could not be had; calls nothing in C."""
    return AllocationError(f"no memory for a block of {size} bytes{lacking}")


def _allocation_error(status: int, size: int, source: Any) -> Exception:
    if -status == lib.PTRS_STATUS_NO_MEM:
        return no_memory(size, _lacking(source))
    most, align = lib.ptrs_allocator_max_size(source), lib.ptrs_allocator_max_align(source)
    return status_error(
        status,
        too_large=f"no block of {size} bytes: this allocator serves up to {most} bytes, "
        f"aligned to {align} at most",
    )


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
    if type(size) is not int or not 0 <= size <= SIZE_MAX:
        size = as_size(size)
    if align is None and allocator is None and not _overridden:
        block = new_block(_SYSTEM_CDATA, size, _ALIGN_DEFAULT)
        if block < 0:
            raise _allocation_error(block, size, _SYSTEM_CDATA)
    else:
        block = _block_from(allocator, size, as_align(align))
    return new_owner(AllocatedPointer, block)


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
    n_slots, slot_size = checked_array_size(count, size)
    block = _block_from(allocator, n_slots * slot_size, as_align(align))
    return new_array(AllocatedArrayPointer, block, slot_size, n_slots)


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
