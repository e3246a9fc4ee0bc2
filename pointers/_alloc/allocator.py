# SPDX-License-Identifier: MIT
"""Where memory comes from: the functions of C, and the allocators behind them."""

from __future__ import annotations

from contextvars import ContextVar

from pointers._alloc.blocks import new_pointer
from pointers._alloc.default import Default, leave_another
from pointers._alloc.records import Stats, record
from pointers._collector import retry_pinned
from pointers._errors import StackMemoryError, status_error
from pointers._ffi import ffi, lib
from pointers._pointer.array import AllocatedArrayPointer, checked_array_size
from pointers._pointer.base import new_array, new_owner
from pointers._pointer.heap import AllocatedPointer, HeapPointer
from pointers._pointer.held import release_gone
from pointers._pointer.pointer import Pointer
from pointers._pointer.raw import SIZE_MAX, as_align, as_size
from pointers._registry import new_cell, revivers, roots, source_key, sources
from pointers._typing import Any, Generic, Self, TypeVar

P = TypeVar("P", bound=Pointer[Any])
A = TypeVar("A", bound="Allocator")

_new = object.__new__
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

    # What C has written to the cell, and the cell, which releases it with the last reference
    __slots__ = ("__weakref__", "_cdata", "_cell")

    _cdata: Any
    _cell: Any

    #: Whether each block is told where in the program it was allocated.
    _labels = False

    #: Whether it takes its memory from the system, and not from a parent.
    _is_root = False

    @classmethod
    def _of(cls, cell: Any) -> Self:
        """Return a new object for the C object in a cell, which it owns."""
        self = _new(cls)
        self._cell = cell
        self._cdata = cell[0]
        if cls._is_root:
            roots[source_key(self._cdata)] = self
        return self

    @classmethod
    def _made(cls, status: int, cell: Any, **messages: str) -> Self:
        """Return the object for what a C function has put into a cell, if it has."""
        if status:
            raise status_error(status, no_mem="no memory for an allocator", **messages)
        self = cls._of(cell)
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
        stats = ffi.new("PtrsStats *")
        lib.ptrs_allocator_stats(self._cdata, stats)
        told: Stats = record(Stats, Stats._fields, stats)
        return told

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
        try:
            status = retry_pinned(function(*arguments), function, *arguments)
            if status:
                pinned = _IN_USE.format(action=action)
                raise status_error(status, pinned=pinned, **messages)
        finally:
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

    There is one in the process: every call returns the same object.  Blocks of 1 MiB
    and more that are aligned to more than malloc(3) promises come from the kernel.
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


_SYSTEM_CELL = new_cell()
_SYSTEM_CELL[0] = lib.ptrs_system_allocator()
_SYSTEM = System._of(_SYSTEM_CELL)
sources[source_key(_SYSTEM._cdata)] = _SYSTEM
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


def _source(source: Allocator | None) -> Allocator:
    """Return an allocator that was given, or the default one."""
    if source is not None:
        return _checked(source)
    found: Allocator = _default.get().source if _overridden else _SYSTEM
    return found


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
    return new_pointer(new_owner, AllocatedPointer, _source(allocator), size, as_align(align))


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
    source, n_bytes = _source(allocator), n_slots * slot_size
    return new_pointer(
        new_array, AllocatedArrayPointer, source, n_bytes, as_align(align), slot_size, n_slots
    )


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
