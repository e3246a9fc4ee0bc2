# SPDX-License-Identifier: MIT
"""Tables: what they say in the terminal and in the report, and how they look as plain text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from pointers._cli.bench.result import figures
from pointers._cli.bench.result.document import Document, of_experiment, unique
from pointers._cli.bench.result.names import label
from pointers._cli.bench.result.summary import FASTER, SAME, SLOWER, UNKNOWN, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_GAP = "  "
#: What stands where there is no figure.
SHORT = {
    "ok": "-",
    "unsupported": "n/a",
    "failed": "FAILED",
    "killed": "KILLED",
    "timeout": "too slow",
    "missing": "-",
}


# A colour is full at 8 times the baseline, or an eighth of it
_FULL = math.log2(8)
_STRONGEST = 0.6


class Cell(str):
    """A text, with what a page shows of it in addition."""

    __slots__ = ("kind", "strength", "tip", "value")

    def __init__(self, _text: str = "") -> None:
        super().__init__()
        #: The class in HTML, the text under the mouse, how strong the colour is.
        self.kind = self.tip = ""
        self.strength = 0.0
        #: What the cell is sorted by.
        self.value: float | None = None


class Table(NamedTuple):
    """A table: the first column names the rows, the others are right-aligned."""

    title: str
    heads: list[str]
    rows: list[list[str]]
    #: By which a report finds it.
    key: str = ""


def number(value: float, text: str) -> Cell:
    """Return the cell of a figure."""
    cell = Cell(text)
    cell.value = value
    return cell


def ratio_text(case: dict[str, Any] | None) -> str:
    """Write a case's ratio if it is a difference, or why there is none."""
    if case is None:
        return SHORT["missing"]
    ratio = case["ratio"]
    if ratio is None:
        return SHORT.get(case["status"], SHORT["missing"])
    what = verdict(ratio)
    if what == UNKNOWN:
        return f"{figures.ratio(ratio['median'])} ?"
    return SAME if what == SAME else figures.ratio(ratio["median"]) + figures.TIMES


def interval_text(ratio: dict[str, Any] | None) -> str:
    """Write a ratio's median and its interval; empty if there is no ratio."""
    if not ratio:
        return ""
    if ratio["low"] is None:
        return f"{figures.ratio(ratio['median'])} ?"
    ends = f"{figures.ratio(ratio['low'])} to {figures.ratio(ratio['high'])}"
    return f"{figures.ratio(ratio['median'])} ({ends})"


def ratio_cell(case: dict[str, Any] | None) -> Cell:
    """Return a ratio's cell: coloured if it is a difference."""
    cell = Cell(ratio_text(case))
    cell.kind = "none"
    if case is None or case["ratio"] is None:
        cell.tip = case["reason"] if case else ""
        return cell
    what, median = verdict(case["ratio"]), case["ratio"]["median"]
    cell.value = median
    cell.tip = interval_text(case["ratio"])
    if what in (FASTER, SLOWER):
        cell.kind = what
        cell.strength = min(abs(math.log2(median)) / _FULL, 1.0) * _STRONGEST
    return cell


def grid(cases: Sequence[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return cases by workload and allocator."""
    return {(case["workload"], case["allocator"]): case for case in cases}


_TITLES = {
    "workloads": "Cost of one operation",
    "live-blocks": "Cost of one operation by the number of live blocks",
    "threads": "Cost of one operation by the number of threads",
}


def _matrix(document: Document, experiment: str) -> Table:
    """Ratios: a row for each workload, a column for each allocator."""
    baseline = document["baseline"]
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    found = of_experiment(document, experiment)
    for case in found:
        rows.setdefault(label(case), {})[case["allocator"]] = case
    others = [name for name in unique(c["allocator"] for c in found) if name != baseline]
    table = Table(
        f"{_TITLES[experiment]}, as a ratio to {baseline} malloc (lower is better; median of the "
        "rounds; ?: too few rounds to tell)",
        ["workload", f"{baseline}, ns", *others],
        [],
        experiment,
    )
    for name, row in rows.items():
        base = row.get(baseline)
        cost = base["ns_per_op"] if base else None
        median = cost["median"] if cost else 0.0
        cell = number(median, figures.digits(median)) if cost else SHORT["missing"]
        table.rows.append([name, cell, *(ratio_cell(row.get(other)) for other in others)])
    return table


def _memory(document: Document) -> Table:
    found = of_experiment(document, "workloads")
    allocators = unique(case["allocator"] for case in found)
    cells = grid(found)
    title = "Peak memory in touched pages, MiB (lower is better)"
    table = Table(title, ["workload"], [], "memory")
    table.heads.extend(allocators)
    for workload in unique(case["workload"] for case in found):
        row = [workload]
        for allocator in allocators:
            peak = cells.get((workload, allocator), {}).get("peak_rss_bytes")
            mebibytes = peak["median"] / figures.MEBIBYTE if peak else 0.0
            text = figures.digits(mebibytes) if peak else SHORT["missing"]
            row.append(number(mebibytes, text) if peak else text)
        table.rows.append(row)
    return table


def _details(document: Document) -> Table:
    """Every case, with all its figures."""
    heads = ["workload", "allocator", "ns/op", "min", "max", "ratio", "peak", "peak / live"]
    table = Table("All cases", [*heads, "rounds", "remark"], [], "details")
    for case in document["cases"]:
        cost, peak, part = case["ns_per_op"], case["peak_rss_bytes"], case["fragmentation"]
        row: list[str] = [label(case), case["allocator"]]
        if cost is None:
            row += [SHORT[case["status"]], "", "", "", "", "", "0"]
        else:
            costs = [cost[key] for key in ("median", "minimum", "maximum")]
            row += [number(value, figures.digits(value)) for value in costs]
            ratio = ratio_cell(case)
            row.append(number(ratio.value or 0.0, interval_text(case["ratio"])))
            row.append(number(peak["median"], figures.bytes_(peak["median"])))
            row.append(number(part["median"], figures.digits(part["median"])) if part else "")
            row.append(str(cost["rounds"]))
        row.append("" if case["status"] == "ok" else f"{case['status']}: {case['reason']}")
        table.rows.append(row)
    return table


def tables(document: Document, *, details: bool) -> list[Table]:
    """Return the tables of a document."""
    experiments = unique(case["experiment"] for case in document["cases"])
    found = [_matrix(document, experiment) for experiment in experiments]
    if "workloads" in experiments:
        found.insert(1, _memory(document))
    if details:
        found.append(_details(document))
    return found


def split(table: Table, width: int) -> Iterator[Table]:
    """Cut a table into ones that are not wider than `width`, each with the first column."""
    widths = [max(map(len, column)) for column in zip(table.heads, *table.rows)]
    start = 1
    title = table.title
    while start < len(widths):
        used, end = widths[0], start
        while end < len(widths) and (end == start or used + len(_GAP) + widths[end] <= width):
            used += len(_GAP) + widths[end]
            end += 1
        rows = [[row[0], *row[start:end]] for row in table.rows]
        yield Table(title, [table.heads[0], *table.heads[start:end]], rows)
        start, title = end, ""


def plain(table: Table, width: int) -> str:
    """Write a table as text."""
    lines = []
    for part in split(table, width):
        widths = [max(map(len, column)) for column in zip(part.heads, *part.rows)]
        lines += [part.title, ""] if part.title else []
        for row in (part.heads, *part.rows):
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(size) for cell, size in zip(row[1:], widths[1:])]
            lines.append(_GAP.join(cells).rstrip())
        lines.append("")
    return "\n".join(lines)
