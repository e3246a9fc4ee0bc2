# SPDX-License-Identifier: MIT
"""The compiled fast path, put in the place of the Python code that it stands for.

Importing this module does it, once, where `pointers._ffi.fast` is there.  What
the compiled code does not do itself it leaves to these same Python functions.
"""

from __future__ import annotations

from pointers._alloc import allocator as _allocators
from pointers._alloc.blocks import no_memory
from pointers._ffi import fast
from pointers._pointer import stack as _stack
from pointers._pointer import stack_call as _stack_call
from pointers._pointer import stack_errors as _stack_errors
from pointers._pointer.array import AllocatedArrayPointer, ArraySlotPointer, _Slots
from pointers._pointer.base import class_error
from pointers._pointer.finalizers import warn_dropped
from pointers._pointer.heap import AllocatedPointer, BytePointer, HeapPointer
from pointers._pointer.held import references_of
from pointers._pointer.pointer import Pointer
from pointers._pointer.signature import describe, find_attribute
from pointers._pointer.views import pin
from pointers._typing import Any

_STEPS = ("__add__", "__sub__", "__getitem__", "__setitem__")

_METHODS: dict[type, tuple[str, ...]] = {
    Pointer: (
        "move",
        "__ilshift__",
        "dereference",
        "__invert__",
        "read",
        "write",
        "view",
        "__eq__",
    ),
    HeapPointer: ("free",),
    BytePointer: _STEPS,
    _Slots: (*_STEPS, "_store_slots"),
    AllocatedArrayPointer: ("tolist",),
}

# What the C type does as it is, with nothing to fall back on.  Named, since what
# the classes define would hide it.
_INHERITED: dict[type, tuple[str, ...]] = {
    Pointer: ("__hash__", "__buffer__"),
    HeapPointer: ("__del__",),
    BytePointer: ("__radd__",),
    _Slots: ("__radd__",),
    AllocatedArrayPointer: ("__iter__",),
}


def _give() -> None:
    for kind in (
        AllocatedPointer,
        AllocatedArrayPointer,
        ArraySlotPointer,
        _stack_call.StackAllocatedPointer,
    ):
        fast.give(kind.__name__, kind)
    for name, obj in {
        "default_allocator": _allocators._default,
        "system_default": _allocators._FIRST,
        "references_of": references_of,
        "warn_dropped": warn_dropped,
        "class_error": class_error,
        "pin": pin,
        "describe": describe,
        "stack_error": _stack_call.stack_error,
        "no_memory": no_memory,
        "suspended_error": _stack_errors.suspended_error,
        "wrapped_error": _stack_errors.wrapped_error,
        "no_self_error": _stack_errors.no_self_error,
        "count_slots": _Slots._count,
    }.items():
        fast.give(name, obj)
    fast.set_stack_needs(_stack_call.LEVEL_NEEDS, _stack_call.LEVEL_GIVES, _stack_call.SMALL_SHARE)


def _substitute() -> None:
    for kind, names in _METHODS.items():
        for name in names:
            reference = kind.__dict__[name]
            made = fast.substitute(kind, name, reference)
            if name.startswith("__"):
                made = fast.document(kind, name, reference.__doc__)
            setattr(kind, name, made)
    for kind, names in _INHERITED.items():
        for name in names:
            if name in fast.PointerBase.__dict__:
                text = kind.__dict__[name].__doc__
                setattr(kind, name, fast.document(kind, name, text))
            else:
                delattr(kind, name)  # __buffer__, which classes have from 3.12 on
    functions: Any = _allocators
    for name in ("malloc", "calloc", "free"):
        setattr(functions, name, fast.substitute(None, name, getattr(functions, name)))
    functions = _stack
    fast.StackFunction.__getattr__ = find_attribute
    functions.StackFunction = fast.StackFunction
    functions.call_once = fast.call_once


if fast is not None:
    _give()
    _substitute()
