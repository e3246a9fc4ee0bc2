# SPDX-License-Identifier: MIT
"""Views: memory that is lent to code that takes buffers, and pinned meanwhile."""

from __future__ import annotations

from _weakref import ref  # of weakref, which takes longer to import
from types import MethodType

from pointers._collector import exports, note_export, retry
from pointers._errors import status_error
from pointers._ffi import ffi, lib
from pointers._typing import Any

_FULL = lib.PTRS_STATUS_OVERFLOW  # of pins
_REFUSALS = {
    lib.PTRS_STATUS_NOT_SUPPORTED: "stack memory has no views: they could outlive it",
    _FULL: "this block has as many views as there can be: release some",
}


def pin(block: int) -> Any:
    """Pin a block; return a buffer over all of its bytes, with which the pin ends.

    :raises BufferError: the memory is on the stack, or pinned 65535 times.
    """
    lease = ffi.new("PtrsAccessPinGuard *")
    guard = ffi.gc(lease, lib.ptrs_access_pin_guard_end)
    status = lib.ptrs_access_pin_guard_begin(lease, block)
    if status == _FULL:
        status = retry(_FULL, status, lib.ptrs_access_pin_guard_begin, lease, block)
    if status in _REFUSALS:
        raise BufferError(_REFUSALS[status])
    if status:
        raise status_error(status, block)
    start = ffi.cast("uint8_t *", lease.mem)
    # Ends with the buffer.  The lease is bound and not its guard, which the collector
    # might end first, and with it the memory that the lease is in; and bound without a
    # line of Python, which an interrupt might end before its first step.
    owner = ffi.gc(start, MethodType(lib.ptrs_access_pin_guard_end_with, lease))
    ffi.gc(guard, None)
    # Pinned, the block keeps its size
    buffer = ffi.buffer(owner, lib.ptrs_access_size_of(block))
    note_export(block, ref(buffer))
    return buffer


def lend(ptr: Any, kind: str, writable: bool) -> memoryview:
    """Return a view of the bytes from a pointer on, which pins the block.

    All views of a block, and the slices, casts and arrays that are made of them, keep the one
    buffer of the first: to make a buffer takes longer than all the rest of a view.

    :raises ValueError: the bytes are no whole number of items.
    :raises BufferError: the memory is on the stack, or pinned 65535 times.
    """
    block = ptr._block
    known = exports.get(block)
    buffer = None if known is None else known()
    if buffer is None:
        buffer = pin(block)
    view = memoryview(buffer)
    try:
        # The traceback of an error refers to the view: a program that keeps the error would
        # keep the pin
        del buffer
        size = ptr.size  # which stays, since the block is pinned
        if size != view.nbytes:
            view = view[ptr._offset : ptr._offset + size]
        if kind != "B":
            view = _cast(view, kind)
        return view if writable else view.toreadonly()
    except BaseException:
        view.release()
        raise


def _cast(view: memoryview, kind: str) -> memoryview:
    if not isinstance(kind, str):
        raise TypeError(f"format must be a str, not {type(kind).__name__}")
    try:
        items: memoryview = view.cast(kind)  # type: ignore[call-overload]
    except TypeError:
        raise ValueError(f"{view.nbytes} bytes are no whole number of items {kind!r}") from None
    except (ValueError, RuntimeError):  # the latter is PyPy's
        raise ValueError(
            f"format {kind!r} is none of a view's: use one character of the struct module's"
        ) from None
    return items
