# SPDX-License-Identifier: MIT
"""Tables: what they say in the terminal and in the report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

from pointers._cli.bench.result import figures, verdicts
from pointers._cli.bench.result.document import by_workload, grouped, label, of_experiment, unique
from pointers._cli.bench.result.summary import FASTER, SAME, SLOWER, UNKNOWN, known, summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pointers._cli.bench.result.schema import Case, Document, Summary

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


class Cell(NamedTuple):
    """A text, with what a page shows of it in addition."""

    text: str
    #: What the cell is sorted by.
    value: float | None = None
    #: The text under the mouse.
    tip: str = ""
    #: The class in HTML.
    kind: str = ""
    #: How strong the colour is.
    strength: float = 0.0


_NONE = Cell(SHORT["missing"])


class Table(NamedTuple):
    """A table: the first column names the rows, the others are right-aligned."""

    title: str
    heads: list[str]
    rows: list[list[Cell]]
    #: By which a report finds it.
    key: str = ""


def interval_text(ratio: Summary | None) -> str:
    """Write a ratio's median and its interval; empty if there is no ratio."""
    if ratio is None:
        return ""
    if ratio["low"] is None or ratio["high"] is None:
        rounds = "1 round" if ratio["rounds"] == 1 else f"{ratio['rounds']} rounds"
        return f"{figures.ratio(ratio['median'])} (no interval of {rounds})"
    ends = f"{figures.ratio(ratio['low'])} to {figures.ratio(ratio['high'])}"
    return f"{figures.ratio(ratio['median'])} ({ends})"


def ratio_cell(case: Case | None) -> Cell:
    """Return a ratio's cell, coloured if it is a difference; or why there is none."""
    if case is None:
        return _NONE
    if case["ratio"] is None:
        return Cell(SHORT[case["status"]], tip=case["reason"], kind="none")
    what, median = known(case), case["ratio"]["median"]
    cell = Cell(SAME, median, interval_text(case["ratio"]), "none")
    if what == UNKNOWN:
        return cell._replace(text=f"{figures.ratio(median)} ?")
    if what in (FASTER, SLOWER):
        strength = min(abs(math.log2(median)) / _FULL, 1.0) * _STRONGEST
        text = figures.ratio(median) + figures.TIMES
        return cell._replace(text=text, kind=what, strength=strength)
    return cell


def _number(summary: Summary | None) -> Cell:
    value = summary["median"] if summary else None
    return _NONE if value is None else Cell(figures.digits(value), value)


def _size(value: float | None) -> Cell:
    return _NONE if value is None else Cell(figures.bytes_(value), value)


def peak_live(cases: Sequence[Case]) -> int | None:
    """Return how many bytes a workload had asked for at its peak; None if that is not known."""
    lived = [one["peak_live_bytes"] or 0 for case in cases for one in case["measurements"]]
    return max(lived, default=0) or None


_TITLES = {
    "workloads": "Cost of one operation",
    "live-blocks": "Cost of one operation by the number of live blocks",
    "threads": "Cost of one operation by the number of threads",
}


def _allocators(cases: Sequence[Case]) -> list[str]:
    return unique(case["allocator"] for case in cases)


def _matrix(document: Document, experiment: str) -> Table:
    """Ratios: a row for each workload, a column for each allocator."""
    baseline = document["baseline"]
    cases = of_experiment(document, experiment)
    others = [name for name in _allocators(cases) if name != baseline]
    table = Table(
        f"{_TITLES[experiment]}, as a ratio to {baseline} malloc (lower is better; median of the "
        "rounds; ?: too few rounds for an interval)",
        ["workload", baseline, *others],
        [],
        experiment,
    )
    for name, row in grouped(cases, label).items():
        found = {case["allocator"]: case for case in row}
        base = found.get(baseline)
        cost = base["ns_per_op"]["median"] if base and base["ns_per_op"] else None
        first = _NONE if cost is None else Cell(figures.nanoseconds(cost), cost)
        table.rows.append([Cell(name), first, *(ratio_cell(found.get(other)) for other in others)])
    return table


def _memory(document: Document) -> Table:
    cases = of_experiment(document, "workloads")
    allocators = _allocators(cases)
    table = Table(
        "Growth of the resident set at its most, in touched pages (lower is better); live: "
        "what the workload had asked for at its peak",
        ["workload", "live", *allocators],
        [],
        "memory",
    )
    for name, row in by_workload(cases).items():
        peaks = {case["allocator"]: case["peak_rss_bytes"] for case in row}
        medians = [peak["median"] if peak else None for peak in map(peaks.get, allocators)]
        table.rows.append([Cell(name), *map(_size, [peak_live(row), *medians])])
    return table


def _used(case: Case, name: Literal["page_faults", "user_seconds", "system_seconds"]) -> Cell:
    values = (one.get(name) for one in case["measurements"])
    return _number(summarize(value for value in values if value is not None))


def _details(document: Document) -> Table:
    """Every case, with all its figures."""
    heads = ["workload", "allocator", "ns/op", "min", "max", "ratio", "growth", "growth / live"]
    heads += ["page faults", "user s", "system s", "rounds", "remark"]
    table = Table("All cases (growth: of the resident set, in touched pages)", heads, [], "details")
    for case in document["cases"]:
        cost, peak = case["ns_per_op"], case["peak_rss_bytes"]
        row = [Cell(label(case)), Cell(case["allocator"])]
        if cost is None or peak is None:
            row += [Cell(SHORT[case["status"]]), *[Cell("")] * 8, Cell("0")]
        else:
            row += [
                Cell(figures.digits(value), value)
                for value in (cost["median"], cost["minimum"], cost["maximum"])
            ]
            row += [
                ratio_cell(case)._replace(text=interval_text(case["ratio"]), strength=0.0),
                _size(peak["median"]),
                _number(case["fragmentation"]),
                _used(case, "page_faults"),
                _used(case, "user_seconds"),
                _used(case, "system_seconds"),
                Cell(str(cost["rounds"])),
            ]
        row.append(Cell("" if case["status"] == "ok" else f"{case['status']}: {case['reason']}"))
        table.rows.append(row)
    return table


def tables(document: Document, *, details: bool) -> list[Table]:
    """Return the tables of a document."""
    experiments = unique(case["experiment"] for case in document["cases"])
    found = [_matrix(document, experiment) for experiment in experiments]
    if "workloads" in experiments:
        found.insert(1, _memory(document))
    return [*found, _details(document)] if details else found


def choices(document: Document) -> Table:
    """Return what to take for which workload, for speed and for memory."""
    baseline = document["baseline"]
    about = {one["name"]: one["description"] for one in document["workloads"]}
    heads = ["workload", "take", f"ratio to {baseline}", "also faster", "least memory", "the work"]
    table = Table("", heads, [], "choices")
    for name, cases in by_workload(of_experiment(document, "workloads")).items():
        faster = verdicts.choices(cases, baseline)
        best = faster[0] if faster else None
        least = verdicts.least_memory(cases)
        others = ", ".join(case["allocator"] for case in faster[1:])
        table.rows.append(
            [
                Cell(name),
                Cell(best["allocator"] if best else baseline, kind="words"),
                ratio_cell(best) if best else Cell("nothing is faster", kind="none"),
                Cell(others or "-", kind="words"),
                Cell(least or "-", kind="words"),
                Cell(about.get(name, ""), kind="words"),
            ]
        )
    return table
