# SPDX-License-Identifier: MIT
"""The compiled fast path, installed in the place of the Python functions that it serves.

Importing this module does it, once, where `pointers._ffi.fast` is there.  The table in
`bindings/cpython/operations.h` names what is compiled, and what the compiled code calls.  The
Python functions stay: they are the slow path, for what is rare or an error.
"""

from __future__ import annotations

from pointers._alloc import functions as _functions
from pointers._alloc.allocator import Allocator
from pointers._alloc.blocks import no_memory
from pointers._alloc.default import allocator, default
from pointers._ffi import fast
from pointers._later import later
from pointers._pointer import array as _array
from pointers._pointer import heap as _heap
from pointers._pointer import location as _location
from pointers._pointer import memory as _memory
from pointers._pointer import pointer as _pointer
from pointers._pointer import stack as _stack
from pointers._pointer import stack_call as _stack_call
from pointers._pointer import steps as _steps
from pointers._pointer.base import MISSING, arrays_over, class_error
from pointers._traces import block_allocated, block_freed
from pointers._typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pointers._pointer.finalizers import warn_leaked
    from pointers._pointer.stack_errors import suspended_error
    from pointers._pointer.views import pin
elif fast is not None:
    later(globals(), "pointers._pointer.finalizers", "warn_leaked")
    later(globals(), "pointers._pointer.stack_errors", "suspended_error")
    later(globals(), "pointers._pointer.views", "pin")


def _install() -> None:
    # The Python objects that the table names, by these names
    namespace: dict[str, Any] = {
        **vars(_functions),
        **vars(_array),
        **vars(_heap),
        **vars(_location),
        **vars(_pointer),
        **vars(_memory),
        **vars(_stack_call),
        **vars(_stack),
        **vars(_steps),
        "Allocator": Allocator,
        "allocator": allocator,
        "MISSING": MISSING,
        "arrays_over": arrays_over,
        "block_allocated": block_allocated,
        "block_freed": block_freed,
        "class_error": class_error,
        "count_slots": _array._Slots._count,
        "default_allocator": default,
        "no_memory": no_memory,
        "pin": pin,
        "suspended_error": suspended_error,
        "warn_leaked": warn_leaked,
    }
    for name, function in fast.install(namespace).items():
        setattr(_memory if name.startswith("mem") else _functions, name, function)
    fast.set_stack_needs(_stack_call.LEVEL_NEEDS, _stack_call.LEVEL_GIVES, _stack_call.SMALL_SHARE)
    fast.StackFunction.__getattr__ = vars(_stack)["find_attribute"]
    compiled: Any = _stack
    compiled.StackFunction = fast.StackFunction
    compiled.call_once = fast.call_once


if fast is not None:
    _install()
