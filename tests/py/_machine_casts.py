# SPDX-License-Identifier: MIT
"""Objects of ctypes over blocks: their values are those of the memory, which they pin."""

from __future__ import annotations

import ctypes
import struct
import warnings
from typing import Any, NamedTuple

from _machine_model import Block, either
from _machine_refused import Pointer, expect
from _machine_views import Views

from pointers import InvalidSizeError

MAX_CASTS = 4


class Pair(ctypes.Structure):
    _fields_ = [("first", ctypes.c_short), ("second", ctypes.c_longlong)]


# Types, and how the struct module packs their values
CTYPES: dict[str, Any] = {
    "B": ctypes.c_ubyte,
    "h": ctypes.c_short,
    "i": ctypes.c_int,
    "q": ctypes.c_longlong,
    "hq": Pair,
}


class Cast(NamedTuple):
    """A real array of ctypes with the model of its block."""

    array: Any
    block: Block
    start: int  # offset of its bytes in the block
    kind: str

    @property
    def size(self) -> int:
        return ctypes.sizeof(self.array)


class Casts(Views):
    """A world whose blocks lend their memory to ctypes."""

    def __init__(self) -> None:
        super().__init__()
        self.casts: list[Cast] = []

    def cast(self, pointer: Pointer, kind: str, count: int) -> None:
        """Make an array of ctypes over the memory from a pointer on."""
        ptr, block, place = pointer
        ctype = CTYPES[kind] * count
        errors = either(
            block.refusals(place, changes=True),
            BufferError if block.kind == "stack" else None,
            InvalidSizeError if ctypes.sizeof(ctype) > block.left(place) else None,
            ValueError if ptr.address % ctypes.alignment(ctype) else None,
        )
        if errors is not None:
            expect(errors, ptr.cast, ctype)
            block.was_lent = True  # for a moment
        elif len(self.casts) < MAX_CASTS:
            array = ptr.cast(ctype)
            assert ctypes.addressof(array) == ptr.address
            self.casts.append(Cast(array, block, place.offset, kind))
            self._pinned(block)

    def write_cast(self, pick: int, index: int, value: int) -> None:
        """Change a value, which changes the memory unseen."""
        array, block, start, kind = self.casts[pick % len(self.casts)]
        index %= len(array)
        at = start + index * struct.calcsize("@" + kind)
        if kind == "hq":
            array[index].second = value
            at += Pair.second.offset
        else:
            array[index] = value
        block.wrote_unseen(at, struct.pack("@" + kind[-1], value))
        self.touched.append(block)

    def drop_cast(self, pick: int) -> None:
        """Let go of an object of ctypes."""
        cast = self.casts.pop(pick % len(self.casts))
        block = cast.block
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            del cast
            self._unpinned(block)

    def check(self) -> None:
        for cast in self.casts:
            array, block, start, kind = cast
            data = block.data[start : start + cast.size]
            assert ctypes.string_at(array, cast.size) == data
            values = list(struct.iter_unpack("@" + kind, data))
            if kind == "hq":
                assert [(one.first, one.second) for one in array] == values
            else:
                assert [(one,) for one in array] == values
        super().check()

    def end(self) -> None:
        while self.casts:
            self.drop_cast(0)
        super().end()
