# SPDX-License-Identifier: MIT
"""What the compiled functions know of an allocator.

With the compiled fast path, the class is the C type of `bindings/cpython/allocator.c`, whose
objects know their C object by a field that Python cannot set.
"""

from __future__ import annotations

from pointers._ffi import fast, lib
from pointers._typing import TYPE_CHECKING, Any

if TYPE_CHECKING or fast is None:

    class AllocatorBase:
        """Nothing: every function of Python asks the C object itself."""

        __slots__ = ()

    def bind(allocator: AllocatorBase, cdata: Any) -> None:
        """Let the compiled functions know the C object of an allocator."""

else:
    AllocatorBase = fast.AllocatorBase

    def bind(allocator: Any, cdata: Any) -> None:
        key = lib.ptrs_access_offer(cdata)
        taken = False
        try:
            taken = fast.bind(allocator, key)
        finally:
            if not taken:
                lib.ptrs_access_withdraw(key)
