# SPDX-License-Identifier: MIT
"""Stores that ignore where a block ends: the caller's risk.

The handle is checked as ever, so that even these cannot write to a block that
is gone; what lies behind a live one is not protected.
"""

from __future__ import annotations

from pointers._codec.store import image
from pointers._ffi import lib
from pointers._typing import Callable


def store_unsafe(
    block: int, offset: int, size: int, store: Callable[..., int], *value: object
) -> int:
    """Write the image of `size` bytes that `store` makes; return a negated status."""
    return -lib.ptrs_block_write_unsafe(block, offset, size, image(store, size, *value))


def reference_unsafe(block: int, offset: int, size: int, key: int) -> int:
    """Write the image of a reference; return its size or a negated status."""
    status = store_unsafe(block, offset, size, lib.ptrs_access_store_reference, key)
    return status if status < 0 else size
