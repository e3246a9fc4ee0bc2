# SPDX-License-Identifier: MIT
"""Earlier runs beside this one, by their ratios to the baseline.

Times of two runs differ with the machine's mood; ratios of two runs less so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pointers._cli.bench.report.table import SHORT, Table, interval_text
from pointers._cli.bench.result import figures
from pointers._cli.bench.result.document import Document
from pointers._cli.bench.result.names import label
from pointers._cli.bench.result.summary import MISSES, SAME, UNKNOWN, Summary, summarize, verdict

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


def _same(case: dict[str, Any], run: Earlier) -> dict[str, Any] | None:
    """Return the case of another run that measured the same; None if there is none."""
    return next((other for other in run.document["cases"] if key(other) == key(case)), None)


def ratios(case: dict[str, Any], runs: Sequence[Earlier]) -> list[float | None]:
    """Return a case's median ratio in each of the earlier runs."""
    found: list[float | None] = []
    for run in runs:
        same = _same(case, run)
        ratio = same["ratio"] if same else None
        found.append(ratio["median"] if ratio else None)
    return found


def _rounds(case: dict[str, Any]) -> list[float]:
    return [one["ratio"] for one in case["measurements"] if one["ratio"]]


def change(case: dict[str, Any], before: dict[str, Any]) -> Summary | None:
    """Sum up by what factor a case's ratio changed since another run; None without rounds of both.

    The rounds of both are independent of each other, so that each of one run
    may be set against any of the other, and the same test applies.
    """
    pairs = zip(_rounds(case), _rounds(before))
    return summarize(now / then for now, then in pairs)


def _change_text(found: Summary | None) -> str:
    if found is None:
        return ""
    what = verdict(found._asdict())
    percent = f"{(found.median - 1) * 100:+.0f} %"
    return SAME if what == SAME else f"{percent} ?" if what == UNKNOWN else f"{percent} {what}"


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
    """Lay the ratios of earlier runs beside this one's; `change` is since the last of them."""
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
        last = _same(case, runs[-1])
        changed = _change_text(change(case, last) if last else None)
        name = f"{label(case)}, {case['allocator']}"
        now = interval_text(case["ratio"]) or SHORT[case["status"]]
        found.rows.append([name, *cells, now, changed])
    return found


def differences(document: Document, runs: Sequence[Earlier]) -> list[str]:
    """Say which cases differ from the last of the earlier runs, and in how many nothing does."""
    real, n_compared = [], 0
    for case in document["cases"]:
        before = _same(case, runs[-1]) if case["allocator"] != document["baseline"] else None
        found = change(case, before) if before else None
        if found is None:
            continue
        n_compared += 1
        if verdict(found._asdict()) not in (SAME, UNKNOWN):
            real.append(f"{label(case)} on {case['allocator']} is {_change_text(found)}")
    head = f"Since {runs[-1].name}, {len(real)} of {n_compared} cases are different"
    by_chance = round(MISSES * n_compared)
    if real and by_chance:
        head += f" (up to {by_chance} would be by chance)"
    return [f"{head}{':' if real else '.'}", *real]
