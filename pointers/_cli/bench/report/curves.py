# SPDX-License-Identifier: MIT
"""Curves: how a figure changes with the number of live blocks or of threads."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from pointers._cli.bench.report import svg
from pointers._cli.bench.report.panels import name_text
from pointers._cli.bench.report.style import mark

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LEFT = 58.0
_RIGHT = 122.0
_TOP = 22.0
_BOTTOM = 40.0
_LABEL = 13.0


class Point(NamedTuple):
    """A place of a curve, with its spread."""

    x: float
    median: float
    low: float
    high: float


class Axis(NamedTuple):
    """What an axis says."""

    title: str
    #: A figure, for tips and descriptions.
    write: Callable[[float], str]
    #: A round figure, for ticks.
    tick: Callable[[float], str]


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Return a range that begins and ends at a tick, and has some of them."""
    low, high = min(values), max(values)
    if high / low < 4:
        middle = math.sqrt(low * high)
        low, high = min(low, middle / 2), max(high, middle * 2)
    steps = svg.LogScale(low / 10, high * 10, 0, 1).steps()
    return (
        max(step for step in steps if step <= low),
        min(step for step in steps if step >= high),
    )


def _frame(
    x_scale: svg.LogScale, y_scale: svg.LogScale, x_ticks: Sequence[float], x: Axis, y: Axis
) -> list[str]:
    drawn = []
    steps = y_scale.steps()
    if len(steps) > 9:
        steps = y_scale.decades()
    for value in steps:
        place = y_scale(value)
        drawn.append(svg.line(x_scale.start, place, x_scale.end, place, class_="grid"))
        shown = svg.text(
            x_scale.start - 6, place + 3.5, y.tick(value), text_anchor="end", class_="tick"
        )
        drawn.append(shown)
    for value in x_ticks:
        place = x_scale(value)
        drawn.append(svg.line(place, y_scale.start, place, y_scale.start + 4, class_="grid"))
        drawn.append(
            svg.text(place, y_scale.start + 16, x.tick(value), text_anchor="middle", class_="tick")
        )
    middle = (x_scale.start + x_scale.end) / 2
    drawn.append(svg.text(middle, y_scale.start + 32, x.title, text_anchor="middle", class_="axis"))
    drawn.append(svg.text(4, 11, y.title, class_="axis"))
    return drawn


def _curve(
    name: str,
    points: Sequence[Point],
    x_scale: svg.LogScale,
    y_scale: svg.LogScale,
    x: Axis,
    y: Axis,
) -> list[str]:
    drawn_as = mark(name)
    colour = f"c-{drawn_as.colour}"
    places = [(x_scale(point.x), y_scale(point.median)) for point in points]
    path = "M" + "L".join(f"{px:.1f},{py:.1f}" for px, py in places)
    kind = "curve hollow" if drawn_as.hollow else "curve"
    drawn = [svg.element("path", d=path, class_=f"{kind} {colour}")]
    for point, (px, py) in zip(points, places):
        spread = [y_scale(value) for value in (point.low, point.high)]
        drawn.append(svg.line(px, spread[0], px, spread[1], class_=f"whisker {colour}"))
        drawn.append(drawn_as.draw(px, py, f"{name}, {x.write(point.x)}: {y.write(point.median)}"))
    return drawn


def chart(
    title: str,
    curves: dict[str, list[Point]],
    x: Axis,
    y: Axis,
    *,
    width: float = 520.0,
    height: float = 320.0,
) -> str:
    """Draw curves over logarithmic axes, each with its name where it ends."""
    points = [point for curve in curves.values() for point in curve]
    xs = sorted({point.x for point in points})
    low, high = xs[0], xs[-1]
    if low == high:
        low, high = low / 2, high * 2
    x_scale = svg.LogScale(low, high, _LEFT + 8, width - _RIGHT)
    y_low, y_high = _range([value for point in points for value in (point.low, point.high)])
    y_scale = svg.LogScale(y_low, y_high, height - _BOTTOM, _TOP)
    drawn = _frame(x_scale, y_scale, xs, x, y)
    for name, curve in curves.items():
        drawn += _curve(name, curve, x_scale, y_scale, x, y)
    names = list(curves)
    wanted = [y_scale(curves[name][-1].median) for name in names]
    for name, at, place in zip(names, wanted, svg.apart(wanted, _LABEL, _TOP, height - _BOTTOM)):
        colour = f"c-{mark(name).colour}"
        end = x_scale(curves[name][-1].x)
        start = width - _RIGHT + 20
        drawn.append(svg.line(end + 6, at, start - 3, place, class_=f"leader {colour}"))
        drawn.append(svg.text(start, place + 3.8, name_text(name)))
    told = "; ".join(
        f"{name} from {y.write(curve[0].median)} at {x.write(curve[0].x)} to "
        f"{y.write(curve[-1].median)} at {x.write(curve[-1].x)}"
        for name, curve in curves.items()
    )
    return svg.drawing(width, height, title, f"{y.title} by {x.title}: {told}.", *drawn)
