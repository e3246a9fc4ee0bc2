# SPDX-License-Identifier: MIT
"""What a comparison found, in sentences: for each workload, and for each allocator over all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointers._cli.bench.result import figures
from pointers._cli.bench.result.document import CHECKED, by_workload, grouped, of_experiment
from pointers._cli.bench.result.summary import FASTER, SAME, SLOWER, UNKNOWN, known

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pointers._cli.bench.result.schema import Case, Document

#: Nobody takes these for speed: they say what a layer costs, or find mistakes.
_NO_CHOICE = ("direct", "system+stats", "guard")
_NOT_SERVED = "not measured"
#: What is known of a case, in the order in which sentences have it.
VERDICTS = (FASTER, SLOWER, SAME, UNKNOWN, _NOT_SERVED)


def median(case: Case) -> float:
    """Return the median of a case's ratio; without one, the case is the slowest."""
    return case["ratio"]["median"] if case["ratio"] else float("inf")


def _sorted_out(cases: Iterable[Case], baseline: str) -> dict[str, list[Case]]:
    """Return the others' cases by what is known of them, each list with the fastest first."""
    others = [case for case in cases if case["allocator"] != baseline]
    return grouped(sorted(others, key=median), lambda case: known(case) or _NOT_SERVED)


def of_workload(cases: Sequence[Case], baseline: str) -> str:
    """Sum one workload up; `cases` are those of its allocators."""
    found = _sorted_out(cases, baseline)
    parts = []
    for what in VERDICTS:
        names = [
            f"{case['allocator']} {figures.ratio(median(case))}"
            if what in (FASTER, SLOWER)
            else case["allocator"]
            for case in found.get(what, [])
        ]
        parts += [f"{what}: {', '.join(names)}"] if names else []
    return "; ".join(parts) + "." if parts else ""


def _may_be_taken(case: Case) -> bool:
    return case["allocator"] not in _NO_CHOICE and not case["allocator"].endswith(CHECKED)


def choices(cases: Sequence[Case], baseline: str) -> list[Case]:
    """Return the cases of the allocators that are faster and may be taken, the fastest first."""
    return [one for one in _sorted_out(cases, baseline).get(FASTER, []) if _may_be_taken(one)]


def least_memory(cases: Iterable[Case]) -> str:
    """Name the allocators whose memory grew least, and those with a tenth more; empty below 1 MiB.

    There, most of the memory is the program's own.
    """
    peaks = [
        (case["peak_rss_bytes"]["median"], case["allocator"])
        for case in cases
        if case["peak_rss_bytes"] and _may_be_taken(case)
    ]
    least = min(peaks, default=(0.0, ""))[0]
    names = [name for peak, name in sorted(peaks) if peak <= 1.1 * least]
    return f"{', '.join(names)}: {figures.bytes_(least)}" if least >= figures.MEBIBYTE else ""


def what_to_take(document: Document) -> list[str]:
    """Say which allocator to take for which workloads: a sentence for each allocator."""
    baseline = document["baseline"]
    winners: dict[str, list[str]] = {}
    for name, cases in by_workload(of_experiment(document, "workloads")).items():
        if any(known(case) not in ("", UNKNOWN) for case in cases):
            faster = choices(cases, baseline)
            winners.setdefault(faster[0]["allocator"] if faster else baseline, []).append(name)
    return [
        f"{'Nothing is faster than' if name == baseline else 'Take'} {name} for {', '.join(named)}."
        for name, named in sorted(
            winners.items(), key=lambda item: (item[0] == baseline, -len(item[1]))
        )
    ]


def counts(document: Document) -> dict[str, dict[str, int]]:
    """Return for each allocator in how many workloads it is faster, slower and so on."""
    cases = of_experiment(document, "workloads")
    by_allocator = grouped(cases, lambda case: case["allocator"])
    return {
        name: {what: len(listed) for what, listed in _sorted_out(own, document["baseline"]).items()}
        for name, own in by_allocator.items()
        if name != document["baseline"]
    }


def of_all(document: Document) -> list[str]:
    """Sum all workloads up: what to take, and a sentence for each allocator."""
    found = what_to_take(document)
    for name, numbers in counts(document).items():
        parts = [f"{what} in {numbers[what]}" for what in VERDICTS if what in numbers]
        found.append(f"{name}: {', '.join(parts)} of {sum(numbers.values())} workloads.")
    return found
