# SPDX-License-Identifier: MIT
"""Tables for the terminal: what they say, and how they look as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pointers._cli.bench.result import figures
from pointers._cli.bench.result.document import Document, of_experiment, unique
from pointers._cli.bench.result.names import label
from pointers._cli.bench.result.summary import SAME, UNKNOWN, verdict

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


class Table(NamedTuple):
    """A table: the first column names the rows, the others are right-aligned."""

    title: str
    heads: list[str]
    rows: list[list[str]]


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
    )
    for name, row in rows.items():
        base = row.get(baseline)
        cost = base["ns_per_op"] if base else None
        cell = figures.digits(cost["median"]) if cost else SHORT["missing"]
        table.rows.append([name, cell, *(ratio_text(row.get(other)) for other in others)])
    return table


def _memory(document: Document) -> Table:
    found = of_experiment(document, "workloads")
    allocators = unique(case["allocator"] for case in found)
    cells = grid(found)
    table = Table(
        "Peak memory in touched pages, MiB (lower is better)",
        ["workload"],
        [],
    )
    table.heads.extend(allocators)
    for workload in unique(case["workload"] for case in found):
        row = [workload]
        for allocator in allocators:
            peak = cells.get((workload, allocator), {}).get("peak_rss_bytes")
            row.append(
                figures.digits(peak["median"] / figures.MEBIBYTE) if peak else SHORT["missing"]
            )
        table.rows.append(row)
    return table


def _details(document: Document) -> Table:
    """Every case, with all its figures."""
    heads = ["workload", "allocator", "ns/op", "min", "max", "ratio", "peak RSS", "rounds"]
    table = Table("All cases", heads, [])
    for case in document["cases"]:
        cost, peak = case["ns_per_op"], case["peak_rss_bytes"]
        row = [label(case), case["allocator"]]
        if cost is None:
            row += [SHORT[case["status"]], "", "", "", "", "0"]
        else:
            row += [figures.digits(cost[key]) for key in ("median", "minimum", "maximum")]
            row += [
                interval_text(case["ratio"]),
                figures.bytes_(peak["median"]),
                str(cost["rounds"]),
            ]
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
