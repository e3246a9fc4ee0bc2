# SPDX-License-Identifier: MIT
"""Drawings by Altair, made SVG by vl-convert: the extra `report`.  Import fails without it."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert

from pointers._cli.bench.report.style import mark
from pointers._cli.bench.report.table import SHORT, interval_text
from pointers._cli.bench.result import figures
from pointers._cli.bench.result.summary import FASTER, SLOWER, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Case = dict[str, Any]

_WIDTH = 260
_ROW = 17
#: Beyond this factor a ratio is drawn at the edge, or the others could not be told apart.
_MOST = 16.0
_SOFT = "var(--soft)"
_RULE = "var(--rule)"
_CONFIG = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
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
    "legend": {"labelColor": "currentColor", "symbolStrokeWidth": 2, "labelLimit": 160},
    "text": {"color": "currentColor"},
}
_LABELLED = re.compile(r'<(\w+) (aria-label="([^"]*)" role="graphics-symbol" [^>]*?)/>')


def _svg(chart: Any, words: str) -> str:
    """Return a drawing that follows the page's colours; its marks have texts for the mouse."""
    # Altair's own check of what it makes takes longer than the drawing
    specification = chart.configure(**_CONFIG).to_dict(validate=False)
    tipped = _LABELLED.sub(
        r"<\1 \2><title>\3</title></\1>", vl_convert.vegalite_to_svg(specification)
    )
    return tipped.replace("<svg ", f'<svg role="figure" aria-label="{escape(words)}" ', 1)


def _raw(field: str, channel: Any) -> Any:
    """Take a channel's value from the data as it is, without a scale."""
    return channel(field, scale=None, legend=None)


def _style() -> dict[str, Any]:
    """Return how a mark is drawn by its allocator."""
    return {
        "stroke": _raw("colour:N", alt.Stroke),
        "fill": _raw("colour:N", alt.Fill),
        "fillOpacity": _raw("filled:Q", alt.FillOpacity),
        "description": "tip:N",
    }


def _look(allocator: str) -> dict[str, Any]:
    drawn = mark(allocator)
    filled = 0 if drawn.hollow else 1
    return {"colour": f"var(--{drawn.colour})", "shape": drawn.shape, "filled": filled}


def _short(name: str) -> str:
    base = name.rsplit("/", 1)[-1]
    return base if len(base) <= 18 else base[:17] + "…"


def _chart(rows: Sequence[dict[str, Any]]) -> Any:
    return alt.Chart(alt.InlineData(values=list(rows)))


def bounds(ratios: Sequence[float]) -> tuple[float, float]:
    """Return one axis for all ratios of a report, so that its drawings can be compared."""
    inside = [min(max(ratio, 1 / _MOST), _MOST) for ratio in ratios]
    return min([0.5, *inside]), max([2.0, *inside])


def ratios(
    title: str,
    cases: Sequence[Case],
    domain: tuple[float, float],
    earlier: dict[str, list[float]],
    width: int = _WIDTH,
) -> str:
    """Draw ratios: the median, its interval, each round, and medians of earlier runs."""
    rows, points = [], []
    for case in cases:
        name, ratio = case["allocator"], case["ratio"]
        row = {"name": _short(name), **_look(name), "one": 1}
        if ratio is None:
            rows.append({**row, "text": SHORT[case["status"]]})
            continue
        what = verdict(ratio)
        if what not in (FASTER, SLOWER):
            row["colour"] = _SOFT
        beyond = "" if domain[0] <= ratio["median"] <= domain[1] else ", beyond the axis"
        tip = f"{name}: {interval_text(ratio)}, {what}, {ratio['rounds']} rounds{beyond}"
        text = figures.ratio(ratio["median"])
        ends = {"low": ratio["low"] or ratio["median"], "high": ratio["high"] or ratio["median"]}
        rows.append({**row, **ends, "median": ratio["median"], "text": text, "tip": tip})
        kinds = [(one["ratio"], f"round {one['round'] + 1}") for one in case["measurements"]]
        kinds += [(value, "an earlier run") for value in earlier.get(name, [])]
        points += [
            {**row, "value": value, "tip": f"{name}, {kind}: {figures.ratio(value)}"}
            for value, kind in kinds
            if value
        ]
    scale = alt.Scale(type="log", base=2, domain=list(domain), clamp=True, nice=False)
    axis = alt.Axis(title="← faster, slower →", tickCount=6)
    y = alt.Y("name:N", sort=None, title=None)
    known = [row for row in rows if "median" in row]
    layers = [
        _chart(rows[:1]).mark_rule(color=_SOFT, size=1.4).encode(alt.X("one:Q", scale=scale)),
        _chart([one for one in points if "round" in one["tip"]])
        .mark_tick(size=7, thickness=1, opacity=0.6)
        .encode(alt.X("value:Q"), y, _raw("colour:N", alt.Color), description="tip:N"),
        _chart([one for one in points if "round" not in one["tip"]])
        .mark_tick(size=14, thickness=1.5, color=_SOFT)
        .encode(alt.X("value:Q"), y, description="tip:N"),
        _chart(known)
        .mark_rule(size=2, opacity=0.6)
        .encode(alt.X("low:Q"), y, _raw("colour:N", alt.Color), x2="high:Q", description="tip:N"),
        _chart(known)
        .mark_point(size=55, opacity=1)
        .encode(alt.X("median:Q", axis=axis), y, _raw("shape:N", alt.Shape), **_style()),
        _chart(rows)
        .mark_text(align="left", x=width + 6, fontSize=11)
        .encode(y=y, text="text:N", description="text:N"),
    ]
    drawn = alt.layer(*layers).properties(width=width, height=_ROW * len(rows))
    told = ", ".join(f"{row['name']} {row['text']}" for row in rows)
    return _svg(drawn, f"{title}: ratios, lower is better: {told}.")


def memory(title: str, cases: Sequence[Case], live: float | None) -> str:
    """Draw peak memory as bars from zero; a line marks what the workload itself asked for."""
    rows = []
    for case in cases:
        peak, name = case["peak_rss_bytes"], case["allocator"]
        text = figures.bytes_(peak["median"]) if peak else SHORT[case["status"]]
        size = peak["median"] / figures.MEBIBYTE if peak else 0
        row = {"name": _short(name), **_look(name), "size": size, "text": text}
        rows.append({**row, "tip": f"{name}: {text}"})
    y = alt.Y("name:N", sort=None, title=None)
    x = alt.X("size:Q", title="MiB; dashed: asked for" if live else "MiB")
    layers = [
        _chart(rows).mark_bar(size=9).encode(x, y, **_style()),
        _chart(rows)
        .mark_text(align="left", x=_WIDTH + 6, fontSize=11)
        .encode(y=y, text="text:N", description="text:N"),
    ]
    if live:
        asked = [{"live": live / figures.MEBIBYTE, "tip": f"asked for: {figures.bytes_(live)}"}]
        rule = _chart(asked).mark_rule(strokeDash=[3, 2], color="currentColor")
        layers.append(rule.encode(alt.X("live:Q"), description="tip:N"))
    drawn = alt.layer(*layers).properties(width=_WIDTH, height=_ROW * len(rows))
    told = ", ".join(f"{row['name']} {row['text']}" for row in rows)
    return _svg(drawn, f"{title}: peak memory: {told}.")


def curves(
    title: str,
    cases: Sequence[Case],
    by: str,
    axis: str,
    figure: Callable[[float], float],
    write: Callable[[float], str],
) -> str:
    """Draw how a figure changes with the number of live blocks or of threads."""
    rows = []
    for case in cases:
        values = sorted(figure(case["ns_per_op"][key]) for key in ("minimum", "maximum"))
        value, name = figure(case["ns_per_op"]["median"]), case["allocator"]
        tip = f"{name}, {figures.count(case[by])}: {write(value)}"
        ends = {"low": values[0], "high": values[1]}
        row = {"name": _short(name), **_look(name), by: case[by], "value": value}
        rows.append({**row, **ends, "tip": tip})
    looks = {row["name"]: row for row in rows}
    scale = alt.Scale(domain=list(looks), range=[row["colour"] for row in looks.values()])
    shapes = alt.Scale(domain=list(looks), range=[row["shape"] for row in looks.values()])
    counts = sorted({case[by] for case in cases})
    x_scale = alt.Scale(type="log", nice=False, padding=10)
    ticks = alt.Axis(values=counts, format="~s", title=by.replace("blocks", "live blocks"))
    x = alt.X(f"{by}:Q", scale=x_scale, axis=ticks)
    y_scale = alt.Scale(type="log", nice=False, padding=8)
    # The title stands above the axis, where there is room for it
    above = {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "end", "titleX": 0, "titleY": -8}
    y = alt.Y(
        "value:Q", scale=y_scale, axis=alt.Axis(title=axis, format="~g", tickCount=5, **above)
    )
    colour = alt.Color("name:N", scale=scale, sort=None, title=None)
    layers = [
        _chart(rows).mark_line(size=1.6).encode(x, y, colour, alt.Detail("name:N")),
        _chart(rows).mark_rule(opacity=0.5).encode(x, alt.Y("low:Q"), colour, y2="high:Q"),
        _chart(rows)
        .mark_point(size=45, opacity=1)
        .encode(
            *(x, y, colour, alt.Shape("name:N", scale=shapes, sort=None, title=None)),
            fill=_raw("colour:N", alt.Fill),
            fillOpacity=_raw("filled:Q", alt.FillOpacity),
            description="tip:N",
        ),
    ]
    drawn = alt.layer(*layers).properties(width=380, height=260)
    told = "; ".join(row["tip"] for row in rows)
    return _svg(drawn, f"{title}: {axis}: {told}.")
