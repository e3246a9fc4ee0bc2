# SPDX-License-Identifier: MIT
"""The mem functions of C, on pointers."""

from __future__ import annotations

from pointers._errors import status_error
from pointers._ffi import lib
from pointers._pointer.pointer import Pointer
from pointers._pointer.raw import as_int, as_range, first_bytes, write_bytes
from pointers._typing import Any, TypeVar

P = TypeVar("P", bound=Pointer[Any])


def _pointer(value: Any, name: str) -> Pointer[Any]:
    if not isinstance(value, Pointer):
        raise TypeError(f"{name} must be a pointer, not {type(value).__name__}")
    return value


def _target(value: Any) -> None:
    _pointer(value, "dst")._check_writable()


def _copy(dst: P, src: Any, n: int, overlap: bool) -> P:
    _target(dst)
    if not isinstance(src, Pointer):
        room = dst.size
        size = write_bytes(dst._block, dst._offset, room, src, as_range(n, room))
        dst._overwritten(size)
        return dst
    size = as_range(n, min(dst.size, src.size))
    if not overlap and dst._block == src._block and abs(dst._offset - src._offset) < size:
        raise ValueError(
            f"the {size} bytes at offsets {src._offset} and {dst._offset} overlap: use memmove()"
        )
    status = lib.ptrs_block_copy(dst._block, dst._offset, src._block, src._offset, size)
    if status:
        raise status_error(status, dst._block, src._block)
    dst._overwritten(size)
    return dst


def memcpy(dst: P, src: Any, n: int) -> P:
    """Copy `n` bytes from a pointer or a bytes-like object, as memcpy(3); return `dst`.

    :raises InvalidSizeError: there are fewer on either side; nothing was written.
    :raises ValueError: the ranges of two pointers overlap. A view of the same block is
        copied as by `memmove`.
    """
    return _copy(dst, src, n, overlap=False)


def memmove(dst: P, src: Any, n: int) -> P:
    """Copy as `memcpy`, where the ranges may overlap, as memmove(3); return `dst`."""
    return _copy(dst, src, n, overlap=True)


def memset(dst: P, byte: int, n: int) -> P:
    """Set `n` bytes, as memset(3); return `dst`.

    :param byte: 0 to 255.
    :raises InvalidSizeError: there are fewer; nothing was written.
    :raises ValueError: `byte` is another number, or `n` is negative.
    """
    _target(dst)
    value = as_int(byte, "byte must be an int")
    if not 0 <= value <= 255:
        raise ValueError(f"byte is {value}: it must be from 0 to 255")
    size = as_range(n, dst.size)
    status = lib.ptrs_block_fill(dst._block, dst._offset, size, value)
    if status:
        raise status_error(status, dst._block)
    dst._overwritten(size)
    return dst


def memcmp(a: Pointer[Any], b: Any, n: int) -> int:
    """Compare `n` bytes with those of a pointer or a bytes-like object, as memcmp(3).

    :return: -1, 0 or 1, by the first byte that differs.
    :raises InvalidSizeError: there are fewer on either side.
    """
    _pointer(a, "a")
    if not isinstance(b, Pointer):
        other = first_bytes(b, as_range(n, a.size))
        mine = a.read(len(other))
        return (mine > other) - (mine < other)
    size = as_range(n, min(a.size, b.size))
    order = lib.ptrs_access_compare(a._block, a._offset, b._block, b._offset, size)
    if order < 0:
        raise status_error(order, a._block, b._block)
    return order - 1
