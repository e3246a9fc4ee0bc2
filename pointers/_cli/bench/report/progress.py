# SPDX-License-Identifier: MIT
"""How far a comparison is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol, TextIO

    class Progress(Protocol):
        """What `progress` returns."""

        def step(self, done: int, total: int, text: str) -> None:
            """Show that `done` of `total` measurements are done, and what is next."""
            ...

        def close(self) -> None:
            """Take away what should not stay."""
            ...


_BAR = 20
_LINE_SECONDS = 15.0


class _PlainBar:
    """A bar of ASCII that is written over itself."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def step(self, done: int, total: int, text: str) -> None:
        filled = _BAR * done // max(total, 1)
        line = f"[{'#' * filled}{'.' * (_BAR - filled)}] {done}/{total} {text}"
        width = shutil.get_terminal_size((80, 24)).columns - 1
        self._stream.write("\r" + line[:width].ljust(width))
        self._stream.flush()

    def close(self) -> None:
        width = shutil.get_terminal_size((80, 24)).columns - 1
        self._stream.write("\r" + " " * width + "\r")
        self._stream.flush()


class _Lines:
    """A line every so often: for logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next = 0.0

    def step(self, done: int, total: int, text: str) -> None:
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + _LINE_SECONDS
            print(f"{done}/{total} {text}", file=self._stream, flush=True)

    def close(self) -> None:
        self._stream.flush()


def progress(stream: TextIO) -> Progress:
    """Return what suits a stream and what is installed."""
    if not stream.isatty():
        return _Lines(stream)
    try:
        from pointers._cli.bench.report._rich import Bar
    except ImportError:  # the extra `cli` is not installed
        return _PlainBar(stream)
    return Bar(stream)
