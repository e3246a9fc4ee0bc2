# SPDX-License-Identifier: MIT
"""Stores that ignore where a block ends: the caller's risk.

The handle is checked as ever, so that even these cannot write to a block that
is gone; what lies behind a live one is not protected.
"""

from __future__ import annotations

import warnings

from pointers._codec.layout import sizeof
from pointers._codec.store import STORES, image
from pointers._codec.synth import store_key
from pointers._ffi import lib
from pointers._pointer.finalizers import callers_level
from pointers._pointer.location import Location
from pointers._typing import Any, Callable


def store_unsafe(
    block: int, offset: int, size: int, store: Callable[..., int], *value: object
) -> int:
    """Write the image of `size` bytes that `store` makes; return a negated status."""
    return -lib.ptrs_block_write_unsafe(block, offset, size, image(store, size, *value))


def reference_unsafe(block: int, offset: int, size: int, key: int) -> int:
    """Write the image of a reference; return its size or a negated status."""
    status = store_unsafe(block, offset, size, store_key, key)
    return status if status < 0 else size


def move_unsafe(ptr: Any, obj: Any) -> None:
    """Store an object, or what another pointer points at, without the size limit."""
    value = obj.dereference() if isinstance(obj, Location) else obj
    capacity = ptr.capacity
    kind = type(value)
    # A class whose metaclass is another could claim to be equal to int
    store = STORES.get(kind) if type(kind) is type else None
    if store is not None:
        # Where it fits, there is no need for an image that is made elsewhere
        status = store(ptr._block, ptr._offset, capacity, value)
        if status >= 0:
            ptr._overwritten(status)
            return
    size = sizeof(value)
    if size > capacity:
        warnings.warn(
            f"writing {size} bytes where {capacity} are left overwrites foreign memory",
            RuntimeWarning,
            stacklevel=callers_level(),
        )
    if store is None:
        held = ptr._own_held()
        status = held.store(ptr._block, ptr._offset, size, value, reference_unsafe)
    else:
        status = store_unsafe(ptr._block, ptr._offset, size, store, value)
        ptr._overwritten(size)
    ptr._checked(status)
