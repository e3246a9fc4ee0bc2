# SPDX-License-Identifier: MIT
"""The base of all allocators, and the allocator of the C library."""

from __future__ import annotations

from pointers._alloc.base import AllocatorBase, bind
from pointers._alloc.blocks import allocate_array, allocate_block
from pointers._alloc.records import BlockInfo, Stats, record
from pointers._collector import retry_in_use
from pointers._errors import status_error
from pointers._ffi import fast, ffi, lib
from pointers._later import later
from pointers._pointer.array import AllocatedArrayPointer
from pointers._pointer.heap import AllocatedPointer
from pointers._registry import makers, new_cell, registry, roots, source_key
from pointers._traces import live, sweep
from pointers._typing import TYPE_CHECKING, Any, Iterator, Self

if TYPE_CHECKING or fast is None:
    from pointers._alloc.listing import blocks_of
    from pointers._pointer.held import release_gone
else:
    later(globals(), "pointers._alloc.listing", "blocks_of")
    later(globals(), "pointers._pointer.held", "release_gone")

_new = object.__new__
_IN_USE = (
    "cannot {action} the allocator: its memory is in use by views or what was made of them, or by "
    "an allocator that has it as its parent: release() the views, delete the arrays and other "
    "objects that have no release(), and close the other allocators"
)


class Allocator(AllocatorBase):
    """A source of memory, with the functions of C.

    As a context manager, it is closed at the end.  Where views keep it from
    that, it is `BufferError`; but an exception that is under way passes, and
    the blocks with views stay until the last of them goes, and then the memory
    is given back.  An allocator that is dropped without being closed keeps its
    memory until the last of its blocks is gone.
    """

    # The cell, which releases its C object with the last reference; that C object, and its key
    __slots__ = ("__weakref__", "_cell", "_held_by_cell", "_key")

    _held_by_cell: Any
    _cell: Any
    _key: int

    #: Whether each block is told where in the program it was allocated.
    _labels = False

    #: Whether the registry has to know it as one that takes its memory from the system: it has no
    #: parent, and is not the system's own.
    _is_root = False

    @classmethod
    def _of(cls, cell: Any) -> Self:
        """Return a new object for the C object in a cell, which it owns."""
        self = _new(cls)
        self._cell = cell
        self._held_by_cell = cdata = cell[0]
        self._key = key = source_key(cdata)
        if not cls._labels:
            bind(self, cdata)
        if cls._is_root:
            roots()[key] = self
        return self

    @classmethod
    def _made(cls, status: int, cell: Any, **messages: str) -> Self:
        """Return the object for what a C function has put into a cell, if it has."""
        if status:
            raise status_error(status, no_mem="no memory for an allocator", **messages)
        self = cls._of(cell)
        registry()[self._key] = self
        return self

    # No __getattr__(), by which interpreters would look up every method more slowly
    @property
    def _cdata(self) -> Any:
        try:
            return self._held_by_cell
        except AttributeError:  # of an object that object.__new__ has made
            name = type(self).__name__
            raise ValueError(f"this {name} was never made: make another one") from None

    def malloc(self, size: int, *, align: int | None = None) -> AllocatedPointer[Any]:
        """As `pointers.malloc`, from this allocator."""
        return allocate_block(self, size, align)

    def calloc(
        self, count: int, size: int, *, align: int | None = None
    ) -> AllocatedArrayPointer[Any]:
        """As `pointers.calloc`, from this allocator."""
        return allocate_array(self, count, size, align)

    def stats(self) -> Stats:
        """Return what this allocator has given out up to now, in the whole process.

        Totals and peaks of the system's count the scratch blocks in which bulk
        stores make their images, too.
        """
        stats = ffi.new("PtrsStats *")
        lib.ptrs_allocator_stats(self._cdata, stats)
        told: Stats = record(Stats, stats)
        return told

    def blocks(self) -> Iterator[BlockInfo]:
        """Iterate over the blocks of this allocator that live, as `live_blocks` does."""
        return blocks_of(self)

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
            status = retry_in_use(function(*arguments), function, *arguments)
            if status:
                pinned = _IN_USE.format(action=action)
                raise status_error(status, pinned=pinned, **messages)
            if live:
                sweep()
        finally:
            release_gone(self._key)

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
            if live:
                sweep()
            release_gone(self._key)

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
# By this the registry finds it, when it is first asked for: it needs no entry before
makers["system"] = lambda _cell: _SYSTEM
