# SPDX-License-Identifier: MIT
"""How far a comparison is: rich's bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
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


_LINE_SECONDS = 15.0


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
    if stream.isatty():
        with contextlib.suppress(ImportError):  # the extra `cli` is not installed
            from pointers._cli.bench.report._rich import Bar

            return Bar(stream)
    return _Lines(stream)
