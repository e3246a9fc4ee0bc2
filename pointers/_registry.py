# SPDX-License-Identifier: MIT
"""The Python object of each allocator, by the address of its C object."""

from __future__ import annotations

import sys

from pointers._errors import status_error
from pointers._ffi import ffi, lib
from pointers._typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from weakref import WeakValueDictionary

_dicts: dict[str, WeakValueDictionary[int, Any]] = {}


def _get(name: str) -> WeakValueDictionary[int, Any]:
    found = _dicts.get(name)
    if found is None:
        # Imported with the first allocator of a program, since it takes as long as a dozen modules
        from weakref import WeakValueDictionary

        found = _dicts.setdefault(name, WeakValueDictionary())
    return found


def registry() -> WeakValueDictionary[int, Any]:
    """Return the allocators by their keys; each is in there for as long as it lives.

    The system's own is in there once it has been asked for.
    """
    return _get("registry")


def roots() -> WeakValueDictionary[int, Any]:
    """Return those that take their memory from the system, of which no other allocator knows.

    The system's own is not among them: there is always one.  To be looked through by
    ``valuerefs()``, which is one step of the interpreter: finalizers and threads make allocators
    and let them go at any time.
    """
    return _get("roots")


#: What makes a Python object for a C object whose first one has gone, by name.
makers: dict[str, Callable[[Any], Any]] = {}


def source_key(cdata: Any) -> int:
    """Return the key of an allocator's C object, as ``ptrs_access_allocator_of`` gives it."""
    # Signed in the end, for the sake of PyPy, but not on the way: where addresses
    # have 32 bits, the upper half of them would be negative
    return int(ffi.cast("int64_t", ffi.cast("uintptr_t", cdata)))


def new_cell() -> Any:
    """Return a cell for an allocator's C object, which is released with the cell.

    It is made before there is anything in it: so nothing that is raised later loses that.
    """
    return ffi.gc(ffi.new("PtrsAllocator **"), lib.ptrs_access_release_cell)


_system = source_key(lib.ptrs_system_allocator())


def _maker_of(cell: Any) -> Any:
    """Return what makes the object of an allocator, of whatever kind."""
    name = ffi.string(lib.ptrs_allocator_name(cell[0])).decode("ascii")
    if name not in makers:
        # Another interpreter has made it, and this one has not needed its module yet
        getattr(sys.modules["pointers"], name.capitalize())
    return makers[name]


def source_of(block: int) -> Any:
    """Return the allocator that a block's memory came from.

    :raises FreedMemoryError: the block is gone.
    """
    if lib.ptrs_access_allocator_of(block) == _system:
        return makers["system"](None)
    # It cannot go while the cell lives, nor can another one have its address
    cell = new_cell()
    status = lib.ptrs_block_allocator(block, cell)
    if status:
        raise status_error(status, block)
    key = source_key(cell[0])
    source = registry().get(key)
    if source is None:
        # Its object was dropped, while it has blocks
        source = registry().setdefault(key, _maker_of(cell)(cell))
    return source
