# SPDX-License-Identifier: MIT
"""Panels with a row for each allocator: the ratio to the baseline, and memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pointers._cli.bench.report import svg
from pointers._cli.bench.report.style import mark
from pointers._cli.bench.report.table import SHORT
from pointers._cli.bench.result import figures

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 360.0
_LEFT = 106.0
_RIGHT = 62.0
_ROW = 17.0
_TOP = 4.0
_AXIS = 32.0

#: Beyond this a ratio is drawn as an arrow at the edge, or the others could not be told apart.
_MOST = 16.0


def name_text(name: str) -> str:
    """Return an allocator's name, shortened to what fits beside its row."""
    base = name.rsplit("/", 1)[-1]
    return base if len(base) <= 16 else base[:15] + "…"


def ratio_scale(ratios: Sequence[float], width: float = WIDTH) -> svg.LogScale:
    """Return one scale for all panels of a report, so that they can be compared."""
    low = min([0.5, *(max(ratio, 1 / _MOST) for ratio in ratios)])
    high = max([2.0, *(min(ratio, _MOST) for ratio in ratios)])
    # Whole powers of two, which is where the ticks are
    low = 2.0 ** math.floor(math.log2(low) + 1e-9)
    high = 2.0 ** math.ceil(math.log2(high) - 1e-9)
    return svg.LogScale(low, high, _LEFT + 8, width - _RIGHT - 8)


def _power_text(value: float) -> str:
    return f"{value:g}" if value >= 1 else f"1/{1 / value:g}"


def _row_frame(index: int, name: str, width: float) -> list[str]:
    """Draw a row's ground and its name."""
    y = _TOP + _ROW * index
    band = [
        svg.element("rect", x=0, y=y, width=width, height=_ROW, class_="band")
        if index % 2 == 0
        else ""
    ]
    return [*band, svg.text(_LEFT - 6, y + 12.5, name_text(name), text_anchor="end")]


def _ratio_axis(scale: svg.LogScale, rows: int) -> list[str]:
    bottom = _TOP + _ROW * rows
    drawn = []
    n_powers = round(math.log2(scale.high / scale.low))
    powers = [scale.low * 2.0**n for n in range(n_powers + 1)]
    for value in powers:
        x = scale(value)
        kind = "unit" if value == 1 else "grid"
        drawn.append(svg.line(x, _TOP, x, bottom + 3, class_=kind))
        # Every other one where there are many, and always 1
        if n_powers <= 6 or round(math.log2(value)) % 2 == 0:
            shown = svg.text(
                x,
                bottom + 13,
                _power_text(value),
                text_anchor="middle",
                class_="tick strong" if value == 1 else "tick",
            )
            drawn.append(shown)
    drawn.append(svg.text(scale.start, bottom + 26, "← faster", class_="axis tick"))
    drawn.append(
        svg.text(scale.end, bottom + 26, "slower →", text_anchor="end", class_="axis tick")
    )
    return drawn


def _ratio_row(
    index: int, name: str, summary: dict[str, Any], scale: svg.LogScale, earlier: Sequence[float]
) -> list[str]:
    y = _TOP + _ROW * (index + 0.5)
    drawn_as = mark(name)
    median, low, high = (summary[key] for key in ("median", "minimum", "maximum"))
    tip = (
        f"{name}: {figures.ratio(median)} {figures.TIMES} (from {figures.ratio(low)} to "
        f"{figures.ratio(high)}, {summary['rounds']} rounds)"
    )
    drawn = [
        svg.line(scale(value), y - 5.5, scale(value), y + 5.5, class_="earlier")
        for value in map(scale.clamp, earlier)
    ]
    x = scale(scale.clamp(median))
    if scale.clamp(median) == median:
        whisker = [scale(scale.clamp(value)) for value in (low, high)]
        drawn.append(svg.line(whisker[0], y, whisker[1], y, class_=f"whisker c-{drawn_as.colour}"))
        drawn.append(drawn_as.draw(x, y, tip))
    else:
        shape = "right" if median > scale.high else "left"
        drawn.append(drawn_as._replace(shape=shape).draw(x, y, tip + ", beyond the axis", 6))
    drawn.append(
        svg.text(
            scale.end + _RIGHT,
            y + 4,
            f"{figures.ratio(median)} {figures.TIMES}",
            text_anchor="end",
            class_="value",
        )
    )
    return drawn


def ratio_panel(
    title: str,
    rows: Sequence[tuple[str, dict[str, Any] | None, str]],
    scale: svg.LogScale,
    earlier: dict[str, list[float]],
    sentence: str,
) -> str:
    """Draw ratios: of each row a name, a summary, or else the status that tells why not."""
    drawn: list[str] = []
    width = scale.end + _RIGHT + 8
    for index, (name, _, _) in enumerate(rows):
        drawn += _row_frame(index, name, width)
    drawn += _ratio_axis(scale, len(rows))
    told = []
    for index, (name, summary, status) in enumerate(rows):
        if summary is None:
            drawn.append(_absent(index, status, width))
            told.append(f"{name} {SHORT[status]}")
        else:
            drawn += _ratio_row(index, name, summary, scale, earlier.get(name, []))
            told.append(f"{name} {figures.ratio(summary['median'])}")
    height = _TOP + _ROW * len(rows) + _AXIS
    return svg.drawing(width, height, title, f"{sentence}: {', '.join(told)}.", *drawn)


def _absent(index: int, status: str, width: float) -> str:
    y = _TOP + _ROW * (index + 0.5)
    return svg.text(width - 8, y + 4, SHORT[status], text_anchor="end", class_="axis")


def memory_panel(
    title: str, rows: Sequence[tuple[str, dict[str, Any] | None, str]], live: float | None
) -> str:
    """Draw peak memory as bars from zero; a line marks what the workload itself asked for."""
    peaks = [summary["maximum"] for _, summary, _ in rows if summary]
    most = max([*peaks, live or 0.0, 1.0])
    start, end = _LEFT, WIDTH - _RIGHT - 8
    length = end - start
    drawn: list[str] = []
    told = []
    for index, (name, summary, status) in enumerate(rows):
        drawn += _row_frame(index, name, WIDTH)
        if summary is None:
            drawn.append(_absent(index, status, WIDTH))
            told.append(f"{name} {SHORT[status]}")
            continue
        y = _TOP + _ROW * index
        drawn_as = mark(name)
        shown = figures.bytes_(summary["median"])
        kind = "bar hollow" if drawn_as.hollow else "bar"
        bar = svg.element(
            "rect",
            svg.tip(f"{name}: {shown}"),
            x=start,
            y=y + 3.5,
            width=max(length * summary["median"] / most, 0.5),
            height=_ROW - 7,
            class_=f"{kind} c-{drawn_as.colour}",
        )
        drawn.append(bar)
        drawn.append(svg.text(WIDTH - 4, y + 12.5, shown, text_anchor="end", class_="value"))
        told.append(f"{name} {shown}")
    bottom = _TOP + _ROW * len(rows)
    if live:
        x = start + length * live / most
        drawn.append(svg.line(x, _TOP, x, bottom + 2, class_="unit", stroke_dasharray="3 2"))
        label = f"asked for: {figures.bytes_(live)}"
        anchor = "start" if x < (start + end) / 2 else "end"
        drawn.append(svg.text(x, bottom + 13, label, text_anchor=anchor, class_="tick"))
        told.append(label)
    return svg.drawing(WIDTH, bottom + 20, title, f"Peak memory: {', '.join(told)}.", *drawn)
