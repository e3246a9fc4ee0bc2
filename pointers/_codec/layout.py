# SPDX-License-Identifier: MIT
"""How many bytes an object takes in memory."""

from __future__ import annotations

from pointers._typing import Callable

#: Bytes of the image of an object that is stored by reference: a header alone.
REFERENCE_SIZE = 16

#: Bits of one digit of an int's image, which takes four bytes.
DIGIT_BITS = 30


def n_digits(integer: int) -> int:
    """Return the count of 30-bit digits of an int's image; 0 has none."""
    return (integer.bit_length() + DIGIT_BITS - 1) // DIGIT_BITS


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
