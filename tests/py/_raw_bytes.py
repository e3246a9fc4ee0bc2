# SPDX-License-Identifier: MIT
"""Bytes to write, objects to copy bytes from, and sizes that are out of bounds or no ints."""

from __future__ import annotations

import array
import ctypes
from typing import Any, Callable

from pointers import malloc

PATTERN = bytes(range(1, 33))
SIZE = len(PATTERN)

BEYOND = [SIZE + 1, SIZE + 8, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64, 2**64 + SIZE, 2**100]
NEGATIVE = [-1, -SIZE, -(2**62), -(2**64)]
NO_INTS = [1.0, "1", b"1", [], 1j]


def filled() -> Any:
    p = malloc(SIZE)
    p.write(PATTERN)
    return p


class Index:
    """An object that is not an int, but can be used as an int by its `__index__`."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


SOURCES: dict[str, tuple[Callable[[], Any], bytes]] = {
    "bytes": (lambda: b"source", b"source"),
    "empty bytes": (lambda: b"", b""),
    "bytearray": (lambda: bytearray(b"source"), b"source"),
    "empty bytearray": (bytearray, b""),
    "memoryview": (lambda: memoryview(b"source"), b"source"),
    "part of a memoryview": (lambda: memoryview(b"source")[1:4], b"our"),
    "empty memoryview": (lambda: memoryview(b"")[:], b""),
    "memoryview of a bytearray": (lambda: memoryview(bytearray(b"source")), b"source"),
    "steps": (lambda: memoryview(b"s.o.u.r.c.e.")[::2], b"source"),
    "backwards": (lambda: memoryview(b"ecruos")[::-1], b"source"),
    "two dimensions": (lambda: memoryview(b"source").cast("B", (2, 3)), b"source"),
    "array of bytes": (lambda: array.array("B", b"source"), b"source"),
    "array of ints": (lambda: array.array("i", [1, -2]), array.array("i", [1, -2]).tobytes()),
    "array of doubles": (lambda: array.array("d", [1.5]), array.array("d", [1.5]).tobytes()),
    "empty array": (lambda: array.array("i"), b""),
    "steps of ints": (
        lambda: memoryview(array.array("h", [1, 2, 3, 4]))[::2],
        array.array("h", [1, 3]).tobytes(),
    ),
    "ctypes array": (lambda: (ctypes.c_char * 6)(*b"source"), b"source"),
    "ctypes array of ints": (
        lambda: (ctypes.c_int * 2)(1, -2),
        array.array("i", [1, -2]).tobytes(),
    ),
    "subclass of bytes": (lambda: type("Bytes", (bytes,), {})(b"source"), b"source"),
}
NO_SOURCES = [None, 1, 1.5, "text", [1, 2], object(), {}]
