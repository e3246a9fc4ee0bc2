# SPDX-License-Identifier: MIT
"""Elements of SVG, marks of allocators, and scales."""

from __future__ import annotations

import itertools
import math
from html import escape
from typing import NamedTuple

_ids = itertools.count(1)


def element(name: str, *content: str, **attributes: object) -> str:
    """Write an element; `class_` is class, and other underscores are hyphens.

    Content is markup: text goes through `escape` first.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_attribute(value))}"'
        for key, value in attributes.items()
    )
    return f"<{name}{written}>{''.join(content)}</{name}>"


def _attribute(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def text(x: float, y: float, content: str, **attributes: object) -> str:
    """Write a text."""
    return element("text", escape(content), x=x, y=y, **attributes)


def tip(content: str) -> str:
    """Return the text that appears when the mouse is over the element around it."""
    return element("title", escape(content))


def line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> str:
    """Draw a line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def drawing(width: float, height: float, title: str, description: str, *content: str) -> str:
    """Return a whole drawing, named and described for those who do not see it."""
    number = next(_ids)
    return element(
        "svg",
        element("title", escape(title), id=f"t{number}"),
        element("desc", escape(description), id=f"d{number}"),
        *content,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_labelledby=f"t{number} d{number}",
        xmlns="http://www.w3.org/2000/svg",
    )


class Mark(NamedTuple):
    """How an allocator is drawn, in every drawing: checked ones are hollow."""

    colour: str
    shape: str
    hollow: bool

    def draw(self, x: float, y: float, words: str, size: float = 4.5) -> str:
        """Draw it, with a text that appears under the mouse."""
        points = _SHAPES[self.shape]
        path = "M" + "L".join(f"{x + size * px:.1f},{y + size * py:.1f}" for px, py in points)
        kind = "mark hollow" if self.hollow else "mark"
        return element(
            "path",
            tip(words),
            d=path + "Z",
            class_=f"{kind} c-{self.colour}",
        )


def _polygon(corners: int, turn: float, size: float) -> tuple[tuple[float, float], ...]:
    angles = [math.tau * (index / corners + turn) for index in range(corners)]
    return tuple((size * math.sin(angle), -size * math.cos(angle)) for angle in angles)


_SHAPES = {
    "circle": _polygon(24, 0, 1.0),
    "square": _polygon(4, 1 / 8, 1.25),
    "diamond": _polygon(4, 0, 1.25),
    "up": _polygon(3, 0, 1.3),
    "down": _polygon(3, 1 / 2, 1.3),
    "right": _polygon(3, 1 / 4, 1.3),
    "left": _polygon(3, 3 / 4, 1.3),
    "pentagon": _polygon(5, 0, 1.15),
    "hexagon": _polygon(6, 0, 1.1),
}


class LogScale(NamedTuple):
    """Maps values onto a line, equal ratios to equal lengths."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + part * (self.end - self.start)

    def clamp(self, value: float) -> float:
        """Return the nearest value that is on the line."""
        return min(max(value, self.low), self.high)

    def decades(self) -> list[float]:
        """Return the powers of ten on the line."""
        first = math.ceil(math.log10(self.low) - 1e-9)
        last = math.floor(math.log10(self.high) + 1e-9)
        return [10.0**power for power in range(first, last + 1)]

    def steps(self) -> list[float]:
        """Return 1, 2 and 5 times the powers of ten on the line."""
        first = math.floor(math.log10(self.low))
        last = math.ceil(math.log10(self.high))
        values = [digit * 10.0**power for power in range(first, last + 1) for digit in (1, 2, 5)]
        return [value for value in values if self.low * 0.999 <= value <= self.high * 1.001]


def apart(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Move places apart, so that texts there do not overlap; the order stays.

    Each is at least `gap` from the next, and all are between `low` and `high`
    if there is the room.
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    places = [max(wanted[index], low + gap * rank) for rank, index in enumerate(order)]
    for rank in range(1, len(places)):
        places[rank] = max(places[rank], places[rank - 1] + gap)
    limit = high
    for rank in range(len(places) - 1, -1, -1):
        places[rank] = min(places[rank], limit)
        limit = places[rank] - gap
    found = [0.0] * len(wanted)
    for place, index in zip(places, order):
        found[index] = place
    return found
