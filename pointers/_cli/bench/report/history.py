# SPDX-License-Identifier: MIT
"""Earlier runs beside this one, by their ratios to the baseline.

Times of two runs differ with the machine's mood; ratios of two runs less so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pointers._cli.bench.report.table import SHORT, Cell, Table, interval_text
from pointers._cli.bench.result import figures
from pointers._cli.bench.result.document import group, label
from pointers._cli.bench.result.summary import MISSES, SAME, UNKNOWN, summarize, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pointers._cli.bench.result.schema import Case, Document, Summary


class Earlier(NamedTuple):
    """A run that was saved before, and the file that it is in."""

    name: str
    document: Document

    def same(self, case: Case) -> Case | None:
        """Return the case that measured the same; None if there is none."""
        wanted = (group(case), case["allocator"])
        cases = self.document["cases"]
        return next((one for one in cases if (group(one), one["allocator"]) == wanted), None)

    def ratio(self, case: Case) -> float | None:
        """Return the median ratio of the case that measured the same."""
        same = self.same(case)
        return same["ratio"]["median"] if same and same["ratio"] else None


def _rounds(case: Case) -> list[float]:
    return [one["ratio"] for one in case["measurements"] if one["ratio"]]


def change(case: Case, before: Case | None) -> Summary | None:
    """Sum up by what factor a case's ratio changed since another run; None without rounds of both.

    The rounds of both are independent of each other, so that each of one run
    may be set against any of the other, and the same test applies.
    """
    pairs = zip(_rounds(case), _rounds(before)) if before else ()
    return summarize(now / then for now, then in pairs)


def _change_text(found: Summary | None) -> str:
    if found is None:
        return ""
    what = verdict(found)
    percent = f"{(found['median'] - 1) * 100:+.0f} %"
    return SAME if what == SAME else f"{percent} ?" if what == UNKNOWN else f"{percent} {what}"


def remarks(document: Document, runs: Sequence[Earlier]) -> list[str]:
    """Say in what an earlier run differs so that its figures may not compare."""
    found = []
    for name, before in runs:
        then, now = before["machine"], document["machine"]
        pairs: list[tuple[str, object, object]] = [
            ("cpu", then["cpu"], now["cpu"]),
            ("cores", then["cores"], now["cores"]),
            ("libc", then["libc"], now["libc"]),
            ("quick", before["parameters"]["quick"], document["parameters"]["quick"]),
            ("scale", before["parameters"]["scale"], document["parameters"]["scale"]),
        ]
        parts = [f"{key} is {one!r}, not {other!r}" for key, one, other in pairs if one != other]
        parts += [] if before["complete"] else ["it was interrupted"]
        if parts:
            found.append(f"{name}: {'; '.join(parts)}")
    return found


def _compared(document: Document) -> Iterator[Case]:
    return (case for case in document["cases"] if case["allocator"] != document["baseline"])


def table(document: Document, runs: Sequence[Earlier]) -> Table:
    """Lay the ratios of earlier runs beside this one's; `change` is since the last of them."""
    heads = ["case", *(f"{run.name} ({run.document['date'][:10]})" for run in runs)]
    found = Table(
        f"Ratio to {document['baseline']} malloc in earlier runs and in this one (lower is better)",
        [*heads, "this run", "change"],
        [],
    )
    for case in _compared(document):
        before = [run.ratio(case) for run in runs]
        if any(before):
            texts = [figures.ratio(ratio) if ratio else SHORT["missing"] for ratio in before]
            texts.append(interval_text(case["ratio"]) or SHORT[case["status"]])
            texts.append(_change_text(change(case, runs[-1].same(case))))
            found.rows.append([Cell(f"{label(case)}, {case['allocator']}"), *map(Cell, texts)])
    return found


def differences(document: Document, runs: Sequence[Earlier]) -> list[str]:
    """Say which cases differ from the last of the earlier runs, and in how many nothing does."""
    real, n_compared = [], 0
    for case in _compared(document):
        found = change(case, runs[-1].same(case))
        n_compared += found is not None
        if found and verdict(found) not in (SAME, UNKNOWN):
            real.append(f"{label(case)} on {case['allocator']} is {_change_text(found)}")
    head = f"Since {runs[-1].name}, {len(real)} of {n_compared} cases are different"
    by_chance = round(MISSES * n_compared)
    if real and by_chance:
        head += f" (up to {by_chance} would be by chance)"
    return [f"{head}{':' if real else '.'}", *real]
