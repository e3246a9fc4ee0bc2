# SPDX-License-Identifier: MIT
"""Statistics of allocators, and their blocks, as tuples with names."""

from __future__ import annotations

from pointers._ffi import ffi
from pointers._typing import TYPE_CHECKING, Any

_TEXTS = {
    "current_bytes": "Bytes of the blocks that live, as they were asked for.",
    "peak_bytes": "The most that `current_bytes` has been.",
    "total_bytes": "Bytes of all blocks that there have been.",
    "current_blocks": "Blocks that live.",
    "peak_blocks": "The most that `current_blocks` has been.",
    "total_blocks": "Blocks that there have been.",
    "quarantine_blocks": "Freed blocks whose pages must not be touched yet.",
    "quarantine_bytes": "Bytes of address space that these keep.",
    "damaged_blocks": "Blocks that ended with bytes beside them overwritten.",
    "handle": "The number of the block, which no other block ever has.",
    "address": "Where its memory was.",
    "size": "Bytes that were asked for.",
    "alignment": "Bytes, as they were asked for.",
    "pins": "Views, and other uses of its address; where nothing is compiled, views are one.",
    "age": "Blocks that were allocated since; None where no trace was kept.",
    "allocated_at": "The line that allocated it, then its callers; None where no trace was kept.",
    "allocator": "Where its memory comes from; None for memory of C.",
    "mappings": "Mappings that all guard allocators have, freed blocks included.",
    "max_mappings": "Mappings that they may have; 0 is any number.",
}

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from _operator import itemgetter  # of operator, which takes longer to import than this

    class NamedTuple(tuple):
        """A stand-in for typing's at run time: to import typing takes too long."""

        __slots__ = ()

        def __init_subclass__(cls):
            cls._fields = cls.__match_args__ = tuple(cls.__annotations__)
            for index, name in enumerate(cls._fields):
                setattr(cls, name, property(itemgetter(index), doc=_TEXTS[name]))

        def __new__(cls, *values, **named):
            values = *values, *[named.pop(n) for n in cls._fields[len(values) :] if n in named]
            if named or len(values) != len(cls._fields):
                raise TypeError(f"{cls.__name__} is made of {', '.join(cls._fields)}")
            return tuple.__new__(cls, values)

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _asdict(self):
            return dict(zip(self._fields, self))

        def _replace(self, **named):
            return type(self)(**{**self._asdict(), **named})

        def __repr__(self):
            """Return the class and its fields by name."""
            parts = [f"{name}={value!r}" for name, value in self._asdict().items()]
            return f"{type(self).__name__}({', '.join(parts)})"

        def __getnewargs__(self):
            return tuple(self)


class Stats(NamedTuple):
    """Bytes, as they were asked for, and blocks that an allocator has given out."""

    current_bytes: int
    peak_bytes: int
    total_bytes: int
    current_blocks: int
    peak_blocks: int
    total_blocks: int


class BlockInfo(NamedTuple):
    """A block that lives, as `live_blocks` found it."""

    handle: int
    address: int
    size: int
    alignment: int
    pins: int
    age: int | None
    allocated_at: tuple[str, ...] | None
    allocator: Any  # an Allocator or None


class GuardInfo(NamedTuple):
    """Quarantine, damage and mappings of a guard allocator."""

    quarantine_blocks: int
    quarantine_bytes: int
    damaged_blocks: int
    mappings: int
    max_mappings: int


def record(kind: Any, struct: Any) -> Any:
    """Return a record of the first fields of a C struct, which are numbers of 64 bits."""
    # Not by their names, nor as unsigned ones: on PyPy that takes four times as long
    return tuple.__new__(kind, ffi.unpack(ffi.cast("int64_t *", struct), len(kind._fields)))
