# SPDX-License-Identifier: MIT
"""Pointers with the model's knowledge of them, and the operations that refuse stale pointers."""

from __future__ import annotations

import ctypes
from typing import Any, Callable, NamedTuple

from _machine_model import Block, Errors, Place, either

from pointers import (
    FreedMemoryError,
    ReadOnlyError,
    SlicePointer,
    StackMemoryError,
    free,
    memcmp,
    memcpy,
    memmove,
    memset,
    realloc,
)
from pointers._ffi import fast

# Compiled pointers are buffers themselves
BUFFERS = fast is not None


class Pointer(NamedTuple):
    """A real pointer with the model of its block, and its place in the block."""

    ptr: Any
    block: Block
    place: Place


def outcome(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return the exception that a call raises, or None."""
    try:
        function(*arguments)
    except Exception as error:
        # Frames of the traceback would keep the call's arguments alive
        error.__context__ = None
        return error.with_traceback(None)
    return None


def expect(errors: Errors, function: Callable[..., Any], *arguments: Any) -> bool:
    """Call a function that must raise one of `errors`, or must succeed if None; return success."""
    error = outcome(function, *arguments)
    if errors is None:
        assert error is None, repr(error)
    else:
        assert isinstance(error, errors), f"{error!r} is no {errors}"
    return error is None


def store_unsafe(ptr: Any, value: Any) -> None:
    ptr ^= value


def _set(ptr: Any, key: Any, value: Any) -> None:
    ptr[key] = value


# Every operation on a block, with arguments that would be valid if the block were live
LOOKS: dict[str, Callable[[Any], Any]] = {
    "load": lambda p: ~p,
    "iteration": list,
    "read": lambda p: p.read(),
    "read of nothing": lambda p: p.read(0),
    "bytes": bytes,
    "text of C": lambda p: p.string(),
    "view": lambda p: p.view(),
    "memcmp": lambda p: memcmp(p, p, 0),
    "memcmp with bytes": lambda p: memcmp(p, b"", 0),
    "size": lambda p: p.size,
    "capacity": lambda p: p.capacity,
    "address": lambda p: p.address,
    "int": int,
    "number": lambda p: f"{p:x}",
    "alignment": lambda p: p.alignment,
    "addition": lambda p: p + 0,
    "subtraction": lambda p: p - 0,
    "index": lambda p: p[0],
    "part": lambda p: p.slice(0, 0),
    "readonly": lambda p: p.readonly(),
    **({"buffer": memoryview} if BUFFERS else {}),
}
CHANGES: dict[str, Callable[[Any], Any]] = {
    "store": lambda p: p.move(None),
    "store of a held object": lambda p: p.move([]),
    "store of itself": lambda p: p.move(p),
    "unsafe store": lambda p: store_unsafe(p, None),
    "unsafe store of a held object": lambda p: store_unsafe(p, []),
    "assignment": lambda p: _set(p, 0, None),
    "write": lambda p: p.write(b""),
    "write of a text": lambda p: p.write_string(""),
    "memcpy": lambda p: memcpy(p, b"", 0),
    "memcpy from": lambda p: memcpy(p, p, 0),
    "memmove": lambda p: memmove(p, p, 0),
    "memset": lambda p: memset(p, 0, 0),
    "cast": lambda p: p.cast(ctypes.c_char),
    "argument": lambda p: p._as_parameter_,
}
# What a pointer that is not to the start of a block refuses before the block is looked up
ENDS: dict[str, Callable[[Any], Any]] = {
    "realloc": lambda p: realloc(p, 0),
    "method realloc": lambda p: p.realloc(0),
    "free": free,
    "method free": lambda p: p.free(),
    "release": lambda p: p.release(),
}
OF_ROOTS: dict[str, Callable[[Any], Any]] = {
    "allocator": lambda p: p.allocator,
    "with": lambda p: p.__enter__(),
}
LOOKS_AT_SLOTS: dict[str, Callable[[Any], Any]] = {"slots": lambda p: p[0:0]}
CHANGES_SLOTS: dict[str, Callable[[Any], Any]] = {
    "assignment of slots": lambda p: _set(p, slice(0, 0), [])
}
LOOKS_AT_ARRAYS: dict[str, Callable[[Any], Any]] = {
    "length": len,
    "count": lambda p: p.count,
    "list": lambda p: p.tolist(),
    "first slot": lambda p: next(iter(p)),
}
CHANGES_ARRAYS: dict[str, Callable[[Any], Any]] = {"fill": lambda p: p.fill(None)}


def refusals(pointer: Pointer) -> list[tuple[dict[str, Callable[[Any], Any]], Errors]]:
    """Return the operations on a pointer, with what they raise where its block is gone."""
    _, block, place = pointer
    changes = either(FreedMemoryError, ReadOnlyError if place.readonly else None)
    found = [(LOOKS, FreedMemoryError), (CHANGES, changes)]
    if place.part is not None:
        return [*found, (ENDS, ValueError)]
    if block.kind == "stack":
        ends = {name: act for name, act in ENDS.items() if name != "method realloc"}
        return [*found, (ends, StackMemoryError)]
    inside = ValueError if place.offset or place.index else None
    found += [(ENDS, either(changes, inside)), (OF_ROOTS, changes)]
    if block.slot_size is not None:
        found += [(LOOKS_AT_SLOTS, FreedMemoryError), (CHANGES_SLOTS, changes)]
        if place.index is None:
            found += [(LOOKS_AT_ARRAYS, FreedMemoryError), (CHANGES_ARRAYS, changes)]
    return found


def check_stale(pointer: Pointer) -> None:
    """Check that every operation refuses a pointer whose block is no longer live."""
    ptr = pointer.ptr
    assert isinstance(ptr, SlicePointer) == (pointer.place.part is not None)
    for operations, errors in refusals(pointer):
        for name, operation in operations.items():
            error = outcome(operation, ptr)
            assert isinstance(error, errors), (name, error)  # type: ignore[arg-type]
    assert ptr.freed
    assert not ptr.assigned
    assert "freed" in repr(ptr)
    assert str(ptr) == repr(ptr)
    assert ptr == ptr


def check_stale_iterator(iterator: Any, errors: Errors) -> None:
    """Check an iterator over the slots of an array that is no longer live.

    :param errors: None if it has counted the slots, and has some left: these are stale.
    """
    if errors is None:
        slot = next(iterator)
        assert slot.freed
        expect(FreedMemoryError, slot.dereference)
    else:
        expect(errors, next, iterator)
        expect(StopIteration, next, iterator)
