# SPDX-License-Identifier: MIT
"""Memory for a while, in which images are made."""

from __future__ import annotations

from pointers._collector import call, charge
from pointers._errors import status_error
from pointers._ffi import ffi, lib
from pointers._typing import Any

_ALIGN_DEFAULT = lib.PTRS_ALIGN_DEFAULT


def scratch(size: int) -> Any:
    """Return a cell with the handle of a block, for a `with` statement that frees it.

    The block goes with its cell, so that none is lost to an interrupt or a lack of
    memory before the statement begins.

    :raises AllocationError: there is no memory.
    """
    charge(size)
    cell = ffi.gc(ffi.new("PtrsBlock *"), lib.ptrs_access_free_cell)
    status = call(lib.ptrs_block_zalloc, lib.ptrs_system_allocator(), size, _ALIGN_DEFAULT, cell)
    if status:
        raise status_error(status)
    return cell
