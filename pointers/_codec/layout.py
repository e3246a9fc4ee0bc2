# SPDX-License-Identifier: MIT
"""The layout of images: the one place in Python that knows its sizes, words and bits.

bindings/codec/codec.h draws the layout, and bindings/codec/layout.h is its twin in C.
"""

from __future__ import annotations

import sys

from pointers._ffi import lib
from pointers._typing import Callable

# The type words, as PTRS_CODEC_TYPE in bindings/codec/codec.h makes them
_TYPE = 0x53525450 << 32
BOOL_TYPE = _TYPE | lib.PTRS_CODEC_BOOL
INT_TYPE = _TYPE | lib.PTRS_CODEC_INT
FLOAT_TYPE = _TYPE | lib.PTRS_CODEC_FLOAT
COMPLEX_TYPE = _TYPE | lib.PTRS_CODEC_COMPLEX
BYTES_TYPE = _TYPE | lib.PTRS_CODEC_BYTES
STR_TYPE = _TYPE | lib.PTRS_CODEC_STR

#: What all type words have in their upper half, and the names of the types by the lower one.
TYPE_MARK = _TYPE >> 32
KINDS = {
    lib.PTRS_CODEC_NONE: "None",
    lib.PTRS_CODEC_BOOL: "bool",
    lib.PTRS_CODEC_INT: "int",
    lib.PTRS_CODEC_FLOAT: "float",
    lib.PTRS_CODEC_COMPLEX: "complex",
    lib.PTRS_CODEC_BYTES: "bytes",
    lib.PTRS_CODEC_STR: "str",
    lib.PTRS_CODEC_REFERENCE: "reference",
}

# The words before the payload, as formats of the struct module
HEADER_FORMAT = "=QQ"  # refcount, type word
INT_FORMAT = "=QQQ"  # header, tag
BYTES_FORMAT = "=QQQq"  # header, length, hash
STR_FORMAT = "=QQQqI4x"  # header, length, hash, state

#: Length and pointer of the cached UTF-8 form, in the image of text that is not ASCII.
UTF8_CACHE = bytes(16)

#: Bytes of the image of an object that is stored by reference: a header alone.
REFERENCE_SIZE = 16

#: Bits of one digit of an int's image, which takes four bytes.
DIGIT_BITS = 30


def n_digits(integer: int) -> int:
    """Return the count of 30-bit digits of an int's image; 0 has none."""
    return (integer.bit_length() + DIGIT_BITS - 1) // DIGIT_BITS


def tag_of_int(integer: int) -> int:
    """Return the tag of an int's image: the count of its digits and its sign."""
    return n_digits(integer) << 3 | (1 if not integer else 2 if integer < 0 else 0)


def state_of_str(width: int, ascii_only: bool) -> int:
    """Return the state word of text whose items have `width` bytes."""
    return width << 2 | 1 << 5 | ascii_only << 6


_CODECS = {1: "latin-1", 2: "utf-16", 4: "utf-32"}


def native_text(text: str, width: int, order: str = sys.byteorder) -> bytes:
    """Return the code points of `text` as items of `width` bytes in this machine's order."""
    codec = _CODECS[width]
    if width > 1:
        codec += "-le" if order == "little" else "-be"
    return text.encode(codec, "surrogatepass")


def _size_of_int(obj: int) -> int:
    return 24 + 4 * n_digits(obj)


def _size_of_str(obj: str) -> int:
    if obj.isascii():
        return 41 + len(obj)
    greatest = max(obj)
    width = 1 if greatest < "\u0100" else 2 if greatest < "\U00010000" else 4
    return 56 + (len(obj) + 1) * width


_SIZES: dict[type, Callable[..., int]] = {
    type(None): lambda obj: 16,
    bool: _size_of_int,
    int: _size_of_int,
    float: lambda obj: 24,
    complex: lambda obj: 32,
    bytes: lambda obj: 33 + len(obj),
    str: _size_of_str,
}


def sizeof(obj: object) -> int:
    """Return how many bytes `obj` takes when it is stored through a pointer.

    The same number on every interpreter.  What is stored by reference takes
    16 bytes, whatever it holds.  On 64-bit CPython ``sys.getsizeof(obj)`` is
    never smaller, so either may be passed to `malloc`.
    """
    kind = type(obj)
    # A class whose metaclass is another could claim to be equal to int
    size = _SIZES.get(kind) if type(kind) is type else None
    return REFERENCE_SIZE if size is None else size(obj)
