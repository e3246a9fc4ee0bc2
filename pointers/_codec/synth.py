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

_number = lib.ptrs_access_store_number
_items = lib.ptrs_access_store_items

_NONE = lib.PTRS_CODEC_NONE
_BOOL = lib.PTRS_CODEC_BOOL
_INT = lib.PTRS_CODEC_INT
_FLOAT = lib.PTRS_CODEC_FLOAT
_COMPLEX = lib.PTRS_CODEC_COMPLEX
_BYTES = lib.PTRS_CODEC_BYTES
_STR = lib.PTRS_CODEC_STR
_REFERENCE = lib.PTRS_CODEC_REFERENCE

_INT64_MIN = -(1 << 63)
_INT64_MAX = (1 << 63) - 1


def store_none(block: int, offset: int, room: int, obj: None) -> int:
    return _number(block, offset, room, _NONE, 0, 0.0, 0.0)


def store_bool(block: int, offset: int, room: int, obj: bool) -> int:
    return _number(block, offset, room, _BOOL, obj, 0.0, 0.0)


def store_int(block: int, offset: int, room: int, obj: int) -> int:
    if _INT64_MIN <= obj <= _INT64_MAX:
        return _number(block, offset, room, _INT, obj, 0.0, 0.0)
    magnitude = abs(obj)
    count = (magnitude.bit_length() + 7) // 8
    data = magnitude.to_bytes(count, "little")
    return _items(block, offset, room, _INT, data, 1, count, obj < 0)


def store_float(block: int, offset: int, room: int, obj: float) -> int:
    return _number(block, offset, room, _FLOAT, 0, obj, 0.0)


def store_complex(block: int, offset: int, room: int, obj: complex) -> int:
    return _number(block, offset, room, _COMPLEX, 0, obj.real, obj.imag)


def store_bytes(block: int, offset: int, room: int, obj: bytes) -> int:
    return _items(block, offset, room, _BYTES, obj, 1, len(obj), 0)


def store_str(block: int, offset: int, room: int, obj: str) -> int:
    if obj.isascii():
        return _items(block, offset, room, _STR, obj.encode("ascii"), 1, len(obj), 0)
    return _items(block, offset, room, _STR, native_text(obj, 4), 4, len(obj), 0)


def store_key(block: int, offset: int, room: int, key: int) -> int:
    """Store the image of a held object, of which memory has the key alone."""
    return _number(block, offset, room, _REFERENCE, key, 0.0, 0.0)


# By exact type: what a subclass adds would be lost
STORES: dict[type, Callable[..., int]] = {
    type(None): store_none,
    bool: store_bool,
    int: store_int,
    float: store_float,
    complex: store_complex,
    bytes: store_bytes,
    str: store_str,
}
