# SPDX-License-Identifier: MIT
"""Earlier runs beside this one, by their ratios to the baseline.

Times of two runs differ with the machine's mood; ratios of two runs less so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pointers._cli.bench.report.table import SHORT, Table, label, ratio_text
from pointers._cli.bench.result import figures
from pointers._cli.bench.result.document import Document

if TYPE_CHECKING:
    from collections.abc import Sequence

Key = tuple[str, str, str, object, object]


class Earlier(NamedTuple):
    """A run that was saved before, and the file that it is in."""

    name: str
    document: Document


def key(case: dict[str, Any]) -> Key:
    """Return what two runs' cases have in common if they measured the same."""
    return (
        case["experiment"],
        case["workload"],
        case["allocator"],
        case["threads"],
        case["blocks"],
    )


def ratios(case: dict[str, Any], runs: Sequence[Earlier]) -> list[float | None]:
    """Return a case's median ratio in each of the earlier runs."""
    found: list[float | None] = []
    for run in runs:
        same = [other for other in run.document["cases"] if key(other) == key(case)]
        ratio = same[0]["ratio"] if same else None
        found.append(ratio["median"] if ratio else None)
    return found


def remarks(document: Document, runs: Sequence[Earlier]) -> list[str]:
    """Say in what an earlier run differs so that its figures may not compare."""
    found = []
    for run in runs:
        parts = [
            f"{name} is {run.document['machine'][name]!r}, not {document['machine'][name]!r}"
            for name in ("cpu", "cores", "libc")
            if run.document["machine"][name] != document["machine"][name]
        ]
        parts += [
            f"{name} differs"
            for name in ("quick", "scale")
            if run.document["parameters"][name] != document["parameters"][name]
        ]
        if not run.document["complete"]:
            parts.append("it was interrupted")
        if parts:
            found.append(f"{run.name}: {'; '.join(parts)}")
    return found


def table(document: Document, runs: Sequence[Earlier]) -> Table:
    """Lay the ratios of earlier runs beside this one's; `change` is to the last of them."""
    heads = ["case", *(f"{run.name} ({run.document['date'][:10]})" for run in runs)]
    found = Table(
        f"Ratio to {document['baseline']} malloc in earlier runs and in this one (lower is better)",
        [*heads, "this run", "change"],
        [],
    )
    for case in document["cases"]:
        if case["allocator"] == document["baseline"]:
            continue
        before = ratios(case, runs)
        if not any(before):
            continue
        cells = [figures.ratio(ratio) if ratio else SHORT["missing"] for ratio in before]
        now, last = case["ratio"], before[-1]
        change = f"{(now['median'] / last - 1) * 100:+.0f} %" if now and last else ""
        name = f"{label(case)}, {case['allocator']}"
        found.rows.append([name, *cells, ratio_text(case), change])
    return found
