# SPDX-License-Identifier: MIT
"""Reasons to doubt a comparison: other programs ran, rounds differ much, or they are too few."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from pointers._cli.bench.result import figures
from pointers._cli.bench.result.names import label
from pointers._cli.bench.result.summary import LEAST_ROUNDS

if TYPE_CHECKING:
    from pointers._cli.bench.result.document import Document

#: An interval is wide if its ends are further apart than this factor.
WIDE = 1.25
#: Others disturb if they take more than this part of the processors.
_BUSY = 0.1
_MOST_NAMED = 5


def _of_load(document: Document) -> list[str]:
    others = [one["others"] for one in document["load"] if one["others"] is not None]
    cores = document["machine"]["cores"]
    if not others or statistics.mean(others) <= _BUSY * cores:
        return []
    mean, most = statistics.mean(others), max(others)
    sentence = (
        f"Other programs kept {mean:.1f} of {cores} processors busy meanwhile, at most {most:.1f} "
        "in a round: measure again when the machine is idle."
    )
    return [sentence]


def width(case: dict[str, Any]) -> float:
    """Return the factor between the ends of the interval of a case's ratio; 1 without one."""
    ratio = case["ratio"]
    if not ratio or ratio["low"] is None or not ratio["low"]:
        return 1.0
    return float(ratio["high"] / ratio["low"])


def _of_rounds(document: Document) -> list[str]:
    others = [case for case in document["cases"] if case["allocator"] != document["baseline"]]
    known = [case for case in others if case["ratio"]]
    found = []
    wide = sorted((case for case in known if width(case) > WIDE), key=width, reverse=True)
    if wide:
        named = "; ".join(
            f"{label(case)} on {case['allocator']} from {figures.ratio(case['ratio']['low'])} to "
            f"{figures.ratio(case['ratio']['high'])}"
            for case in wide[:_MOST_NAMED]
        )
        more = "; ..." if len(wide) > _MOST_NAMED else ""
        found.append(
            f"Rounds differ much in {len(wide)} of {len(known)} cases, whose intervals are wider "
            f"than a factor of {WIDE}: {named}{more}."
        )
    few = sum(case["ratio"]["low"] is None for case in known)
    if few:
        found.append(
            f"{few} of {len(known)} cases have fewer than {LEAST_ROUNDS} rounds, of which no "
            "difference can be told."
        )
    return found


def doubts(document: Document) -> list[str]:
    """Return a sentence for each reason."""
    return [*_of_load(document), *_of_rounds(document)]
