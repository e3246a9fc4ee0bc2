# SPDX-License-Identifier: MIT
"""Memory of others as blocks, and blocks that are given to others: who frees what, and once."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

from _foreign import LIBC, free_with_argtypes
from _machine_model import Block, either
from _machine_refused import Pointer, expect
from _machine_sources import Sources
from _watched import Thing, comes

from pointers import AdoptedPointer, from_address

# Bytes on either side of adopted memory, which nothing may change
AROUND = b"\xfe" * 16

FREE = free_with_argtypes()
CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

# A function of C without Python, whose calls can be counted: it steps the number at the address
STEP = LIBC.rand_r

WAYS = ("C", "callback", "function", "keepalive", "C and keepalive", "none")


class Memory:
    """Memory of ctypes, what frees it, and whether that has been done."""

    def __init__(self, size: int, way: str) -> None:
        # A number that `STEP` steps needs four bytes
        self.array = (ctypes.c_ubyte * (size + 4 + 2 * len(AROUND)))()
        self.address = ctypes.addressof(self.array) + len(AROUND)
        self.size = size
        self.way = way
        self.kept: Any = lambda: None
        self.calls: list[int] = []
        self.given = False
        self._set(bytes(size))

    def _set(self, data: bytes) -> None:
        ctypes.memmove(self.array, AROUND + data + bytes(4) + AROUND, len(self.array))

    def options(self) -> dict[str, Any]:
        """Return the arguments that `from_address` takes by name."""
        found: dict[str, Any] = {}
        if "keepalive" in self.way:
            found["keepalive"] = Thing()
            self.kept = weakref.ref(found["keepalive"])
        if "C" in self.way:
            found["free"] = STEP
        elif self.way == "callback":
            found["free"] = CALLBACK(self.calls.append)
        elif self.way == "function":
            found["free"] = self.calls.append
        return found

    @property
    def warns(self) -> bool:
        """Whether a leak is a matter of a warning."""
        return self.way not in ("keepalive", "none")

    def check_over(self, data: bytes) -> None:
        """Check that the memory was freed once, or not at all if it was given away.

        :param data: What was there before.
        """
        called = not self.given
        found = bytes(self.array)
        self._set(data)
        if "C" in self.way and called:
            STEP(ctypes.c_void_p(self.address))
        assert found == bytes(self.array), self.way
        by_python = called and self.way in ("callback", "function")
        assert self.calls == [self.address] * by_python
        assert comes(lambda: self.kept() is None)


class Adopted(Sources):
    """A world in which memory comes from others and goes to others."""

    def __init__(self) -> None:
        super().__init__()
        self.n_adopted = 0  # blocks that are not over

    def adopt(self, size: int, way: str) -> None:
        memory = Memory(size, way)
        ptr = from_address(memory.address, size, **memory.options())
        assert type(ptr) is AdoptedPointer
        assert ptr.address == memory.address
        assert ptr.capacity == size
        assert ptr.allocator is None
        block = self.born(ptr, Block("adopted", size, size))
        block.memory = memory
        self.n_adopted += 1
        self.count()

    def warns(self, block: Block) -> bool:
        warns: bool = block.memory.warns if block.memory else super().warns(block)
        return warns

    def give(self, pointer: Pointer) -> None:
        """Give the memory of a block away; the test frees it, as C would."""
        ptr, block, _ = pointer
        is_ours = block.kind in ("adopted", "stack") or block.source is self.system
        errors = either(self.end_errors(pointer), None if is_ours else ValueError)
        if errors is not None:
            expect(errors, ptr.release)
            return
        before = ptr.address
        address = ptr.release()
        assert address == before
        assert ctypes.string_at(address, block.size) == block.data[: block.size]
        if block.memory is None:
            FREE(address)
        else:
            block.memory.given = True
        self.count(block.source, blocks=-1, now=-block.size)
        self.ended(block)

    def over(self, block: Block) -> None:
        super().over(block)
        if block.memory is not None:
            block.memory.check_over(bytes(block.data))
            self.n_adopted -= 1

    def end(self) -> None:
        super().end()
        assert not self.n_adopted
