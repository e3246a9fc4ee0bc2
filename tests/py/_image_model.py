# SPDX-License-Identifier: MIT
"""A model of images, made with `struct` alone, and the values to try it on.

Written from the design and from the headers of 64-bit CPython 3.12
(``longintrepr.h``, ``floatobject.h``, ``complexobject.h``, ``bytesobject.h``,
``unicodeobject.h``), not from the project's C code.
"""

from __future__ import annotations

import struct
from typing import Any, Callable, NamedTuple

from hypothesis import strategies as st

# Type words: "PTRS" in the upper half, the kind in the lower
TYPE = int.from_bytes(b"PTRS", "little") << 32
NONE, BOOL, INT, FLOAT, COMPLEX, BYTES, STR, REFERENCE = (TYPE | kind for kind in range(1, 9))

LV_ZERO, LV_NEGATIVE, LV_SHIFT = 1, 2, 3  # struct _PyLongValue.lv_tag
DIGIT = 30
STATE_KIND, STATE_COMPACT, STATE_ASCII = 2, 5, 6  # struct { } state: first bits
NO_HASH = -1
MAX_CODE_POINT = 0x10FFFF
PREFIX = 40  # bytes at the start of an image that tell its size


def header(type_word: int, refcount: int = 1) -> bytes:
    return struct.pack("=QQ", refcount, type_word)


def integer(value: int, type_word: int = INT) -> bytes:
    digits = []
    rest = abs(value)
    while rest:
        digits.append(rest % 2**DIGIT)
        rest //= 2**DIGIT
    sign = LV_ZERO if value == 0 else LV_NEGATIVE if value < 0 else 0
    tag = len(digits) << LV_SHIFT | sign
    return header(type_word) + struct.pack(f"=Q{len(digits)}I", tag, *digits)


def boolean(value: bool) -> bytes:
    return integer(int(value), BOOL)


def floating(value: float) -> bytes:
    return header(FLOAT) + struct.pack("=d", value)


def complexes(value: complex) -> bytes:
    return header(COMPLEX) + struct.pack("=dd", value.real, value.imag)


def binary(value: bytes) -> bytes:
    return header(BYTES) + struct.pack("=qq", len(value), NO_HASH) + value + b"\0"


def text_image(points: list[int], kind: int, ascii: bool, count: int | None = None) -> bytes:  # noqa: A002
    """Return an image with these fields, valid or not: tests make corrupt images of text, too."""
    n = len(points) if count is None else count
    state = kind << STATE_KIND | 1 << STATE_COMPACT | ascii << STATE_ASCII
    fixed = struct.pack("=QqII", n % 2**64, NO_HASH, state, 0)
    if not ascii:
        fixed += bytes(16)  # utf8_length, utf8
    items = {1: "B", 2: "H", 4: "I"}[kind]
    return header(STR) + fixed + struct.pack(f"={len(points)}{items}", *points) + bytes(kind)


def text(value: str) -> bytes:
    points = [ord(c) for c in value]
    greatest = max(points, default=0)
    kind = 1 if greatest <= 0xFF else 2 if greatest <= 0xFFFF else 4
    return text_image(points, kind, greatest <= 0x7F)


IMAGES: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: header(NONE),
    bool: boolean,
    int: integer,
    float: floating,
    complex: complexes,
    bytes: binary,
    str: text,
}


def image(value: object) -> bytes:
    return IMAGES[type(value)](value)


class CorruptError(Exception):
    """The bytes are not a valid image."""


class Reference(NamedTuple):
    """The image of an object that is held beside the block, under a key."""

    key: int


EMPTY = object()


def _integer_value(data: bytes) -> int:
    (tag,) = struct.unpack_from("=Q", data, 16)
    count = tag >> LV_SHIFT
    if count > (len(data) - 24) // 4:
        raise CorruptError
    digits = struct.unpack_from(f"={count}I", data, 24)
    value = 0
    for digit in reversed(digits):
        value = value << DIGIT | digit
    return -value if tag & LV_NEGATIVE else value


def _boolean_value(data: bytes) -> bool:
    value = _integer_value(data)
    if value not in (0, 1):
        raise CorruptError
    return bool(value)


def _binary_value(data: bytes) -> bytes:
    (count,) = struct.unpack_from("=Q", data, 16)
    if count > len(data) - 33:
        raise CorruptError
    return data[32 : 32 + count]


def _text_value(data: bytes) -> str:
    count, _, state = struct.unpack_from("=QqI", data, 16)
    kind = state >> STATE_KIND & 7
    start = 40 if state >> STATE_ASCII & 1 else 56
    if kind not in (1, 2, 4) or (count + 1) * kind > len(data) - start:
        raise CorruptError
    items = {1: "B", 2: "H", 4: "I"}[kind]
    points = struct.unpack_from(f"={count}{items}", data, start)
    if max(points, default=0) > MAX_CODE_POINT:
        raise CorruptError
    return "".join(map(chr, points))


_VALUES: dict[int, Callable[[bytes], Any]] = {
    NONE: lambda _: None,
    BOOL: _boolean_value,
    INT: _integer_value,
    FLOAT: lambda data: struct.unpack_from("=d", data, 16)[0],
    COMPLEX: lambda data: complex(*struct.unpack_from("=dd", data, 16)),
    BYTES: _binary_value,
    STR: _text_value,
}


def value_of(data: bytes) -> Any:
    """Return what the image at the start of memory means: a value, `EMPTY` or a `Reference`.

    :raises CorruptError: the bytes are not the image that this value is stored as.
    """
    if len(data) < 16:
        return EMPTY
    refcount, type_word = struct.unpack_from("=QQ", data)
    if type_word == 0:
        return EMPTY
    if type_word == REFERENCE:
        return Reference(refcount)
    try:
        value = _VALUES[type_word](data)
    except (KeyError, struct.error):
        raise CorruptError from None
    canonical = image(value)
    if quieted(data[: len(canonical)]) != quieted(canonical):
        raise CorruptError
    return value


def claimed_size(data: bytes) -> int | None:
    """Return the size that the image at the start of memory claims; None if it is no image.

    If `data` is shorter than `PREFIX`, the missing bytes count as zeros.
    """
    type_word, tag, state = struct.unpack_from("=8xQQ8xI", data.ljust(PREFIX, b"\0"))
    count = tag  # of bytes and str
    if type_word in (NONE, REFERENCE):
        return 16
    if type_word == FLOAT:
        return 24
    if type_word == COMPLEX:
        return 32
    if type_word in (BOOL, INT):
        digits = tag >> LV_SHIFT
        return None if type_word == BOOL and digits > 1 else 24 + 4 * digits
    if type_word == BYTES:
        return 33 + int(count)
    kind, ascii_only = state >> STATE_KIND & 7, state >> STATE_ASCII & 1
    if type_word != STR or kind not in (1, 2, 4) or (ascii_only and kind != 1):
        return None
    return (40 if ascii_only else 56) + (int(count) + 1) * kind


def same(a: object, b: object) -> bool:
    """Return whether two values have the same type and are equal to the last bit."""
    return type(a) is type(b) and quieted(image(a)) == quieted(image(b))


def float_of(bits: int) -> float:
    value: float = struct.unpack("=d", struct.pack("=Q", bits))[0]
    return value


SIGNALLING = 0x7FF0000000000001

#: Whether a float that is loaded and stored keeps all bits; the x87 makes signalling NaNs quiet.
KEEPS_NANS = struct.pack("=d", float_of(SIGNALLING)) == struct.pack("=Q", SIGNALLING)


def quieted(data: bytes) -> bytes:
    """Return an image with its NaNs made quiet, on machines that do not keep signalling NaNs."""
    if KEEPS_NANS or data[8:16] not in (struct.pack("=Q", FLOAT), struct.pack("=Q", COMPLEX)):
        return data
    words = [word for (word,) in struct.iter_unpack("=Q", data[16:])]
    quiet = [word | 1 << 51 if word % 2**63 > 0x7FF << 52 else word for word in words]
    return data[:16] + struct.pack(f"={len(quiet)}Q", *quiet)


def _near(exponent: int, delta: int, sign: int) -> int:
    return sign * (2**exponent + delta)


ints = st.one_of(
    st.integers(-(2**4000), 2**4000),
    st.integers(-(2**64) - 4, 2**64 + 4),
    st.integers(-300, 300),
    st.builds(
        _near,
        st.one_of(
            st.integers(1, 133).map(lambda k: 30 * k),
            st.sampled_from((7, 8, 15, 16, 31, 32, 53, 62, 63, 64, 65, 127, 128)),
        ),
        st.integers(-2, 2),
        st.sampled_from((1, -1)),
    ),
)
floats = st.one_of(
    st.integers(0, 2**64 - 1).map(float_of),
    st.integers(1, 2**52 - 1).map(lambda payload: float_of(0x7FF << 52 | payload)),  # NaN
    st.floats(),
    st.sampled_from((0.0, -0.0, float("inf"), float("-inf"), 5e-324)),
)
complexes_ = st.builds(complex, floats, floats)
binaries = st.binary(max_size=200)


def _texts(greatest: int, *specials: str) -> st.SearchStrategy[str]:
    # With surrogates, which are excluded by default
    letters = st.characters(max_codepoint=greatest, exclude_categories=())
    return st.text(st.one_of(letters, st.sampled_from(("\0", *specials))), max_size=60)


texts = st.one_of(
    _texts(0x7F, "\x7f"),
    _texts(0xFF, "\x80", "\xff"),
    _texts(0xFFFF, "\u0100", "\ud800", "\udbff", "\udc00", "\udfff", "\uffff"),
    _texts(0x10FFFF, "\ud83d", "\ude00", "\U00010000", "\U0010ffff"),
)
values = st.one_of(st.sampled_from((None, True, False)), ints, floats, complexes_, binaries, texts)
