# SPDX-License-Identifier: MIT
"""Pointers with the model's knowledge of them, and the operations that refuse stale pointers."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from _machine_model import Block, Errors, Place

from pointers import (
    FreedMemoryError,
    StackMemoryError,
    free,
    memcmp,
    memcpy,
    memmove,
    memset,
    realloc,
)


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
REFUSED: dict[str, Callable[[Any], Any]] = {
    "load": lambda p: ~p,
    "iteration": list,
    "store": lambda p: p.move(None),
    "store of a held object": lambda p: p.move([]),
    "store of itself": lambda p: p.move(p),
    "unsafe store": lambda p: store_unsafe(p, None),
    "unsafe store of a held object": lambda p: store_unsafe(p, []),
    "read": lambda p: p.read(),
    "read of nothing": lambda p: p.read(0),
    "bytes": bytes,
    "write": lambda p: p.write(b""),
    "memcpy": lambda p: memcpy(p, b"", 0),
    "memcpy from": lambda p: memcpy(p, p, 0),
    "memmove": lambda p: memmove(p, p, 0),
    "memset": lambda p: memset(p, 0, 0),
    "memcmp": lambda p: memcmp(p, p, 0),
    "memcmp with bytes": lambda p: memcmp(p, b"", 0),
    "size": lambda p: p.size,
    "capacity": lambda p: p.capacity,
    "address": lambda p: p.address,
    "int": int,
    "alignment": lambda p: p.alignment,
    "addition": lambda p: p + 0,
    "subtraction": lambda p: p - 0,
    "index": lambda p: p[0],
    "assignment": lambda p: _set(p, 0, None),
}
REFUSED_ON_HEAP: dict[str, Callable[[Any], Any]] = {
    "realloc": lambda p: realloc(p, 0),
    "free": free,
    "method free": lambda p: p.free(),
    "allocator": lambda p: p.allocator,
    "with": lambda p: p.__enter__(),
}
REFUSED_BY_ARRAYS: dict[str, Callable[[Any], Any]] = {
    "slice": lambda p: p[0:0],
    "assignment of a slice": lambda p: _set(p, slice(0, 0), []),
}
REFUSED_BY_WHOLE_ARRAYS: dict[str, Callable[[Any], Any]] = {
    "length": len,
    "count": lambda p: p.count,
    "list": lambda p: p.tolist(),
    "fill": lambda p: p.fill(None),
}


def check_stale(pointer: Pointer) -> None:
    """Check that every operation refuses a pointer whose block is no longer live."""
    ptr, block, place = pointer
    operations = dict(REFUSED)
    if block.kind == "stack":
        assert isinstance(outcome(free, ptr), StackMemoryError)
    else:
        operations.update(REFUSED_ON_HEAP)
    if block.slot_size is not None:
        operations.update(REFUSED_BY_ARRAYS)
        operations.update(REFUSED_BY_WHOLE_ARRAYS if hasattr(ptr, "tolist") else {})
    for name, operation in operations.items():
        error = outcome(operation, ptr)
        # A pointer that is not to the start of a block is refused before the block is looked up
        inside = (place.offset or place.index) and ("free" in name or name == "realloc")
        assert isinstance(error, ValueError if inside else FreedMemoryError), (name, error)
    assert ptr.freed
    assert not ptr.assigned
    assert "freed" in repr(ptr)
    assert str(ptr) == repr(ptr)
    assert ptr == ptr
