# SPDX-License-Identifier: MIT
"""Values into memory by copying: the body bytes of the real object, on CPython.

`STORES` is None where the layout probe failed.  The functions are like those
of `synth`, and make the very same images: what varies between objects
of one value (reference count, hash, caches, interning) is not copied.
"""

from __future__ import annotations

import ctypes
import struct
import sys

from pointers._codec import layout, synth
from pointers._codec.probe import Layout, probe
from pointers._ffi import lib
from pointers._typing import Any, Callable

_store_image = lib.ptrs_access_store_image

_HEADER = struct.Struct(layout.HEADER_FORMAT)
_INT = struct.Struct(layout.INT_FORMAT)
_BYTES = struct.Struct(layout.BYTES_FORMAT)
_STR = struct.Struct(layout.STR_FORMAT)

_FLOAT_HEADER = _HEADER.pack(1, layout.FLOAT_TYPE)
_COMPLEX_HEADER = _HEADER.pack(1, layout.COMPLEX_TYPE)


def _make_copy() -> Callable[[int, int], bytes] | None:
    """Return the helper that copies bytes at an address into a bytes object."""
    if sys.implementation.name != "cpython":
        return None
    # A prototype of our own: the attribute of ctypes.pythonapi is shared by everybody
    prototype = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t)
    make_bytes = prototype(("PyBytes_FromStringAndSize", ctypes.pythonapi))

    def copy(address: int, count: int) -> bytes:
        try:
            data: bytes = make_bytes(address, count)
        except ctypes.ArgumentError as error:
            # Two ints can always be converted, except where memory or the recursion ends
            if "MemoryError" in str(error):
                raise MemoryError from error
            raise RecursionError("maximum recursion depth exceeded on storing") from error
        return data

    return copy


def _make_stores(copy: Callable[[int, int], bytes], at: Layout) -> dict[type, Callable[..., int]]:
    header, digits, bytes_data = at.header, at.digits, at.bytes_data
    state_at, state_shift = at.state, at.state_shift
    ascii_data, compact_data = at.ascii_data, at.compact_data

    def store_int(block: int, offset: int, room: int, obj: int) -> int:
        image = _INT.pack(1, layout.INT_TYPE, layout.tag_of_int(obj))
        if obj:
            image += copy(id(obj) + digits, layout.n_digits(obj) * 4)
        return _store_image(block, offset, room, image, len(image))

    def store_bool(block: int, offset: int, room: int, obj: bool) -> int:
        tag = layout.tag_of_int(obj)
        image = _INT.pack(1, layout.BOOL_TYPE, tag) + copy(id(obj) + digits, obj * 4)
        return _store_image(block, offset, room, image, len(image))

    def store_float(block: int, offset: int, room: int, obj: float) -> int:
        return _store_image(block, offset, room, _FLOAT_HEADER + copy(id(obj) + header, 8), 24)

    def store_complex(block: int, offset: int, room: int, obj: complex) -> int:
        return _store_image(block, offset, room, _COMPLEX_HEADER + copy(id(obj) + header, 16), 32)

    def store_bytes(block: int, offset: int, room: int, obj: bytes) -> int:
        count = len(obj)
        body = copy(id(obj) + bytes_data, count + 1)
        image = _BYTES.pack(1, layout.BYTES_TYPE, count, -1) + body
        return _store_image(block, offset, room, image, len(image))

    def store_str(block: int, offset: int, room: int, obj: str) -> int:
        state = int.from_bytes(copy(id(obj) + state_at, 4), sys.byteorder) >> state_shift
        if not state & 0b01000:  # not compact: the text is elsewhere
            return synth.store_str(block, offset, room, obj)
        count = len(obj)
        width = state & 0b111
        if state & 0b10000:
            prefix = _STR.pack(1, layout.STR_TYPE, count, -1, layout.state_of_str(1, True))
            image = prefix + copy(id(obj) + ascii_data, count + 1)
        else:
            prefix = _STR.pack(1, layout.STR_TYPE, count, -1, layout.state_of_str(width, False))
            image = prefix + layout.UTF8_CACHE + copy(id(obj) + compact_data, (count + 1) * width)
        return _store_image(block, offset, room, image, len(image))

    return {
        type(None): synth.store_none,  # has no body
        bool: store_bool,
        int: store_int,
        float: store_float,
        complex: store_complex,
        bytes: store_bytes,
        str: store_str,
    }


def _find_stores() -> dict[type, Any] | None:
    copy = _make_copy()
    found = None if copy is None else probe(copy)
    return None if copy is None or found is None else _make_stores(copy, found)


#: The functions by exact type, or None if this interpreter is not understood.
STORES = _find_stores()
