# SPDX-License-Identifier: MIT
"""Medians, how sure they are, and ratios of what was measured in the same round."""

from __future__ import annotations

import statistics
from itertools import accumulate
from math import comb
from typing import TYPE_CHECKING, Literal

from pointers._cli.bench.result.document import BASELINE, group

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pointers._cli.bench.result.schema import Case, Summary

#: How often an interval may miss the median that it is for.
MISSES = 0.05
#: The least number of rounds of which an interval can be told.
LEAST_ROUNDS = 6

FASTER, SLOWER, SAME, UNKNOWN = "faster", "slower", "no difference", "too few rounds"

_Figure = Literal["ns_per_op", "peak_rss_bytes", "fragmentation", "ratio"]
_SUMMED_UP: tuple[_Figure, ...] = ("ns_per_op", "peak_rss_bytes", "fragmentation", "ratio")


def interval(values: Collection[float]) -> tuple[float, float] | tuple[None, None]:
    """Return between which two of the values the median lies, but for one time in twenty.

    This is the sign test turned round. It supposes nothing of how values are
    distributed: half of what could be measured is below the median, so that
    the least of n values is above it once in 2**n times.
    """
    ordered = sorted(values)
    count = len(ordered)
    # How likely it is that at most so many values are on one side of the median
    tails = accumulate(comb(count, below) / 2**count for below in range(count))
    beyond = sum(2 * tail <= MISSES for tail in tails)
    return (ordered[beyond - 1], ordered[-beyond]) if beyond else (None, None)


def summarize(values: Iterable[float]) -> Summary | None:
    """Sum values up; None if there are none."""
    found = sorted(values)
    if not found:
        return None
    median = statistics.median(found)
    low, high = interval(found)
    return {
        "median": median,
        "minimum": found[0],
        "maximum": found[-1],
        "deviation": statistics.median(abs(value - median) for value in found),
        "rounds": len(found),
        "low": low,
        "high": high,
    }


def sum_up(cases: Sequence[Case]) -> None:
    """Add to cases that were measured their ratios to the baseline's, and their summaries.

    A ratio is of times in the same round: a machine that changes its speed
    between rounds changes both. A round that either side lacks has none.
    """
    bases = {
        group(case): {one["round"]: one["ns_per_op"] for one in case["measurements"]}
        for case in cases
        if case["allocator"] == BASELINE
    }
    for case in cases:
        base = bases.get(group(case), {})
        for one in case["measurements"]:
            cost = base.get(one["round"])
            one["ratio"] = one["ns_per_op"] / cost if cost else None
        for name in _SUMMED_UP:
            values = (one[name] for one in case["measurements"])
            case[name] = summarize(value for value in values if value is not None)


def verdict(ratio: Summary) -> str:
    """Say what a ratio's summary tells: there is a difference only if its interval excludes 1."""
    low, high = ratio["low"], ratio["high"]
    if low is None or high is None:
        return UNKNOWN
    return FASTER if high < 1 else SLOWER if low > 1 else SAME


def known(case: Case) -> str:
    """Say what is known of a case's ratio; empty if it has none."""
    return verdict(case["ratio"]) if case["ratio"] else ""
