# SPDX-License-Identifier: MIT
"""The report: one HTML file with its drawings inside, which needs nothing else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from pointers._cli.bench.report import curves, history, html_tables, machine, panels, svg
from pointers._cli.bench.report.style import CSS
from pointers._cli.bench.result import figures, verdicts
from pointers._cli.bench.result.document import Document, of_experiment, unique
from pointers._cli.bench.result.doubts import doubts
from pointers._cli.bench.result.glance import glances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pointers._cli.bench.report.history import Earlier

Case = dict[str, Any]

_WIDE = 640.0


def _figure(title: str, subtitle: str, drawing: str, kind: str = "") -> str:
    attributes = f' class="{kind}"' if kind else ""
    caption = escape(title) + (f" <span>{escape(subtitle)}</span>" if subtitle else "")
    return f"<figure{attributes}><figcaption>{caption}</figcaption>{drawing}</figure>"


def _paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def _by(cases: Sequence[Case], name: str) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(case[name], []).append(case)
    return found


def _ratio_scale(document: Document, width: float = panels.WIDTH) -> svg.LogScale:
    """Return one scale for the panels of the whole report."""
    found = [case["ratio"] for case in of_experiment(document, "workloads") if case["ratio"]]
    return panels.ratio_scale([ratio["median"] for ratio in found], width)


def _glance(document: Document, baseline: str) -> str:
    cases = of_experiment(document, "workloads")
    n_workloads = len(unique(case["workload"] for case in cases))
    rows: list[tuple[str, dict[str, Any] | None, str]] = []
    for found in glances(cases):
        if found.mean is None:
            rows.append((found.allocator, None, "missing"))
        elif found.allocator != baseline:
            summary = {"median": found.mean, "minimum": found.best, "maximum": found.worst}
            rows.append((found.allocator, {**summary, "rounds": found.n_served}, "ok"))
    if not rows:
        return ""
    served = ", ".join(
        f"{found.allocator} {found.n_served}"
        for found in glances(cases)
        if found.n_served < n_workloads
    )
    sentence = (
        f"Each mark is the geometric mean over the {n_workloads} workloads of the time of one "
        f"operation, as a ratio to {baseline} malloc: lower, which is further left, is better. "
        "The line goes from an allocator's best workload to its worst."
    )
    if served:
        sentence += f" Not all serve all workloads, and their means compare less: {served}."
    drawing = panels.ratio_panel(
        "All workloads", rows, _ratio_scale(document, _WIDE), {}, "Geometric means of the ratios"
    )
    return (
        "<h2>At a glance</h2>"
        + _paragraph(sentence)
        + "".join(_paragraph(found) for found in verdicts.of_all(document))
        + _figure("All workloads", f"ratio to {baseline} malloc, log scale", drawing, "one")
        + html_tables.matrix(document, "workloads")
    )


def _workloads(document: Document, baseline: str, earlier: Sequence[Earlier]) -> str:
    scale = _ratio_scale(document)
    about = {workload["name"]: workload["description"] for workload in document["workloads"]}
    drawn = []
    for workload, cases in _by(of_experiment(document, "workloads"), "workload").items():
        base = [case["ns_per_op"] for case in cases if case["allocator"] == baseline]
        cost = figures.nanoseconds(base[0]["median"]) if base and base[0] else "not measured"
        rows = [
            (case["allocator"], case["ratio"], case["status"])
            for case in cases
            if case["allocator"] != baseline
        ]
        if not rows:
            continue
        before = {
            case["allocator"]: [ratio for ratio in history.ratios(case, earlier) if ratio]
            for case in cases
        }
        sentence = f"Time of one operation as a ratio to {baseline} malloc, lower is better"
        drawing = panels.ratio_panel(workload, rows, scale, before, sentence)
        note = about.get(workload, "")
        caption = f"{baseline}: {cost}" + (f" — {note}" if note else "")
        caption += f". {verdicts.of_workload(cases, baseline)}"
        drawn.append(_figure(workload, caption, drawing))
    if not drawn:
        return ""
    text = (
        f"Time of one operation as a ratio to {baseline} malloc, in the same round: lower, which "
        "is further left, is better. The axis is logarithmic and the same in all panels; the "
        "thick line is 1. A mark is the median of the rounds, the line through it goes from the "
        "least to the most. Hollow marks are checked blocks; an arrow at the edge is beyond the "
        "axis."
    )
    if earlier:
        text += " Grey strokes are the medians of the earlier runs."
    return (
        "<h2>Time, by workload</h2>"
        + _paragraph(text)
        + f'<div class="panels">{"".join(drawn)}</div>'
    )


def _memory(document: Document) -> str:
    drawn = []
    for workload, cases in _by(of_experiment(document, "workloads"), "workload").items():
        rows = [(case["allocator"], case["peak_rss_bytes"], case["status"]) for case in cases]
        live = [
            measured["peak_live_bytes"]
            for case in cases
            for measured in case["measurements"]
            if measured["peak_live_bytes"]
        ]
        if any(summary for _, summary, _ in rows):
            drawing = panels.memory_panel(workload, rows, max(live) if live else None)
            drawn.append(_figure(workload, "peak RSS", drawing))
    if not drawn:
        return ""
    text = (
        "Peak memory, in touched pages beyond those at the start: shorter is better. The dashed "
        "line is what the workload had asked for at most at any one time; what is beyond it is "
        "the allocator's overhead and its bookkeeping."
    )
    return (
        "<h2>Memory, by workload</h2>"
        + _paragraph(text)
        + f'<div class="panels">{"".join(drawn)}</div>'
        + html_tables.memory(document)
    )


def _points(cases: Sequence[Case], x: str, figure: Any) -> dict[str, list[curves.Point]]:
    found: dict[str, list[curves.Point]] = {}
    for case in cases:
        if case["ns_per_op"] and case[x]:
            point = curves.Point(case[x], *figure(case["ns_per_op"]))
            found.setdefault(case["allocator"], []).append(point)
    return {name: sorted(points) for name, points in found.items()}


def _cost(summary: dict[str, float]) -> tuple[float, float, float]:
    return summary["median"], summary["minimum"], summary["maximum"]


def _rate(summary: dict[str, float]) -> tuple[float, float, float]:
    """Return millions of operations in a second."""
    return tuple(1e3 / summary[key] for key in ("median", "maximum", "minimum"))  # type: ignore[return-value]


def _live_blocks(document: Document) -> str:
    cases = of_experiment(document, "live-blocks")
    drawn = []
    for workload, group in _by(cases, "workload").items():
        points = _points(group, "blocks", _cost)
        if points:
            x = curves.Axis("live blocks", figures.count, figures.count)
            y = curves.Axis(
                "time of one operation (lower is better)",
                figures.nanoseconds,
                figures.short_nanoseconds,
            )
            drawing = curves.chart(workload, points, x, y, width=760, height=380)
            drawn.append(_figure(workload, "log scales", drawing, "one"))
    if not drawn:
        return ""
    text = (
        "What one operation costs while so many blocks are live. A flat curve means that the cost "
        "does not grow with the number of blocks; a rise towards the right is mostly the "
        "processor's caches, for every allocator."
    )
    return (
        "<h2>Scaling: live blocks</h2>"
        + _paragraph(text)
        + "".join(drawn)
        + html_tables.matrix(document, "live-blocks")
    )


def _threads(document: Document) -> str:
    drawn = []
    for workload, group in _by(of_experiment(document, "threads"), "workload").items():
        points = _points(group, "threads", _rate)
        if points:
            x = curves.Axis("threads", figures.count, figures.count)
            y = curves.Axis(
                "million operations per second, all threads (higher is better)",
                figures.digits,
                figures.count,
            )
            drawing = curves.chart(workload, points, x, y)
            drawn.append(_figure(workload, "log scales", drawing))
    if not drawn:
        return ""
    cores = document["machine"]["cores"]
    text = (
        f"Operations of all threads together; the machine has {cores} cores for this process, and "
        "more threads than that share them. Curves that rise with the cores scale."
    )
    return (
        "<h2>Scaling: threads</h2>"
        + _paragraph(text)
        + f'<div class="wide">{"".join(drawn)}</div>'
        + html_tables.matrix(document, "threads")
    )


def _earlier(document: Document, earlier: Sequence[Earlier]) -> str:
    if not earlier:
        return ""
    warnings = [
        _paragraph(f"May not compare: {remark}.", "warning")
        for remark in history.remarks(document, earlier)
    ]
    found = history.table(document, earlier)
    table = html_tables.plain(found) if found.rows else _paragraph("No case is in both.")
    warnings += [_paragraph(one) for one in history.differences(document, earlier)]
    return "<h2>Beside earlier runs</h2>" + "".join(warnings) + table


def _method(document: Document) -> str:
    parameters = document["parameters"]
    facts = {
        "machine": machine.text(document["machine"]),
        "date": document["date"],
        "took": f"{document['seconds']:.0f} s",
        "package": " ".join(document["package"].values()),
        "rounds": f"{parameters['rounds']}, in each all cases in an order shuffled by seed "
        f"{parameters['seed']}; those that are compared run one after the other, each in a "
        "process of its own",
        "quick": "yes: smaller workloads" if parameters["quick"] else "no",
    }
    facts.update(
        {one["name"]: one["path"] or one["spec"] for one in document["allocators"]},
    )
    terms = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items()
    )
    return f"<h2>How it was measured</h2><dl>{terms}</dl>"


def page(document: Document, earlier: Sequence[Earlier] = ()) -> str:
    """Return the report."""
    baseline = document["baseline"]
    warnings = (
        [] if document["complete"] else ["This run was interrupted: what follows is incomplete."]
    )
    warnings += [*document["notes"], *doubts(document)]
    body = [
        "<h1>Allocators compared</h1>",
        _paragraph(
            f"{machine.text(document['machine'])}. {document['date'][:10]}, "
            f"{' '.join(document['package'].values())}.",
            "soft",
        ),
        *(_paragraph(warning, "warning") for warning in warnings),
        _glance(document, baseline),
        _workloads(document, baseline, earlier),
        _memory(document),
        _live_blocks(document),
        _threads(document),
        _earlier(document, earlier),
        "<h2>All figures</h2><details><summary>Every case, with its spread</summary>",
        html_tables.details(document),
        "</details>",
        _method(document),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Allocators compared</title><style>{CSS}</style></head>\n"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )
