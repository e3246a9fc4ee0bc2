# SPDX-License-Identifier: MIT
"""The class of all pointers: a location in a checked block, and the object there."""

from __future__ import annotations

import sys

from pointers._errors import CorruptObjectError, DereferenceError, PointersError, status_error
from pointers._ffi import fast
from pointers._later import later
from pointers._pointer.base import MISSING, new_readonly, own_held
from pointers._pointer.location import Location
from pointers._typing import TYPE_CHECKING, Any, Generic, Iterator, Self, TypeVar

if TYPE_CHECKING or fast is None:
    from pointers._codec.layout import sizeof
    from pointers._codec.load import EMPTY, Key, load
    from pointers._codec.store import store_of
    from pointers._pointer.held import held_of
    from pointers._pointer.unsafe import move_unsafe
else:
    later(globals(), "pointers._codec.layout", "sizeof")
    later(globals(), "pointers._codec.load", "load", values=("EMPTY", "Key"))
    later(globals(), "pointers._codec.store", "store_of")
    later(globals(), "pointers._pointer.held", "held_of")
    later(globals(), "pointers._pointer.unsafe", "move_unsafe")

T = TypeVar("T")


class Pointer(Location, Generic[T]):
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
        :raises ReadOnlyError: the pointer is read-only.
        """
        if self._readonly:
            self._check_writable()
        if unsafe:
            move_unsafe(self, obj)
            return self
        kind = type(obj)
        # A class whose metaclass is another could claim to be equal to int
        store = store_of(kind) if type(kind) is type else None
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
        self._check_writable()
        move_unsafe(self, obj)
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

    def _own_held(self) -> Any:
        return own_held(self if self._root is None else self._root, held_of)

    def _store_error(self, status: int, obj: object) -> Exception:
        left = max(0, min(self._bound, self.size))  # or it is gone
        size = sizeof(obj)
        return status_error(
            status,
            self._block,
            out_of_bounds=f"{type(obj).__name__} object takes {size} bytes, but there are only "
            f"{left} here: allocate or realloc() more",
        )

    @property
    def assigned(self) -> bool:
        """Whether an object can be loaded from here."""
        return self._peek()[0]

    def _peek(self) -> tuple[bool, Any]:
        """Return whether an object is stored here, and the object."""
        try:
            return True, self.dereference()
        except PointersError:
            return False, None

    def _alias(self, _offset: int) -> Self:
        raise TypeError(f"{type(self).__name__} has no steps: malloc() and calloc() make others")

    def readonly(self) -> Self:
        """Return an alias whose operations do not change the memory: it and what is made of it.

        Stores, raw writes, writable views and ctypes objects, `free` and `realloc` are a
        `ReadOnlyError`.  What other pointers store is seen.  Nothing makes it writable again.

        :raises FreedMemoryError: the block is gone.
        """
        _ = self.size  # or there is nothing to point at
        return new_readonly(self)

    def dump(self) -> Any:
        """Return what is in memory from here on, as `pointers.dump`: bytes, images, fields."""
        # What shows memory stands above pointers, and is imported when it is asked for
        return sys.modules["pointers"].dump(self)

    def _repr_html_(self) -> str:
        html: str = self.dump()._repr_html_()
        return html

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
            if self._readonly:
                state += ", read-only"
            return f"<{name} at 0x{self.address:x}, {self.size} bytes, {state}>"
        except ValueError:
            return f"<{name}, freed>"
