# SPDX-License-Identifier: MIT
"""One colour and one shape for each allocator, in light and in dark.

The colours are Okabe's and Ito's, which people of every colour vision tell
apart, darker where a light ground wants it.  Shapes say the same again.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from pointers._cli.bench.result.names import CHECKED

#: Name, colour on a light ground, on a dark one, shape.
_COLOURS = (
    ("direct", "#7a7a7a", "#9a9a9a", "triangle-down"),
    ("system", "#1a1a1a", "#f2f2f2", "square"),
    ("arena", "#d98c00", "#e69f00", "triangle-up"),
    ("pool", "#008f68", "#1fbf92", "circle"),
    ("guard", "#d55e00", "#ee7b2b", "diamond"),
    ("mimalloc", "#0072b2", "#4aa8e0", "cross"),
    ("jemalloc", "#b8608f", "#dd92bb", "square"),
    ("tcmalloc", "#2f9bd0", "#7cc8f0", "triangle-right"),
    ("other0", "#8a7f00", "#e8dc50", "triangle-left"),
    ("other1", "#6a4fb0", "#b39ae8", "triangle-up"),
    ("other2", "#8c4a2f", "#d29a7e", "circle"),
)
_SHAPES = {name: shape for name, _, _, shape in _COLOURS}
_N_OTHERS = 3


class Mark(NamedTuple):
    """How an allocator is drawn, in every drawing: checked ones are hollow."""

    colour: str
    shape: str
    hollow: bool


def mark(allocator: str) -> Mark:
    """Return how an allocator is drawn: the same in every report."""
    checked = allocator.endswith(CHECKED)
    base = allocator[: -len(CHECKED)] if checked else allocator
    if base not in _SHAPES:
        base = f"other{zlib.crc32(base.encode()) % _N_OTHERS}"
    return Mark(base, _SHAPES[base], checked)


def variables(*, dark: bool) -> str:
    """Return the colours as variables of CSS."""
    return "".join(
        f"--{name}:{in_dark if dark else light};" for name, light, in_dark, _ in _COLOURS
    )
