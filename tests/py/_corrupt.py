# SPDX-License-Identifier: MIT
"""Images changed at random, and the check that each loads as the model says, or is refused."""

from __future__ import annotations

import random
import struct
from typing import Any

import _image_model as model

from pointers import CorruptObjectError, DereferenceError, Pointer, sizeof

VALUES: dict[str, list[Any]] = {
    "None": [None],
    "bool": [True, False],
    "int": [0, 1, -1, 7, 2**30 - 1, 2**30, -(2**60), 2**60 - 1, 2**63, -(2**64), 10**40],
    "float": [0.0, -0.0, 1.5, -1e300, float("inf"), float("nan")],
    "complex": [0j, complex(-0.0, 1.5), complex(float("nan"), 2)],
    "bytes": [b"", b"a", b"\0", b"bytes", bytes(20), b"\xff" * 16],
    "str": [
        *("", "a", "\0", "text", "twenty letters of it", "\x80", "caf\xe9", "\xff" * 9),
        *("\u0100", "a\u0107b", "\ud800", "\ud83d\ude00", "\uffff" * 5),
        *("\U00010000", "a\U00010307b", "\U0010ffff" * 4, "\ud83d\ude00\U0001f600"),
    ],
}
EVERY = [model.image(value) for values in VALUES.values() for value in values]
EVERY.append(model.header(model.REFERENCE, 1))

WORDS = [
    *(0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 24, 32, 33, 40, 41, 56, 64, 0x7F, 0x80, 0xFF),
    *(0x100, 0xFFFF, 0x10000, 0x10FFFF, 0x110000, 2**30 - 1, 2**30, 2**31 - 1, 2**31),
    *(2**32 - 1, 2**32, 2**61, 2**61 + 1, 2**62, 2**62 + 1, 2**63 - 1, 2**63),
    *(2**64 - 57, 2**64 - 41, 2**64 - 33, 2**64 - 2, 2**64 - 1),
    *(model.TYPE | kind for kind in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x103)),
]
ROOM = 160


def outcome(p: Pointer[Any]) -> Any:
    """Load; return the object, or the model's sign for the error that was raised."""
    try:
        return ~p
    except CorruptObjectError:
        return model.CorruptError
    except DereferenceError:
        return model.EMPTY


def expected(data: bytes) -> Any:
    try:
        value = model.value_of(data)
    except model.CorruptError:
        return model.CorruptError
    # The block holds no object for a key that was copied or made up
    return model.CorruptError if isinstance(value, model.Reference) else value


def is_value(result: Any) -> bool:
    return result is not model.CorruptError and result is not model.EMPTY


def check(p: Pointer[Any], data: bytes, scratch: Pointer[Any]) -> Any:
    """Check the outcome of a load from memory that holds `data` up to the block's capacity."""
    result, wanted = outcome(p), expected(data)
    if not is_value(wanted):
        assert result is wanted, data.hex()
        return result
    assert is_value(result), data.hex()
    assert type(result) is type(wanted), data.hex()
    # A value that was loaded is stored as the same bytes
    scratch <<= result
    size = sizeof(result)
    images = (scratch.read(size), data[:size], model.image(wanted))
    assert len({model.quieted(image) for image in images}) == 1, data.hex()
    return result


def mutate(source: random.Random, image: bytes) -> bytes:
    """Return an image with one to three random changes, and zeros or random bytes behind it."""
    tail = (
        bytes(ROOM) if source.random() < 0.7 else source.getrandbits(8 * ROOM).to_bytes(ROOM, "big")
    )
    data = bytearray((image + tail)[:ROOM])
    for _ in range(source.choice((1, 1, 1, 2, 3))):
        at = source.randrange(len(image))
        change = source.randrange(7)
        if change == 0:
            data[at] ^= 1 << source.randrange(8)
        elif change == 1:
            data[at] = source.randrange(256)
        elif change == 2:
            at -= at % 8
            data[at : at + 8] = struct.pack("=Q", source.choice(WORDS))
        elif change == 3:
            at -= at % 4
            data[at : at + 4] = struct.pack("=I", source.choice(WORDS) % 2**32)
        elif change == 4:  # a word is increased or decreased a little
            at -= at % 8
            (word,) = struct.unpack_from("=Q", data, at)
            struct.pack_into("=Q", data, at, (word + source.randrange(-9, 10)) % 2**64)
        elif change == 5:  # the end of another image
            data[at:] = (source.choice(EVERY)[at:] + bytes(ROOM))[: ROOM - at]
        else:  # the end of the image is missing
            data[at:] = tail[: ROOM - at]
    return bytes(data)
