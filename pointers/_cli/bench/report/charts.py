# SPDX-License-Identifier: MIT
"""Drawings by Altair, made SVG by vl-convert: the extra `report`.  Import fails without it.

An allocator has one colour and one shape in all drawings. The colours are
Okabe's and Ito's, which people of every colour vision tell apart, darker where
a light ground wants it.  Shapes say the same again.
"""

from __future__ import annotations

import re
import zlib
from html import escape
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert

from pointers._cli.bench.report.table import SHORT, interval_text
from pointers._cli.bench.result import figures
from pointers._cli.bench.result.document import CHECKED
from pointers._cli.bench.result.summary import FASTER, SLOWER, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pointers._cli.bench.result.schema import Case, Summary

    Row = dict[str, Any]

#: Colour on a light ground, on a dark one, shape.
COLOURS = {
    "direct": ("#7a7a7a", "#9a9a9a", "triangle-down"),
    "system": ("#1a1a1a", "#f2f2f2", "square"),
    "arena": ("#d98c00", "#e69f00", "triangle-up"),
    "pool": ("#008f68", "#1fbf92", "circle"),
    "guard": ("#d55e00", "#ee7b2b", "diamond"),
    "mimalloc": ("#0072b2", "#4aa8e0", "cross"),
    "jemalloc": ("#b8608f", "#dd92bb", "square"),
    "tcmalloc": ("#2f9bd0", "#7cc8f0", "triangle-right"),
    "other0": ("#8a7f00", "#e8dc50", "triangle-left"),
    "other1": ("#6a4fb0", "#b39ae8", "triangle-up"),
    "other2": ("#8c4a2f", "#d29a7e", "circle"),
}
_N_OTHERS = 3

_WIDTH = 260
_ROW = 17
#: Beyond this factor a ratio is drawn at the edge, or the others could not be told apart.
_MOST = 16.0
_SOFT = "var(--soft)"
_RULE = "var(--rule)"
_CONFIG = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    # Browsers have wider letters than those that vl-convert measures
    "padding": {"left": 16, "right": 24, "top": 4, "bottom": 4},
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": _SOFT,
        "titleFontWeight": "normal",
        "gridColor": _RULE,
        "domainColor": _RULE,
        "tickColor": _RULE,
        "labelFontSize": 11,
        "labelLimit": 130,
    },
    "legend": {
        "labelColor": "currentColor",
        "symbolStrokeWidth": 2,
        "symbolOpacity": 1,
        "labelLimit": 160,
    },
    "text": {"color": "currentColor", "align": "left", "fontSize": 11},
}
_LABELLED = re.compile(r'<(\w+) (aria-label="([^"]*)" role="graphics-symbol" [^>]*?)/>')


def look(allocator: str) -> Row:
    """Return how an allocator is drawn, in every report: checked ones are hollow."""
    checked = allocator.endswith(CHECKED)
    base = allocator[: -len(CHECKED)] if checked else allocator
    if base not in COLOURS:
        base = f"other{zlib.crc32(base.encode()) % _N_OTHERS}"
    name = allocator.rsplit("/", 1)[-1]
    return {
        "name": name if len(name) <= 18 else name[:17] + "…",
        "colour": f"var(--{base})",
        "shape": COLOURS[base][2],
        "fill": "transparent" if checked else f"var(--{base})",
    }


def _svg(chart: Any, words: str) -> str:
    """Return a drawing that follows the page's colours; its marks have texts for the mouse."""
    # Altair's own check of what it makes takes longer than the drawing
    specification = chart.configure(**_CONFIG).to_dict(validate=False)
    tipped = _LABELLED.sub(
        r"<\1 \2><title>\3</title></\1>", vl_convert.vegalite_to_svg(specification)
    )
    return tipped.replace("<svg ", f'<svg role="figure" aria-label="{escape(words)}" ', 1)


def _chart(rows: Sequence[Row]) -> Any:
    return alt.Chart(alt.InlineData(values=list(rows))).encode(description="tip:N")


def _raw(field: str, channel: Any) -> Any:
    """Take a channel's value from the data as it is, without a scale."""
    return channel(field, scale=None, legend=None)


def _filled() -> dict[str, Any]:
    """Return the channels of a mark that is hollow for checked blocks."""
    return {
        "stroke": _raw("colour:N", alt.Stroke),
        "fill": _raw("fill:N", alt.Fill),
    }


def _names(rows: Sequence[Row]) -> Any:
    """Return the axis with an allocator for each row, in the order of the rows."""
    return alt.Y("name:N", sort=[row["name"] for row in rows], title=None)


def _beside(rows: Sequence[Row], layers: Sequence[Any], words: str) -> str:
    """Return a drawing of layers over rows, with the figure of each row beside it."""
    texts = _chart(rows).mark_text(x=_WIDTH + 6)
    texts = texts.encode(y=_names(rows), text="text:N", description="text:N")
    drawn = alt.layer(*layers, texts).properties(width=_WIDTH, height=_ROW * len(rows))
    told = ", ".join(f"{row['name']} {row['text']}" for row in rows)
    return _svg(drawn, f"{words}: {told}.")


def bounds(ratios: Sequence[float]) -> list[float]:
    """Return one axis for all ratios of a report, so that its drawings can be compared."""
    inside = [min(max(ratio, 1 / _MOST), _MOST) for ratio in ratios]
    return [min([0.5, *inside]), max([2.0, *inside])]


def _ratio_row(drawn: Row, name: str, ratio: Summary, domain: Sequence[float]) -> Row:
    median, what = ratio["median"], verdict(ratio)
    beyond = "" if domain[0] <= median <= domain[1] else ", beyond the axis"
    grey = {} if what in (FASTER, SLOWER) else {"colour": _SOFT}
    if grey and drawn["fill"] != "transparent":
        grey["fill"] = _SOFT
    return {
        **drawn,
        **grey,
        "median": median,
        "low": ratio["low"] or median,
        "high": ratio["high"] or median,
        "text": figures.ratio(median),
        "tip": f"{name}: {interval_text(ratio)}, {what}, {ratio['rounds']} rounds{beyond}",
    }


def ratios(
    title: str,
    cases: Sequence[Case],
    domain: Sequence[float],
    earlier: dict[str, list[float]],
) -> str:
    """Draw ratios: the median, its interval, each round, and medians of earlier runs."""
    rows: list[Row] = []
    rounds: list[Row] = []
    before: list[Row] = []
    for case in cases:
        name = case["allocator"]
        row = {**look(name), "one": 1}
        if case["ratio"] is None:
            rows.append({**row, "text": SHORT[case["status"]]})
            continue
        row = _ratio_row(row, name, case["ratio"], domain)
        rows.append(row)
        for one in case["measurements"]:
            if one["ratio"]:
                tip = f"{name}, round {one['round'] + 1}: {figures.ratio(one['ratio'])}"
                rounds.append({**row, "value": one["ratio"], "tip": tip})
        for value in earlier.get(name, []):
            tip = f"{name}, an earlier run: {figures.ratio(value)}"
            before.append({**row, "value": value, "tip": tip})
    scale = alt.Scale(type="log", base=2, domain=domain, clamp=True, nice=False)
    axis = alt.Axis(title="← faster, slower →", tickCount=6)
    y, colour = _names(rows), _raw("colour:N", alt.Color)
    known = _chart([row for row in rows if "median" in row])
    layers = [
        _chart(rows[:1])
        .mark_rule(color=_SOFT, size=1.4)
        .encode(alt.X("one:Q", scale=scale, axis=axis)),
        _chart(rounds)
        .mark_tick(size=7, thickness=1, opacity=0.6)
        .encode(alt.X("value:Q"), y, colour),
        _chart(before).mark_tick(size=14, thickness=1.5, color=_SOFT).encode(alt.X("value:Q"), y),
        known.mark_rule(size=2, opacity=0.6).encode(alt.X("low:Q"), y, colour, x2="high:Q"),
        known.mark_point(size=55, opacity=1).encode(
            alt.X("median:Q"), y, _raw("shape:N", alt.Shape), **_filled()
        ),
    ]
    return _beside(rows, layers, f"{title}: ratios, lower is better")


def memory(title: str, cases: Sequence[Case], live: int | None) -> str:
    """Draw by how much memory grew as bars; a line marks what the workload had asked for."""
    rows: list[Row] = []
    for case in cases:
        peak = case["peak_rss_bytes"]
        text = figures.bytes_(peak["median"]) if peak else SHORT[case["status"]]
        row = {**look(case["allocator"]), "text": text, "tip": f"{case['allocator']}: {text}"}
        rows.append({**row, "size": peak["median"] / figures.MEBIBYTE if peak else 0})
    title_ = "MiB; dashed: asked for" if live else "MiB"
    axis = alt.X("size:Q", axis=alt.Axis(title=title_, tickCount=5))
    layers = [_chart(rows).mark_bar(size=9).encode(axis, _names(rows), **_filled())]
    if live:
        asked = {"live": live / figures.MEBIBYTE, "tip": f"asked for: {figures.bytes_(live)}"}
        rule = _chart([asked]).mark_rule(strokeDash=[3, 2], color="currentColor")
        layers.append(rule.encode(alt.X("live:Q")))
    return _beside(rows, layers, f"{title}: growth of memory")


def curves(
    title: str,
    cases: Sequence[Case],
    by: str,
    axis: str,
    figure: Callable[[float], float],
    write: Callable[[float], str],
) -> str:
    """Draw how a figure changes with the number of live blocks or of threads."""
    rows: list[Row] = []
    for case in cases:
        cost, count = case["ns_per_op"], case["blocks"] or case["threads"] or 0
        if cost is None:
            continue
        value = figure(cost["median"])
        row = {**look(case["allocator"]), "count": count, "value": value}
        ends = {"low": figure(cost["minimum"]), "high": figure(cost["maximum"])}
        tip = f"{case['allocator']}, {figures.count(count)}: {write(value)}"
        rows.append({**row, **ends, "tip": tip})
    looks = {row["name"]: row for row in rows}
    # A legend wants scales
    colour, fill, shape = (
        channel(
            "name:N",
            scale=alt.Scale(domain=list(looks), range=[row[name] for row in looks.values()]),
            sort=None,
            title=None,
        )
        for channel, name in ((alt.Color, "colour"), (alt.Fill, "fill"), (alt.Shape, "shape"))
    )
    counts = sorted({row["count"] for row in rows})
    x = alt.X(
        "count:Q",
        scale=alt.Scale(type="log", nice=False, padding=10),
        axis=alt.Axis(values=counts, format="~s", title=by),
    )
    # The title stands above the axis, where there is room for it
    place: dict[str, Any] = {"titleAlign": "left", "titleAnchor": "end", "titleX": 0, "titleY": -8}
    y_axis = alt.Axis(title=axis, format="~g", tickCount=5, titleAngle=0, **place)
    y = alt.Y("value:Q", scale=alt.Scale(type="log", nice=False, padding=8), axis=y_axis)
    layers = [
        _chart(rows).mark_line(size=1.6).encode(x, y, colour, alt.Detail("name:N")),
        _chart(rows).mark_rule(opacity=0.5).encode(x, alt.Y("low:Q"), colour, y2="high:Q"),
        _chart(rows).mark_point(size=45, opacity=1).encode(x, y, colour, fill, shape),
    ]
    drawn = alt.layer(*layers).properties(width=380, height=260)
    return _svg(drawn, f"{title}: {axis}: {'; '.join(row['tip'] for row in rows)}.")
