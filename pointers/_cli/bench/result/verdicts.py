# SPDX-License-Identifier: MIT
"""What a comparison found, in sentences: for each workload, and for each allocator over all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pointers._cli.bench.result import figures
from pointers._cli.bench.result.document import of_experiment, unique
from pointers._cli.bench.result.names import CHECKED
from pointers._cli.bench.result.summary import FASTER, SAME, SLOWER, UNKNOWN, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pointers._cli.bench.result.document import Document

#: Rows that say what a layer costs: nobody chooses between them.
_LAYERS = ("direct", "system+stats")
_NOT_SERVED = "not measured"


def _sorted_out(cases: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the cases by what is known of their ratios, each list with the fastest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for case in cases:
        what = verdict(case["ratio"]) if case["ratio"] else _NOT_SERVED
        found.setdefault(what, []).append(case)
    for what, listed in found.items():
        if what != _NOT_SERVED:
            listed.sort(key=lambda case: float(case["ratio"]["median"]))
    return found


def _is_choice(allocator: str) -> bool:
    return allocator not in _LAYERS and not allocator.endswith(CHECKED)


def of_workload(cases: Sequence[dict[str, Any]], baseline: str) -> str:
    """Sum one workload up; `cases` are those of its allocators."""
    found = _sorted_out([case for case in cases if case["allocator"] != baseline])
    parts = []
    for what in (FASTER, SLOWER):
        named = [
            f"{case['allocator']} {figures.ratio(case['ratio']['median'])}"
            for case in found.get(what, [])
        ]
        parts += [f"{what}: {', '.join(named)}"] if named else []
    for what in (SAME, UNKNOWN, _NOT_SERVED):
        names = [case["allocator"] for case in found.get(what, [])]
        parts += [f"{what}: {', '.join(names)}"] if names else []
    return "; ".join(parts) + "." if parts else ""


def take(cases: Sequence[dict[str, Any]], baseline: str) -> str:
    """Name the allocator to take for one workload."""
    rivals = [case for case in cases if case["allocator"] != baseline]
    faster = _sorted_out(rivals).get(FASTER, [])
    choices = [case for case in faster if _is_choice(case["allocator"])]
    return choices[0]["allocator"] if choices else baseline


def of_all(document: Document) -> list[str]:
    """Sum all workloads up: a sentence for each allocator, and one that says what to take."""
    baseline = document["baseline"]
    cases = of_experiment(document, "workloads")
    by_workload = {
        name: [case for case in cases if case["workload"] == name]
        for name in unique(case["workload"] for case in cases)
    }
    winners: dict[str, list[str]] = {}
    for name, group in by_workload.items():
        if any(case["ratio"] and case["ratio"]["low"] is not None for case in group):
            winners.setdefault(take(group, baseline), []).append(name)
    found = [
        f"{'Nothing is faster than' if name == baseline else 'Take'} {name} for {', '.join(named)}."
        for name, named in sorted(winners.items(), key=lambda item: -len(item[1]))
    ]
    for name in unique(case["allocator"] for case in cases):
        if name != baseline:
            of_it = _sorted_out([case for case in cases if case["allocator"] == name])
            counts = [f"{what} in {len(listed)}" for what, listed in of_it.items()]
            found.append(f"{name}: {', '.join(sorted(counts))} of {len(by_workload)} workloads.")
    return found
