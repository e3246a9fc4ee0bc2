# SPDX-License-Identifier: MIT
"""All workloads in one figure for each allocator."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Glance(NamedTuple):
    """What an allocator did over the workloads that it serves."""

    allocator: str
    #: Geometric mean of the ratios; None if it serves none.
    mean: float | None
    best: float
    worst: float
    n_served: int


def glances(cases: Sequence[dict[str, Any]]) -> list[Glance]:
    """Sum the workloads up, in the order in which the allocators come."""
    found: dict[str, list[float]] = {}
    for case in cases:
        ratios = found.setdefault(case["allocator"], [])
        if case["ratio"]:
            ratios.append(case["ratio"]["median"])
    return [
        Glance(name, statistics.geometric_mean(ratios), min(ratios), max(ratios), len(ratios))
        if ratios
        else Glance(name, None, 0.0, 0.0, 0)
        for name, ratios in found.items()
    ]
