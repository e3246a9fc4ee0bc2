# SPDX-License-Identifier: MIT
"""Medians, how sure they are, and ratios of what was measured in the same round."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

#: How often an interval may miss the median that it is for.
MISSES = 0.05
#: The least number of rounds of which an interval can be told.
LEAST_ROUNDS = 6

FASTER, SLOWER, SAME, UNKNOWN = "faster", "slower", "no difference", "too few rounds"


class Summary(NamedTuple):
    """The middle of some values, and how far they spread."""

    median: float
    minimum: float
    maximum: float
    #: Median of the absolute deviations from the median.
    deviation: float
    #: How many values there are.
    rounds: int
    #: The interval of the median; None if there are too few values.
    low: float | None = None
    high: float | None = None


def interval(values: Collection[float]) -> tuple[float, float] | None:
    """Return between which two of the values the median lies, but for one time in twenty.

    This is the sign test turned round. It supposes nothing of how values are
    distributed: half of what could be measured is below the median, so that
    the least of n values is above it once in 2**n times.
    """
    ordered = sorted(values)
    n_left_out = -1
    tail = 0.0
    while True:
        tail += math.comb(len(ordered), n_left_out + 1) / 2 ** len(ordered)
        if 2 * tail > MISSES:
            break
        n_left_out += 1
    if n_left_out < 0:
        return None
    return ordered[n_left_out], ordered[-1 - n_left_out]


def summarize(values: Iterable[float]) -> Summary | None:
    """Sum values up; None if there are none."""
    found = sorted(values)
    if not found:
        return None
    median = statistics.median(found)
    deviation = statistics.median(abs(value - median) for value in found)
    low, high = interval(found) or (None, None)
    return Summary(median, found[0], found[-1], deviation, len(found), low, high)


def ratios(values: Mapping[int, float], base: Mapping[int, float]) -> dict[int, float]:
    """Divide each round's value by the baseline's of the same round.

    A machine that changes its speed between rounds changes both.  Rounds that
    either side lacks are left out.
    """
    return {round_: values[round_] / base[round_] for round_ in sorted(values) if base.get(round_)}


def verdict(ratio: Mapping[str, Any]) -> str:
    """Say what a ratio's summary tells: there is a difference only if its interval excludes 1."""
    low, high = ratio["low"], ratio["high"]
    if low is None or high is None:
        return UNKNOWN
    return FASTER if high < 1 else SLOWER if low > 1 else SAME
