# SPDX-License-Identifier: MIT
"""Values into memory by synthesis: the C codec builds each image from the value.

For interpreters whose objects cannot be copied as bytes; works on any.  Each
function takes (block, offset, room in bytes, value) and returns the size of
the image or a negated status.
"""

from __future__ import annotations

from pointers._codec.layout import native_text
from pointers._ffi import lib
from pointers._typing import Callable

Store = Callable[[int, int, int, object], int]

_store_none = lib.ptrs_access_store_none
_store_bool = lib.ptrs_access_store_bool
_store_int = lib.ptrs_access_store_int
_store_magnitude = lib.ptrs_access_store_magnitude
_store_float = lib.ptrs_access_store_float
_store_complex = lib.ptrs_access_store_complex
_store_bytes = lib.ptrs_access_store_bytes
_store_text = lib.ptrs_access_store_text

_INT64_MIN = -(1 << 63)
_INT64_MAX = (1 << 63) - 1


def store_none(block: int, offset: int, room: int, obj: None) -> int:
    return _store_none(block, offset, room)


def store_int(block: int, offset: int, room: int, obj: int) -> int:
    if _INT64_MIN <= obj <= _INT64_MAX:
        return _store_int(block, offset, room, obj)
    magnitude = abs(obj)
    count = (magnitude.bit_length() + 7) // 8
    data = magnitude.to_bytes(count, "little")
    return _store_magnitude(block, offset, room, obj < 0, data, count)


def store_complex(block: int, offset: int, room: int, obj: complex) -> int:
    return _store_complex(block, offset, room, obj.real, obj.imag)


def store_bytes(block: int, offset: int, room: int, obj: bytes) -> int:
    return _store_bytes(block, offset, room, obj, len(obj))


def store_str(block: int, offset: int, room: int, obj: str) -> int:
    if obj.isascii():
        return _store_text(block, offset, room, obj.encode("ascii"), 1, len(obj))
    return _store_text(block, offset, room, native_text(obj, 4), 4, len(obj))


# By exact type: what a subclass adds would be lost.  A C function takes the
# place of a Python one that would only pass the arguments on.
STORES: dict[type, Callable[..., int]] = {
    type(None): store_none,
    bool: _store_bool,
    int: store_int,
    float: _store_float,
    complex: store_complex,
    bytes: store_bytes,
    str: store_str,
}
