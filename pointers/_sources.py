# SPDX-License-Identifier: MIT
"""The Python object of each allocator, by the address of its C object."""

from __future__ import annotations

import weakref
from typing import Any

from pointers._ffi import ffi

#: An allocator is in here for as long as it lives.
sources: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def source_key(cdata: Any) -> int:
    """Return the key of an allocator's C object, as ``ptrs_allocator_of`` gives it."""
    return int(ffi.cast("intptr_t", cdata))
