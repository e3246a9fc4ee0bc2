# SPDX-License-Identifier: MIT
"""The exceptions, and the one function that turns a status into one."""

from __future__ import annotations

from pointers._ffi import ffi, lib
from pointers._traces import how_it_ended


class PointersError(Exception):
    """Base of every error that is particular to this package."""


class AllocationError(PointersError, MemoryError):
    """There is no memory of that size to be had."""


class InvalidSizeError(PointersError, ValueError):
    """Something does not fit: into a block, a slot or what a block is shrunk to."""


class FreedMemoryError(PointersError, ValueError):
    """The memory behind a pointer is gone."""


class DereferenceError(PointersError, ValueError):
    """There is no object where a pointer points."""


class ReadOnlyError(PointersError, TypeError):
    """A read-only pointer was told to change memory, or to lend memory for that."""


class CorruptObjectError(DereferenceError):
    """There are bytes where a pointer points, but they are not those of an object."""


class StackMemoryError(PointersError, ValueError):
    """Stack memory can be neither freed nor resized: it goes when its function returns."""


class StackExhaustedError(PointersError, MemoryError):
    """This thread's stack has no room for a block of that size."""


class LibraryError(PointersError, OSError):
    """A shared library is missing, or has no malloc(3) family of its own."""


_FREED = "the memory was freed; this pointer and all its aliases are dead: allocate it anew"
_FOREIGN = "this pointer names no block: its private state has been changed"

_PINNED = (
    "the memory is in use by a view or what was made of one: release() the views, and delete the "
    "arrays and other objects that have no release()"
)
_CLOSED = "the allocator is closed: make another one"
_TOO_DEEP = (
    f"its parent has {lib.PTRS_DEPTH_MAX} allocators above it, and no more may stand below each "
    "other: take a parent that is nearer to the system's"
)
_TOO_LARGE = "that is more than the allocator of this block serves"

# For each status: the exception, and what it says where the caller knows no better.
_EXCEPTIONS: dict[int, tuple[type[Exception], str | None]] = {
    lib.PTRS_STATUS_NO_MEM: (AllocationError, None),
    lib.PTRS_STATUS_BAD_ARG: (ValueError, None),
    lib.PTRS_STATUS_OVERFLOW: (AllocationError, None),
    lib.PTRS_STATUS_OUT_OF_BOUNDS: (InvalidSizeError, None),
    lib.PTRS_STATUS_BAD_HANDLE: (FreedMemoryError, _FOREIGN),
    lib.PTRS_STATUS_STALE: (FreedMemoryError, _FREED),
    lib.PTRS_STATUS_PINNED: (BufferError, _PINNED),
    lib.PTRS_STATUS_NOT_FREEABLE: (StackMemoryError, None),
    lib.PTRS_STATUS_NOT_SUPPORTED: (ValueError, None),
    lib.PTRS_STATUS_STACK_EXHAUSTED: (StackExhaustedError, None),
    lib.PTRS_STATUS_CORRUPT: (CorruptObjectError, None),
    lib.PTRS_STATUS_FOREIGN: (LibraryError, None),
    lib.PTRS_STATUS_TOO_LARGE: (InvalidSizeError, _TOO_LARGE),
    lib.PTRS_STATUS_CLOSED: (ValueError, _CLOSED),
    lib.PTRS_STATUS_TOO_DEEP: (ValueError, _TOO_DEEP),
}


def over_limit(limit: int, lives: int, asked: int) -> str:
    """Return what the message of an `AllocationError` says of the limit that refused the bytes."""
    if not limit:
        return ""
    return f": {asked} more would exceed the limit of {limit} bytes, of which {lives} are in use"


def why_refused() -> str:
    """Return the same for the last refusal of this thread, if that has not been told yet."""
    told = ffi.new("PtrsRefusal *")
    if not lib.ptrs_allocator_refusal(told):
        return ""
    return over_limit(told.limit, told.lives, told.asked)


def freed_error(block: int, text: str = _FREED) -> FreedMemoryError:
    """Return the error of a block that has ended, with the lines if these were traced."""
    return FreedMemoryError(f"{text}{how_it_ended(block)}")


def status_error(status: int, *blocks: int, **messages: str) -> Exception:
    """Return the exception for a status.

    :param blocks: Those that the caller has used, one of which may be gone.

    :param status: A ``PtrsStatus``, or its negation as the calls in
        ``bindings/access/access.h`` return it.
    :param messages: What to say instead of the C library's few words, by the
        name of the status without its prefix and in lower case, such as
        ``out_of_bounds="..."``.
    """
    status = abs(status)
    kind, message = _EXCEPTIONS.get(status, (PointersError, None))
    for name, text in messages.items():
        if getattr(lib, f"PTRS_STATUS_{name.upper()}") == status:
            message = text
    if blocks and status == lib.PTRS_STATUS_STALE and kind is FreedMemoryError:
        gone = [block for block in blocks if lib.ptrs_access_size_of(block) < 0]
        return freed_error(gone[0] if gone else 0)
    if message is None:
        message = ffi.string(lib.ptrs_strerror(status)).decode("ascii")
    return kind(message)
