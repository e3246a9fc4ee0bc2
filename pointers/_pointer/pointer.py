# SPDX-License-Identifier: MIT
"""What all pointers have in common: a place in a checked block."""

from __future__ import annotations

import warnings

from pointers._codec.layout import sizeof
from pointers._codec.load import EMPTY, Key, load
from pointers._codec.store import STORES
from pointers._errors import CorruptObjectError, DereferenceError, PointersError, status_error
from pointers._ffi import lib
from pointers._pointer.base import PointerBase, own_held
from pointers._pointer.finalizers import callers_level
from pointers._pointer.held import MISSING, HeldObjects, held_of
from pointers._pointer.raw import read_bytes, write_bytes
from pointers._pointer.unsafe import reference_unsafe, store_unsafe
from pointers._pointer.views import lend, pin
from pointers._typing import Any, Generic, Iterator, NoReturn, Self, TypeVar

T = TypeVar("T")

_store_of = STORES.get
_size_of = lib.ptrs_access_size_of


class Pointer(PointerBase, Generic[T]):
    """A place in a block of memory that can hold objects of type `T`.

    Pointers are made by `malloc`, `calloc`, `stack_alloc` and by arithmetic on
    other pointers.  All pointers into one block are aliases of the pointer
    that owns it, its *root*: they keep it alive, and see what it sees.

    Every access to the memory checks the block first, whatever other threads do
    with it at the same time, and raises `FreedMemoryError` once it is gone.  What
    needs no memory goes on: `==`, `hash`, `repr`, `str`, `freed`, `offset`.
    """

    __slots__ = ()

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        """Refuse: pointers are made by `malloc`, `calloc` and `stack_alloc`."""
        raise TypeError(f"{type(self).__name__} cannot be made directly: use malloc() or calloc()")

    # Storing and loading

    def move(self, obj: T | Pointer[T], *, unsafe: bool = False) -> Self:
        """Store an object here, or what another pointer points at; return self.

        int, bool, float, complex, bytes, str and None are stored by value,
        anything else by reference: `sizeof` tells the bytes.

        :param unsafe: Write even where the object does not fit, over whatever
            lies behind; a `RuntimeWarning` comes first where that leaves the
            `capacity` of the block.
        :raises InvalidSizeError: the object does not fit; nothing was written.
        :raises DereferenceError: nothing is stored where the other pointer points.
        """
        if unsafe:
            return self._move_unsafe(obj)
        kind = type(obj)
        # A class whose metaclass is another could claim to be equal to int
        store = _store_of(kind) if type(kind) is type else None
        if store is None:
            if isinstance(obj, Pointer):
                return self.move(obj.dereference())
            size = self._own_held().store(self._block, self._offset, self._bound, obj)
        else:
            size = store(self._block, self._offset, self._bound, obj)
            if size >= 0:
                root = self._root
                references = self._held if root is None else root._held
                if references is not None:
                    references.overwritten(self._block, self._offset, self._offset + size)
        if size < 0:
            raise self._store_error(size, obj)
        return self

    __ilshift__ = move

    def __ixor__(self, obj: T | Pointer[T]) -> Self:
        """Store without the size limit, as ``move(obj, unsafe=True)``.

        Where the object does not fit, it is written over whatever lies behind;
        a `RuntimeWarning` comes first where that leaves the `capacity`.
        """
        return self._move_unsafe(obj)

    def _move_unsafe(self, obj: T | Pointer[T]) -> Self:
        value = obj.dereference() if isinstance(obj, Pointer) else obj
        size = sizeof(value)
        capacity = self.capacity
        if size > capacity:
            warnings.warn(
                f"writing {size} bytes where {capacity} are left overwrites foreign memory",
                RuntimeWarning,
                stacklevel=callers_level(),
            )
        kind = type(value)
        store = _store_of(kind) if type(kind) is type else None
        if store is None:
            references = self._own_held()
            status = references.store(self._block, self._offset, size, value, reference_unsafe)
        else:
            status = store_unsafe(self._block, self._offset, size, store, value)
            self._overwritten(size)
        self._checked(status)
        return self

    def dereference(self) -> T:
        """Return a new object made of the bytes here, or the one stored by reference.

        :raises DereferenceError: nothing was stored here.
        :raises CorruptObjectError: the bytes are not those of an object.
        """
        value = load(self._block, self._offset)
        if value is EMPTY or value.__class__ is Key:
            value = self._dereference_slowly(value)
        result: T = value
        return result

    __invert__ = dereference

    def __iter__(self) -> Iterator[Any]:
        """Unpack to the one object that is stored: ``print(*ptr)``."""
        return iter((self.dereference(),))

    def _dereference_slowly(self, value: Any) -> Any:
        while value.__class__ is Key:
            root = self if self._root is None else self._root
            references = root._held
            found = MISSING if references is None else references.load(self._offset, value)
            if found is not MISSING:
                return found
            # Another thread may have stored something else in between
            again = load(self._block, self._offset)
            if again == value and again.__class__ is Key:
                raise CorruptObjectError(
                    f"the reference at offset {self._offset} was copied or made up as raw bytes: "
                    "raw bytes carry no references; store the object through a pointer"
                )
            value = again
        if value is EMPTY:
            raise DereferenceError(
                f"nothing was stored at offset {self._offset}: store an object first (ptr <<= obj)"
            )
        return value

    def _own_held(self) -> HeldObjects:
        return own_held(self if self._root is None else self._root, held_of)

    def _overwritten(self, size: int) -> None:
        """Release the references that `size` raw bytes written here replaced."""
        root = self if self._root is None else self._root
        references = root._held
        if references is not None:
            references.overwritten(self._block, self._offset, self._offset + size)

    def _store_error(self, status: int, obj: object) -> Exception:
        left = max(0, min(self._bound, self.size))  # or it is gone
        size = sizeof(obj)
        return status_error(
            status,
            out_of_bounds=f"{type(obj).__name__} object takes {size} bytes, but there are only "
            f"{left} here: allocate or realloc() more",
        )

    # Properties; all read-only

    @property
    def size(self) -> int:
        """Bytes from here to the end of the block, as it was asked for."""
        return max(0, self._checked(_size_of(self._block)) - self._offset)

    @property
    def capacity(self) -> int:
        """Bytes from here to the end of what the block really has."""
        return max(0, self._checked(lib.ptrs_access_capacity_of(self._block)) - self._offset)

    @property
    def address(self) -> int:
        """The address of the first byte; it may change with `realloc`."""
        return self._checked(lib.ptrs_access_address_of(self._block)) + self._offset

    @property
    def alignment(self) -> int:
        """The alignment of the block in bytes, as it was asked for."""
        return self._checked(lib.ptrs_access_align_of(self._block))

    @property
    def offset(self) -> int:
        """Bytes from the start of the block to here."""
        return self._offset

    @property
    def freed(self) -> bool:
        """Whether the block is gone."""
        return _size_of(self._block) < 0

    @property
    def assigned(self) -> bool:
        """Whether an object can be loaded from here."""
        return self._peek()[0]

    def _alias(self, _offset: int) -> Self:
        raise TypeError(f"{type(self).__name__} has no steps: malloc() and calloc() make others")

    def _checked(self, number: int) -> int:
        if number < 0:
            raise status_error(number)
        return number

    def _peek(self) -> tuple[bool, Any]:
        """Return whether an object is stored here, and the object."""
        try:
            return True, self.dereference()
        except PointersError:
            return False, None

    def __int__(self) -> int:
        """Return the `address`."""
        return self.address

    def __bytes__(self) -> bytes:
        """Return a copy of all raw bytes from here, as ``read()``."""
        return self.read()

    # Raw bytes

    def read(self, n: int | None = None) -> bytes:
        """Return a copy of `n` raw bytes from here, by default of all.

        :raises InvalidSizeError: there are fewer.
        """
        return read_bytes(self._block, self._offset, self.size, n)

    def write(self, data: Any) -> None:
        """Copy all bytes of a bytes-like object to here.

        :raises InvalidSizeError: they do not fit; nothing was written.
        """
        if isinstance(data, Pointer):
            raise TypeError("data must be bytes-like: copy from a pointer with memcpy()")
        self._overwritten(write_bytes(self._block, self._offset, self.size, data))

    def view(self, format: str = "B", writable: bool = True) -> memoryview:  # noqa: A002 - memoryview.format
        """Return a view of the memory from here on, without a copy.

        While it, or anything made of it, lives, the block is pinned: it can
        be neither freed nor resized, and if its pointer is dropped it stays
        until the last view goes.  What is written through a view is not
        checked until it is loaded, and other threads are not kept away.  On PyPy
        alone, `release` of the view also lets go of what ctypes, cffi and NumPy
        have made of it.

        :param format: What an item is, as in the struct module: one character.
        :raises ValueError: the bytes are no whole number of items, or `format` is
            none of a memoryview's.
        :raises BufferError: it is stack memory, which could go before the view, or
            has as many views as there can be (65,535).
        """
        lease = pin(self._block)
        # Pinned, the block keeps its size
        return lend(lease, self._offset, self.size, format, writable)

    def __buffer__(self, _flags: int) -> memoryview:
        """Refuse ``memoryview(ptr)`` and its like, where Python asks; compiled pointers lend.

        Python is told too late, or never, that such a buffer is not used any more.
        """
        raise TypeError(f"{type(self).__name__} has no buffer of its own here: pass ptr.view()")

    # Identity and text

    def __eq__(self, other: object) -> bool:
        """Whether both are to the same offset of the same block, freed or not."""
        if isinstance(other, Pointer):
            return self._block == other._block and self._offset == other._offset
        return NotImplemented

    def __hash__(self) -> int:
        """Return what stays the same through `realloc` and `free`."""
        return hash((self._block, self._offset))

    def __str__(self) -> str:
        """Return the text of the object that is stored here, or else the `repr`.

        The latter also where the object's own text is an exception.
        """
        assigned, obj = self._peek()
        if assigned:
            try:
                return str(obj)
            except Exception:
                return repr(self)  # even if what it points at cannot be printed
        return repr(self)

    def __repr__(self) -> str:
        """Tell class, address, bytes, and whether an object is stored here."""
        name = type(self).__name__
        try:
            state = "assigned" if self.assigned else "empty"
            return f"<{name} at 0x{self.address:x}, {self.size} bytes, {state}>"
        except ValueError:
            return f"<{name}, freed>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Refuse to be copied or pickled, with `TypeError`."""
        self.__reduce__()

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied or pickled, with `TypeError`."""
        raise TypeError(
            f"cannot copy or pickle {type(self).__name__}: it is a place in this process's "
            "memory; copy what it points at (~ptr) or its bytes (ptr.read())"
        )
