# SPDX-License-Identifier: MIT
"""C's manual memory for Python, with a safety net.

See the README for the promise and its limits.
"""

from pointers import _fast as _fast  # first: it replaces what is imported below
from pointers._allocated import AllocatedPointer
from pointers._allocators import (
    Allocator,
    Stats,
    System,
    allocator,
    calloc,
    free,
    malloc,
    realloc,
)
from pointers._array import AllocatedArrayPointer, ArraySlotPointer
from pointers._errors import (
    AllocationError,
    CorruptObjectError,
    DereferenceError,
    FreedMemoryError,
    InvalidSizeError,
    LibraryError,
    PointersError,
    StackExhaustedError,
    StackMemoryError,
)
from pointers._getsizeof import install as _install_getsizeof
from pointers._guard import Guard, GuardInfo, report_faults
from pointers._heaps import Arena, Foreign, Pool, load_allocator
from pointers._image_size import sizeof
from pointers._memory import memcmp, memcpy, memmove, memset
from pointers._pointer import Pointer
from pointers._stack import StackAllocatedPointer, acquire_stack_alloc, stack_alloc
from pointers._version import __version__

__all__ = [
    "AllocatedArrayPointer",
    "AllocatedPointer",
    "AllocationError",
    "Allocator",
    "Arena",
    "ArraySlotPointer",
    "CorruptObjectError",
    "DereferenceError",
    "Foreign",
    "FreedMemoryError",
    "Guard",
    "GuardInfo",
    "InvalidSizeError",
    "LibraryError",
    "Pointer",
    "PointersError",
    "Pool",
    "StackAllocatedPointer",
    "StackExhaustedError",
    "StackMemoryError",
    "Stats",
    "System",
    "__version__",
    "acquire_stack_alloc",
    "allocator",
    "calloc",
    "free",
    "load_allocator",
    "malloc",
    "memcmp",
    "memcpy",
    "memmove",
    "memset",
    "realloc",
    "report_faults",
    "sizeof",
    "stack_alloc",
]

_install_getsizeof()

# Where users find the classes, for tracebacks, help() and pickled exceptions
for _name in __all__:
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = __name__
del _name
