# SPDX-License-Identifier: MIT
"""The results of all cases as the part of a document that has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pointers._cli.bench.result.names import BASELINE
from pointers._cli.bench.result.summary import Summary, ratios, summarize

if TYPE_CHECKING:
    from pointers._cli.bench.measure.plan import Case
    from pointers._cli.bench.measure.runner import Result


def _as_json(summary: Summary | None) -> dict[str, float | None] | None:
    return None if summary is None else summary._asdict()


def _column(result: Result, name: str) -> dict[int, float]:
    """Return a figure of each round that has it."""
    found = {round_: figures[name] for round_, figures in result.figures.items()}
    return {round_: value for round_, value in found.items() if value is not None}


def _case(result: Result, base: Result | None) -> dict[str, Any]:
    case = result.case
    cost = _column(result, "ns_per_op")
    base_cost = {} if base is None else _column(base, "ns_per_op")
    ratio = ratios(cost, base_cost)
    return {
        "experiment": case.experiment,
        "workload": case.workload,
        "allocator": case.allocator.name,
        "threads": case.threads,
        "blocks": case.blocks,
        "status": result.status,
        "reason": result.reason,
        "parameters": result.parameters,
        "measurements": [
            {"round": round_, **figures, "ratio": ratio.get(round_)}
            for round_, figures in sorted(result.figures.items())
        ],
        "ns_per_op": _as_json(summarize(cost.values())),
        "peak_rss_bytes": _as_json(summarize(_column(result, "peak_rss_bytes").values())),
        "fragmentation": _as_json(summarize(_column(result, "fragmentation").values())),
        "ratio": _as_json(summarize(ratio.values())),
    }


def cases(results: dict[Case, Result]) -> list[dict[str, Any]]:
    """Return the cases with their summaries, each with its ratio to the baseline's."""
    bases = {
        result.case.group: result
        for result in results.values()
        if result.case.allocator.name == BASELINE
    }
    return [_case(result, bases.get(result.case.group)) for result in results.values()]
