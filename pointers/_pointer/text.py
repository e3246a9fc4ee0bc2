# SPDX-License-Identifier: MIT
"""Text as C keeps it: its bytes, and a NUL behind them."""

from __future__ import annotations

from pointers._errors import InvalidSizeError
from pointers._typing import Any

# Bytes of the first attempt.  Each reading is one step that no other thread comes between,
# so that the text is what was there at one time.
_FIRST = 256


def _check(encoding: str) -> None:
    if "\0".encode(encoding) != b"\0":
        raise ValueError(
            f"the NUL of {encoding} is no single zero byte: take read() and bytes.decode(), "
            "or str.encode() and write()"
        )


def read_string(ptr: Any, encoding: str, errors: str) -> str:
    """Return the text that starts at a pointer, up to the first NUL."""
    _check(encoding)
    n = _FIRST
    while True:
        size = ptr.size
        data: bytes = ptr.read(min(n, size))
        end = data.find(0)
        if end >= 0:
            return data[:end].decode(encoding, errors)
        if n >= size:
            raise InvalidSizeError(
                f"there is no NUL in the {size} bytes here: a text needs one behind it; "
                "read() returns the bytes"
            )
        n *= 4


def as_string(text: str, encoding: str) -> bytes:
    """Return the bytes of a text and the NUL behind them.

    :raises ValueError: the text has a NUL in it.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, not {type(text).__name__}: write() takes bytes")
    _check(encoding)
    data = text.encode(encoding)
    end = data.find(0)
    if end >= 0:
        raise ValueError(f"the text has a NUL at byte {end}, where C would end it: use write()")
    return data + b"\0"
