# SPDX-License-Identifier: MIT
"""Raw bytes in and out of blocks, and the numbers that callers pass."""

from __future__ import annotations

import sys
from _operator import index  # of operator, which takes longer to import than this

from pointers._collector import again
from pointers._errors import AllocationError, InvalidSizeError, status_error
from pointers._ffi import ffi, lib
from pointers._typing import Any

#: The greatest size of a block in bytes, as in ISO C: ``PTRDIFF_MAX``.
SIZE_MAX = sys.maxsize

# Numbers below are so small that the product of two is no more than a block's size
_FEW = 1 << (SIZE_MAX.bit_length() // 2)

# The bytes are overwritten at once
_new_buffer = ffi.new_allocator(should_clear_after_alloc=False)

# Where reads come by, as long as no read is using them: fresh pages take longer than to
# copy.  Who reads in a signal handler or finalizer amid a read takes another.
_buffers: list[Any] = []
_BUFFER_SIZE = 1024 * 1024


def as_int(value: Any, message: str) -> int:
    """Return an int itself, of whatever has an index.

    :raises TypeError: with this message and the type, if it has none.
    """
    if type(value) is int:
        return value
    try:
        # Up to 3.9 and on PyPy an index may be of a subclass of int, whose
        # comparisons could say anything
        return int.__pos__(index(value))
    except TypeError:
        raise TypeError(f"{message}, not {type(value).__name__}") from None


def as_size(value: Any, what: str = "size") -> int:
    """Return a count of bytes that a caller passed as an int.

    :raises TypeError: it is not an integer.
    :raises ValueError: it is negative.
    :raises AllocationError: no block can be that large.
    """
    size = as_int(value, f"{what} must be an int")
    if size < 0:
        raise ValueError(f"{what} is {size}: it cannot be negative")
    if size > SIZE_MAX:
        raise AllocationError(f"{what} is {size}: no block has more than {SIZE_MAX} bytes")
    return size


def checked_array_size(count: Any, size: Any) -> tuple[int, int]:
    """Return count and slot size as ints whose product can be a block's size."""
    if type(count) is type(size) is int and 0 <= count < _FEW and 0 <= size < _FEW:
        return count, size
    n_slots, slot_size = as_size(count, "count"), as_size(size)
    as_size(n_slots * slot_size, "count * size")
    return n_slots, slot_size


def as_range(value: Any, room: int) -> int:
    """Return a count of bytes that must lie inside the `room` bytes there are.

    :raises InvalidSizeError: it is more than `room`.
    """
    if type(value) is int and 0 <= value <= room:
        return value
    try:
        size = as_size(value, "number of bytes")
    except AllocationError:
        size = SIZE_MAX
    if size > room:
        raise InvalidSizeError(f"{value} bytes reach beyond the {room} that are here")
    return size


def as_align(value: Any) -> int:
    """Return an alignment in bytes; None stands for that of any C type.

    :raises ValueError: it is not a power of two up to 2 MiB.
    """
    if value is None:
        return lib.PTRS_ALIGN_DEFAULT
    align = as_int(value, "align must be an int or None")
    if align <= 0 or align & (align - 1) or align > lib.PTRS_ALIGN_MAX:
        raise ValueError(f"align is {align}: it must be a power of two up to {lib.PTRS_ALIGN_MAX}")
    return align


def as_bytes(data: Any) -> Any:
    """Return a bytes-like object in a form that C can read, until `let_go`.

    :raises TypeError: it has no buffer.
    """
    if type(data) is bytes:
        return data
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"data must be bytes-like, not {type(data).__name__}") from None
    with view:
        return view.tobytes() if not view.c_contiguous else ffi.from_buffer(data)


def let_go(source: Any) -> None:
    """Let others resize what `as_bytes` has returned, also where nothing counts references."""
    if type(source) is not bytes:
        ffi.release(source)


def read_bytes(block: int, offset: int, room: int, n: Any) -> bytes:
    """Return `n` bytes at an offset, or all `room`, which were there just now."""
    size = room if n is None else as_range(n, room)
    if size > _BUFFER_SIZE:
        return again(_read, block, offset, size, None)
    try:
        data = _buffers.pop()
    except IndexError:
        data = _new_buffer("uint8_t[]", _BUFFER_SIZE)
    try:
        return _read(block, offset, size, data)
    finally:
        _buffers.append(data)


def _read(block: int, offset: int, size: int, target: Any) -> bytes:
    if target is None:
        target = _new_buffer("uint8_t[]", size)
    status = lib.ptrs_block_read(block, offset, size, target)
    if status:
        raise status_error(status, block)
    result: bytes = ffi.buffer(target, size)[:]
    return result


def first_bytes(data: Any, n: int) -> bytes:
    """Return a copy of the first `n` bytes of a bytes-like object."""
    source = as_bytes(data)
    try:
        size = as_range(n, len(source))
        first: bytes = (source if type(source) is bytes else ffi.buffer(source))[:size]
    finally:
        let_go(source)
    return first


def write_bytes(block: int, offset: int, room: int, data: Any, n: Any = None) -> int:
    """Write `n` bytes of a bytes-like object, or all, at an offset; return how many."""
    source = as_bytes(data)
    try:
        size = as_range(len(source) if n is None else as_range(n, len(source)), room)
        status = lib.ptrs_block_write(block, offset, size, source)
    finally:
        let_go(source)
    if status:
        raise status_error(status, block)
    return size
