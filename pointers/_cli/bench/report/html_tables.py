# SPDX-License-Identifier: MIT
"""The report's tables: what the drawings show, as figures."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from pointers._cli.bench.report.table import SHORT, Table, grid, interval_text, ratio_text
from pointers._cli.bench.result import figures
from pointers._cli.bench.result.document import Document, of_experiment, unique
from pointers._cli.bench.result.names import label
from pointers._cli.bench.result.summary import FASTER, SLOWER, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

# A colour is full at 8 times the baseline, or an eighth of it
_FULL = math.log2(8)
_STRONGEST = 0.6


def _cell(content: str, tag: str = "td", attributes: str = "") -> str:
    return f"<{tag}{attributes}>{escape(content)}</{tag}>"


def _html(caption: str, heads: Sequence[str], rows: Sequence[str], n_left: int = 1) -> str:
    head = "".join(
        _cell(name, "th", ' scope="col" class="left"' if index < n_left else ' scope="col"')
        for index, name in enumerate(heads)
    )
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _coloured(case: dict[str, Any] | None) -> str:
    """Return a ratio's cell: blue where it is faster than the baseline, orange where slower."""
    if case is None or case["ratio"] is None:
        status = case["status"] if case else "missing"
        reason = f' title="{escape(case["reason"])}"' if case and case["reason"] else ""
        return _cell(SHORT.get(status, SHORT["missing"]), "td", f' class="none"{reason}')
    tip = f' title="{escape(interval_text(case["ratio"]))}"'
    kind = verdict(case["ratio"])
    if kind not in (FASTER, SLOWER):
        return _cell(ratio_text(case), "td", f' class="none"{tip}')
    power = math.log2(case["ratio"]["median"])
    strength = min(abs(power) / _FULL, 1.0) * _STRONGEST
    return _cell(ratio_text(case), "td", f' class="{kind}" style="--a:{strength:.2f}"{tip}')


def matrix(document: Document, experiment: str) -> str:
    """Return the ratios of an experiment, coloured."""
    found = of_experiment(document, experiment)
    baseline = document["baseline"]
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for case in found:
        rows.setdefault(label(case), {})[case["allocator"]] = case
    others = [name for name in unique(case["allocator"] for case in found) if name != baseline]
    written = []
    for name, row in rows.items():
        base = row.get(baseline)
        cost = base["ns_per_op"] if base else None
        cells = _cell(name, "th", ' scope="row"')
        cells += _cell(figures.nanoseconds(cost["median"]) if cost else SHORT["missing"])
        cells += "".join(_coloured(row.get(other)) for other in others)
        written.append(f"<tr>{cells}</tr>")
    caption = (
        f"Time of one operation with {baseline} malloc, and that of the others as a ratio to it: "
        "blue is faster, orange is slower; grey is no difference that the rounds can tell"
    )
    return _html(caption, ["workload", baseline, *others], written)


def memory(document: Document) -> str:
    """Return the peak memory of the workloads."""
    found = of_experiment(document, "workloads")
    names = unique(case["allocator"] for case in found)
    cells = grid(found)
    rows = []
    for workload in unique(case["workload"] for case in found):
        row = _cell(workload, "th", ' scope="row"')
        for name in names:
            peak = cells.get((workload, name), {}).get("peak_rss_bytes")
            text = figures.digits(peak["median"] / figures.MEBIBYTE) if peak else SHORT["missing"]
            row += _cell(text, "td", "" if peak else ' class="none"')
        rows.append(f"<tr>{row}</tr>")
    return _html("Peak memory in touched pages, MiB", ["workload", *names], rows)


def details(document: Document) -> str:
    """Return every figure of every case."""
    heads = ["workload", "allocator", "median ns", "min", "max", "ratio", "peak RSS"]
    heads += ["RSS / live", "rounds", "remark"]
    rows = []
    for case in document["cases"]:
        cost, peak, part = case["ns_per_op"], case["peak_rss_bytes"], case["fragmentation"]
        row = _cell(label(case), "th", ' scope="row"')
        row += _cell(case["allocator"], "td", ' class="left"')
        for key in ("median", "minimum", "maximum"):
            row += _cell(figures.digits(cost[key]) if cost else "")
        row += _cell(interval_text(case["ratio"]))
        row += _cell(figures.bytes_(peak["median"]) if peak else "")
        row += _cell(figures.digits(part["median"]) if part else "")
        row += _cell(str(cost["rounds"]) if cost else "0")
        remark = "" if case["status"] == "ok" else f"{case['status']}: {case['reason']}"
        row += _cell(remark, "td", ' class="left"')
        rows.append(f"<tr>{row}</tr>")
    return _html("Every case: nanoseconds for one operation", heads, rows, 2)


def plain(table: Table) -> str:
    """Return a table of the terminal as one of the report."""
    rows = [
        "<tr>" + _cell(row[0], "th", ' scope="row"') + "".join(map(_cell, row[1:])) + "</tr>"
        for row in table.rows
    ]
    return _html(table.title, table.heads, rows)
