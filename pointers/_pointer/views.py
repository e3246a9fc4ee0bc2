# SPDX-License-Identifier: MIT
"""Views: memory that is lent to code that takes buffers, and pinned meanwhile."""

from __future__ import annotations

from types import MethodType

from pointers._collector import retry
from pointers._errors import status_error
from pointers._ffi import ffi, lib
from pointers._typing import Any

_FULL = lib.PTRS_STATUS_OVERFLOW  # of pins
_REFUSALS = {
    lib.PTRS_STATUS_NOT_SUPPORTED: "stack memory has no views: they could outlive it",
    _FULL: "this block has as many views as there can be: release some",
}


def pin(block: int) -> Any:
    """Pin a block; return what takes the pin back at its end, for `lend`.

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
        raise status_error(status)
    return lease, guard


def lend(pinned: Any, offset: int, size: int, kind: str, writable: bool) -> memoryview:
    """Return a view of bytes of a pinned block, which keeps the pin.

    All slices, casts and arrays that are made of the view keep the one buffer
    behind it.

    :raises ValueError: the bytes are no whole number of items.
    """
    lease, guard = pinned
    if not isinstance(kind, str):
        lib.ptrs_access_pin_guard_end(lease)
        raise TypeError(f"format must be a str, not {type(kind).__name__}")
    start = ffi.cast("uint8_t *", lease.mem) + offset
    # Ends with the buffer.  The lease is bound and not its guard, which the collector
    # might end first, and with it the memory that the lease is in; and bound without a
    # line of Python, which an interrupt might end before its first step.
    owner = ffi.gc(start, MethodType(lib.ptrs_access_pin_guard_end_with, lease))
    ffi.gc(guard, None)
    view = memoryview(ffi.buffer(owner, size))
    try:
        if kind != view.format:
            view = _cast(view, kind)
        return view if writable else view.toreadonly()
    except BaseException:
        # The traceback of the error refers to the view: a program that keeps the error would
        # keep the pin
        try:
            view.release()
        finally:
            lib.ptrs_access_pin_guard_end(lease)
        raise


def _cast(view: memoryview, kind: str) -> memoryview:
    try:
        items: memoryview = view.cast("B").cast(kind)  # type: ignore[call-overload]
    except TypeError:
        raise ValueError(f"{view.nbytes} bytes are no whole number of items {kind!r}") from None
    except (ValueError, RuntimeError):  # the latter is PyPy's
        raise ValueError(
            f"format {kind!r} is none of a view's: use one character of the struct module's"
        ) from None
    return items
