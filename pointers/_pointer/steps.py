# SPDX-License-Identifier: MIT
"""Pointers whose steps are bytes, and those that stay within a part of their block."""

from __future__ import annotations

from pointers._errors import InvalidSizeError
from pointers._ffi import fast, lib
from pointers._later import later
from pointers._pointer.base import new_alias, new_slice
from pointers._pointer.pointer import Pointer
from pointers._pointer.raw import as_int, as_range
from pointers._typing import TYPE_CHECKING, Any, Iterator, NoReturn, Self, TypeVar, overload

if TYPE_CHECKING:
    import ctypes

if TYPE_CHECKING or fast is None:
    from pointers._codec.layout import sizeof
else:
    later(globals(), "pointers._codec.layout", "sizeof")

T = TypeVar("T")

# The functions themselves: where they are compiled, they call what a slice makes of them
_move = Pointer.move
_dereference = Pointer.dereference
_repr = Pointer.__repr__


def as_steps(value: Any) -> int:
    """Return how far to go from a pointer.

    :raises TypeError: it is not an integer.
    """
    return as_int(value, "a pointer moves by an int")


def slice_of(self: Pointer[Any], start: int, size: int) -> SlicePointer[Any]:
    """Return a pointer to `size` bytes, `start` bytes on, that reaches nothing else.

    It is an alias, and lives as long as the block.  What is made of it stays within these
    bytes, too.  Once `realloc` has cut them, its operations are an `InvalidSizeError`.

    :param start: Bytes from here, never negative.
    :raises InvalidSizeError: there are fewer bytes.
    :raises FreedMemoryError: the block is gone.
    """
    room = self.size
    skipped = as_range(start, room)
    taken = as_range(size, room - skipped)
    # Once more, since a number may have run code that has changed the block
    as_range(skipped + taken, self.size)
    offset = self._offset + skipped
    return new_slice(SlicePointer, self, offset, offset, taken)


class BytePointer(Pointer[T]):
    """A pointer whose steps are bytes."""

    __slots__ = ()

    slice = slice_of

    def _alias(self, offset: int) -> Self:
        """Return a pointer to another offset of the block.

        :raises IndexError: it is outside of 0 ... size.
        """
        size = self._checked(lib.ptrs_access_size_of(self._block))
        if not 0 <= offset <= size:
            raise IndexError(f"offset {offset} is outside of the block's {size} bytes")
        return new_alias(self, offset)

    def __add__(self, n: int) -> Self:
        """Return a pointer `n` bytes on, an alias of this one.

        :raises IndexError: that is outside of the block.
        """
        if isinstance(n, Pointer):
            return NotImplemented
        return self._alias(self._offset + as_steps(n))

    __radd__ = __add__

    @overload
    def __sub__(self, other: Pointer[Any]) -> int: ...
    @overload
    def __sub__(self, other: int) -> Self: ...
    def __sub__(self, other: Pointer[Any] | int) -> Self | int:
        """Return a pointer `other` bytes back, or how many bytes another pointer is behind.

        :raises IndexError: that is outside of the block.
        :raises ValueError: the other pointer is into another block.
        """
        if isinstance(other, Pointer):
            return self._behind(other)
        return self._alias(self._offset - as_steps(other))

    def __getitem__(self, n: int) -> Self:
        """Return a pointer `n` bytes on, as ``ptr + n``."""
        return self + n

    def __setitem__(self, n: int, obj: T | Pointer[T]) -> None:
        """Store an object `n` bytes on.

        What is there already, after ``ptr[n] <<= obj``, is left as it is.
        """
        target = self + n
        # The last step of `ptr[n] <<= obj`: the object is there already
        if not (isinstance(obj, Pointer) and obj == target):
            target.move(obj)


class SlicePointer(BytePointer[T]):
    """A pointer that stays within a part of its block; from `slice`.

    It sees no byte outside of that part, and changes none, but by the stores that are spelled
    unsafe.  It cannot free the block.
    """

    __slots__ = ()

    # _index is the offset where the part starts, and _bound the bytes from here to its end

    def _check_whole(self) -> None:
        size = self._checked(lib.ptrs_access_size_of(self._block))
        end = self._offset + self._bound
        if end > size:
            raise InvalidSizeError(
                f"this slice reaches from offset {self._index} to {end}, but realloc() has left "
                f"only {size} bytes of its block: make another slice"
            )

    @property
    def size(self) -> int:
        """Bytes from here to the end of the slice.

        :raises InvalidSizeError: `realloc` has cut them.
        """
        self._check_whole()
        return self._bound

    @property
    def capacity(self) -> int:
        """As `size`: what the block has behind the slice is no part of it."""
        return self.size

    @property
    def _as_parameter_(self) -> ctypes.Array[ctypes.c_char]:
        """What ctypes passes: what it is for the pointer that owns the block."""
        self._check_whole()  # or there is no root
        array: ctypes.Array[ctypes.c_char] = type(self._root)._as_parameter_.__get__(self)
        return array

    def move(self, obj: T | Pointer[T], *, unsafe: bool = False) -> Self:
        """Store an object here, as every pointer; it has to fit into the slice.

        :raises InvalidSizeError: it does not fit, or `realloc` has cut the slice.
        """
        if not unsafe:
            self._check_whole()
        _move(self, obj, unsafe=unsafe)
        return self

    __ilshift__ = move

    def dereference(self) -> T:
        """Return the object that is stored here, as every pointer.

        :raises InvalidSizeError: it reaches beyond the slice, or `realloc` has cut that.
        """
        self._check_whole()
        value: T = _dereference(self)
        size = sizeof(value)
        if size > self._bound:
            raise InvalidSizeError(
                f"the {type(value).__name__} object that is stored here takes {size} bytes, of "
                f"which the slice has {self._bound}"
            )
        return value

    __invert__ = dereference

    def __iter__(self) -> Iterator[Any]:
        """Unpack to the one object that is stored: ``print(*ptr)``."""
        return iter((self.dereference(),))

    def _alias(self, offset: int) -> Self:
        """Return a pointer to another offset of the slice.

        :raises IndexError: it is outside of that.
        """
        self._check_whole()
        start, end = self._index, self._offset + self._bound
        if not start <= offset <= end:
            raise IndexError(f"offset {offset} is outside of the slice, from {start} to {end}")
        return new_slice(type(self), self, offset, start, end - offset)

    def _refuse(self, *_arguments: object) -> NoReturn:
        """Refuse: a slice does not own its block."""
        raise ValueError("a slice cannot free its block: use the pointer that it was made of")

    free = release = realloc = _refuse

    def __repr__(self) -> str:
        """Tell class, address, bytes, and whether an object is stored here."""
        try:
            self._check_whole()
        except InvalidSizeError:
            return f"<{type(self).__name__}, cut by realloc()>"
        except ValueError:
            return f"<{type(self).__name__}, freed>"
        return _repr(self)
