# SPDX-License-Identifier: MIT
"""Bytes as rows of numbers and characters."""

from __future__ import annotations

from pointers._typing import Iterator

#: Bytes in a row.
WIDTH = 16


def _character(byte: int) -> str:
    return chr(byte) if 32 <= byte < 127 else "."


def rows(data: bytes, width: int = WIDTH) -> Iterator[str]:
    """Return a line for each row of bytes; equal rows in between are one line with a star."""
    before, starred = None, False
    last = max(0, len(data) - 1) // width * width
    for offset in range(0, len(data), width):
        row = data[offset : offset + width]
        if row == before and offset != last:
            if not starred:
                yield "       *"
            starred = True
            continue
        before, starred = row, False
        halves = (row[: width // 2], row[width // 2 :])
        numbers = "  ".join(half.hex(" ") for half in halves).ljust(3 * width + 1)
        yield f"{offset:8}  {numbers} {''.join(map(_character, row))}"
