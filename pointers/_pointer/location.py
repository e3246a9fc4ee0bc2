# SPDX-License-Identifier: MIT
"""A location in a checked block: how large it is from there, and its raw bytes."""

from __future__ import annotations

from pointers._errors import ReadOnlyError, status_error
from pointers._ffi import fast, lib
from pointers._later import later
from pointers._pointer.base import PointerBase
from pointers._pointer.raw import read_bytes, write_bytes
from pointers._typing import TYPE_CHECKING, Any, Callable, NoReturn, TypeVar

if TYPE_CHECKING:
    import ctypes

if TYPE_CHECKING or fast is None:
    from pointers._pointer.arguments import cast, parameter
    from pointers._pointer.text import as_string, read_string
    from pointers._pointer.views import lend
else:
    later(globals(), "pointers._pointer.arguments", "cast parameter")
    later(globals(), "pointers._pointer.text", "as_string read_string")
    later(globals(), "pointers._pointer.views", "lend")

C = TypeVar("C")

_size_of = lib.ptrs_access_size_of

# They would compare themselves with the bytes of whatever has a buffer, as compiled pointers have
_OF_BYTES = (bytearray, memoryview)

# A format that ends in one of these is an int's, and asks for the address
_OF_NUMBERS = ("b", "d", "n", "o", "x", "X")


class Location(PointerBase):
    """A pointer without the object that is stored there: sizes, raw bytes, identity."""

    __slots__ = ()

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

    def _checked(self, number: int) -> int:
        if number < 0:
            raise status_error(number, self._block)
        return number

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
        :raises ReadOnlyError: the pointer is read-only.
        """
        self._check_writable()
        if isinstance(data, Location):
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

        A view of a read-only pointer is read-only.

        :param format: What an item is, as in the struct module: one character.
        :raises ValueError: the bytes are no whole number of items, or `format` is
            none of a memoryview's.
        :raises BufferError: it is stack memory, which could go before the view, or
            has as many views as there can be (65,535, where pointers are compiled;
            elsewhere, all views of a block share a pin).
        """
        return lend(self, format, writable and not self._readonly)

    def _check_writable(self) -> None:
        if self._readonly:
            raise ReadOnlyError(
                "this pointer is read-only: use the pointer that it was made of, by readonly()"
            )

    # C

    @property
    def _as_parameter_(self) -> ctypes.Array[ctypes.c_char]:
        """What ctypes passes where a pointer is an argument: an array over the memory.

        It pins the block: during the call, `free` and `realloc` are a `BufferError`.

        :raises FreedMemoryError: the block is gone.  ctypes raises `ctypes.ArgumentError` of it.
        """
        return parameter(self)

    def cast(self, ctype: type[C]) -> C:
        """Return an object of ctypes over the memory from here on, which pins the block.

        What it shows and what is stored here are the same bytes.  A ``POINTER(c_int)`` takes
        ``ptr.cast(c_int * n)``.

        :param ctype: A simple type, an array, a Structure or a Union.
        :raises InvalidSizeError: it takes more bytes than there are.
        :raises ValueError: the address is not aligned as the type asks.
        :raises TypeError: it is no such type, or one with references to Python objects.
        :raises BufferError: it is stack memory, which could go before the object: take memory
            of `malloc`.
        """
        return cast(self, ctype)

    def __buffer__(self, _flags: int) -> memoryview:
        """Refuse ``memoryview(ptr)`` and its like, where Python asks; compiled pointers lend.

        Python is told too late, or never, that such a buffer is not used any more.
        """
        raise TypeError(f"{type(self).__name__} has no buffer of its own here: pass ptr.view()")

    def _overwritten(self, size: int) -> None:
        """Release the references that `size` raw bytes written here replaced."""
        root = self if self._root is None else self._root
        references = root._held
        if references is not None:
            references.overwritten(self._block, self._offset, self._offset + size)

    # Text of C

    def string(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the text from here to the first NUL, as C's functions read it.

        :param encoding: One whose NUL is a single zero byte, which UTF-7, -16 and -32 have not.
        :param errors: What happens to bytes that are no text, as for `bytes.decode`.
        :raises InvalidSizeError: there is no NUL before the end.
        :raises UnicodeDecodeError: the bytes are no text in this encoding.
        """
        return read_string(self, encoding, errors)

    def write_string(self, text: str, encoding: str = "utf-8") -> None:
        """Write a text and a NUL behind it, as strcpy(3).

        :param encoding: As for `string`.
        :raises InvalidSizeError: they do not fit; nothing was written.
        :raises ValueError: the text has a NUL, at which C would end it.
        """
        self.write(as_string(text, encoding))

    # Identity and text

    def __eq__(self, other: object) -> bool:
        """Whether both are to the same offset of the same block, freed or not."""
        if isinstance(other, Location):
            return self._block == other._block and self._offset == other._offset
        return False if isinstance(other, _OF_BYTES) else NotImplemented

    def _behind(self, other: Location) -> int:
        """Return how many bytes this is behind another location of the same block.

        :raises ValueError: the other one is in another block.
        """
        if self._block != other._block:
            raise ValueError("pointers into different blocks have no distance and no order")
        return self._offset - other._offset

    def _compare(self, other: object, compare: Callable[[int, int], bool], sign: str) -> bool:
        if isinstance(other, Location):
            return compare(self._behind(other), 0)
        if isinstance(other, _OF_BYTES):
            names = f"{type(self).__name__!r} and {type(other).__name__!r}"
            raise TypeError(f"{sign!r} not supported between instances of {names}")
        return NotImplemented  # type: ignore[no-any-return]

    def __lt__(self, other: object) -> bool:
        """Whether this is before another location of the same block, freed or not.

        :raises ValueError: the other one is in another block.
        """
        return self._compare(other, int.__lt__, "<")

    def __le__(self, other: object) -> bool:
        """As ``<``, or the same location."""
        return self._compare(other, int.__le__, "<=")

    def __gt__(self, other: object) -> bool:
        """As ``<``, the other way round."""
        return self._compare(other, int.__gt__, ">")

    def __ge__(self, other: object) -> bool:
        """As ``>``, or the same location."""
        return self._compare(other, int.__ge__, ">=")

    def __hash__(self) -> int:
        """Return what stays the same through `realloc` and `free`."""
        return hash((self._block, self._offset))

    def __format__(self, spec: str) -> str:
        """Return the `address`, where the format is one of an int: ``f"{ptr:x}"``; else the `str`.

        :raises FreedMemoryError: the address is asked for, and the block is gone.
        """
        return format(self.address if spec[-1:] in _OF_NUMBERS else str(self), spec)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Refuse to be copied or pickled, with `TypeError`."""
        self.__reduce__()

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied or pickled, with `TypeError`."""
        raise TypeError(
            f"cannot copy or pickle {type(self).__name__}: it is a place in this process's "
            "memory; copy what it points at (~ptr) or its bytes (ptr.read()), or let pickle have "
            "the bytes by pickle.PickleBuffer(ptr.view())"
        )
