# SPDX-License-Identifier: MIT
"""Medians, their spread, and ratios of what was measured in the same round."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Summary(NamedTuple):
    """The middle of some values, and how far they spread."""

    median: float
    minimum: float
    maximum: float
    #: Median of the absolute deviations from the median.
    deviation: float
    #: How many values there are.
    rounds: int

    @property
    def spread(self) -> float:
        """From the minimum to the maximum, as a part of the median."""
        return (self.maximum - self.minimum) / self.median if self.median else 0.0


def summarize(values: Iterable[float]) -> Summary | None:
    """Sum values up; None if there are none."""
    found = sorted(values)
    if not found:
        return None
    median = statistics.median(found)
    deviation = statistics.median(abs(value - median) for value in found)
    return Summary(median, found[0], found[-1], deviation, len(found))


def ratios(values: Mapping[int, float], base: Mapping[int, float]) -> list[float]:
    """Divide each round's value by the baseline's of the same round.

    A machine that changes its speed between rounds changes both.  Rounds that
    either side lacks are left out.
    """
    return [values[round_] / base[round_] for round_ in sorted(values) if base.get(round_)]
