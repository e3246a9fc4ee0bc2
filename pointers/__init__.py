# SPDX-License-Identifier: MIT
"""C's manual memory for Python, with a safety net.

README.md has the promise, docs/limits.md its limits.
"""

import atexit
import sys

from pointers import _origin

_origin.settle(__name__)  # first: an import may have to give another package than this

from pointers import _fast as _fast  # next: it replaces what is imported below
from pointers import _registry
from pointers._alloc.allocator import Allocator, System
from pointers._alloc.default import allocator
from pointers._alloc.functions import calloc, free, malloc, realloc
from pointers._alloc.records import BlockInfo, GuardInfo, Stats
from pointers._errors import (
    AllocationError,
    CorruptObjectError,
    DereferenceError,
    FreedMemoryError,
    InvalidSizeError,
    LibraryError,
    PointersError,
    ReadOnlyError,
    StackExhaustedError,
    StackMemoryError,
)
from pointers._ffi import COUNTS_REFERENCES as _COUNTS_REFERENCES
from pointers._later import import_all as _import_all
from pointers._later import was_needed as _was_needed
from pointers._pointer.array import AllocatedArrayPointer, ArraySlotPointer
from pointers._pointer.heap import AllocatedPointer
from pointers._pointer.pointer import Pointer
from pointers._pointer.stack import acquire_stack_alloc, stack_alloc
from pointers._pointer.stack_call import StackAllocatedPointer
from pointers._pointer.steps import SlicePointer
from pointers._traces import tracemalloc_domain
from pointers._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pointers._alloc.guard import Guard, report_faults
    from pointers._alloc.heaps import Arena, Foreign, Pool, load_allocator
    from pointers._alloc.limits import Limit
    from pointers._alloc.listing import live_blocks
    from pointers._codec.layout import sizeof
    from pointers._interop.adopted import AdoptedPointer, from_address
    from pointers._interop.numpy import numpy_allocator
    from pointers._pointer.memory import memcmp, memcpy, memmove, memset
    from pointers._show.dump import dump
    from pointers._show.layouts import layout
    from pointers._version import __version__

__all__ = [
    "AdoptedPointer",
    "AllocatedArrayPointer",
    "AllocatedPointer",
    "AllocationError",
    "Allocator",
    "Arena",
    "ArraySlotPointer",
    "BlockInfo",
    "CorruptObjectError",
    "DereferenceError",
    "Foreign",
    "FreedMemoryError",
    "Guard",
    "GuardInfo",
    "InvalidSizeError",
    "LibraryError",
    "Limit",
    "Pointer",
    "PointersError",
    "Pool",
    "ReadOnlyError",
    "SlicePointer",
    "StackAllocatedPointer",
    "StackExhaustedError",
    "StackMemoryError",
    "Stats",
    "System",
    "__version__",
    "acquire_stack_alloc",
    "allocator",
    "calloc",
    "dump",
    "free",
    "from_address",
    "layout",
    "live_blocks",
    "load_allocator",
    "malloc",
    "memcmp",
    "memcpy",
    "memmove",
    "memset",
    "numpy_allocator",
    "realloc",
    "report_faults",
    "sizeof",
    "stack_alloc",
    "tracemalloc_domain",
]

# Names that are imported when a program first asks for them, by the module that has them
_LATER = {
    "_alloc.guard": ("Guard", "report_faults"),
    "_alloc.heaps": ("Arena", "Foreign", "Pool", "load_allocator"),
    "_alloc.limits": ("Limit",),
    "_alloc.listing": ("live_blocks",),
    "_codec.layout": ("sizeof",),
    "_interop.adopted": ("AdoptedPointer", "from_address"),
    "_interop.numpy": ("numpy_allocator",),
    "_pointer.memory": ("memcmp", "memcpy", "memmove", "memset"),
    "_show.dump": ("dump",),
    "_show.layouts": ("layout",),
    "_version": ("__version__",),
}


def _publish(value: object) -> None:
    """Let a class be known by the place where users find it: in tracebacks, help() and pickles."""
    if isinstance(value, type):
        value.__module__ = __name__


if not TYPE_CHECKING:

    def __getattr__(name):
        for module, names in _LATER.items():
            if name in names:
                value = getattr(__import__(f"{__name__}.{module}", None, None, names), name)
                _publish(value)
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *__all__})

    # What the probes at import have allocated
    _n_blocks = System().stats().total_blocks

    def _load_rest():
        """Import the rest while that is possible: finalizers that run later may ask for it.

        Not in a program that has never used the package.  And not what shows memory, which
        imports more than all else: every exit would pay for it.
        """
        # Unless another import has taken the place of this one
        if getattr(sys.modules.get(__name__), "__dict__", None) is not globals():
            return
        later = [
            name for module in _LATER if not module.startswith("_show") for name in _LATER[module]
        ]
        if (
            System().stats().total_blocks > _n_blocks
            or _was_needed()
            or not globals().keys().isdisjoint(later)
        ):
            for name in later:
                if name not in globals():
                    __getattr__(name)
            _import_all()
            _registry.registry(), _registry.roots()

    if _COUNTS_REFERENCES:  # elsewhere no finalizers run at the end
        atexit.register(_load_rest)

try:
    sys.getsizeof(0)
except TypeError:  # PyPy's
    from pointers._codec.getsizeof import install as _install_getsizeof

    _install_getsizeof()
for _name in __all__:
    if _name in globals():
        _publish(globals()[_name])
del _name
_origin.remember(__name__)
