# SPDX-License-Identifier: MIT
"""Reasons to doubt a comparison: other programs ran, rounds differ much, or they are too few."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from pointers._cli.bench.result import figures
from pointers._cli.bench.result.document import label
from pointers._cli.bench.result.summary import LEAST_ROUNDS

if TYPE_CHECKING:
    from pointers._cli.bench.result.schema import Document

#: An interval is wide if its ends are further apart than this factor.
WIDE = 1.25
#: Others disturb if they take more than this part of the processors.
_BUSY = 0.1
_MOST_NAMED = 3


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


def _of_rounds(document: Document) -> list[str]:
    wide, n_few, n_known = [], 0, 0
    for case in document["cases"]:
        ratio = case["ratio"]
        if ratio is None or case["allocator"] == document["baseline"]:
            continue
        n_known += 1
        if ratio["low"] is None or ratio["high"] is None:
            n_few += 1
        elif ratio["high"] > WIDE * ratio["low"]:
            ends = f"{figures.ratio(ratio['low'])} to {figures.ratio(ratio['high'])}"
            where = f"{label(case)} on {case['allocator']} from {ends}"
            wide.append((ratio["high"] / ratio["low"], where))
    found = []
    if wide:
        named = "; ".join(where for _, where in sorted(wide, reverse=True)[:_MOST_NAMED])
        found.append(
            f"Rounds differ much in {len(wide)} of {n_known} cases, whose intervals are wider than "
            f"a factor of {WIDE} (most of all {named}): only large differences can be told."
        )
    if n_few:
        found.append(
            f"{n_few} of {n_known} cases have fewer than {LEAST_ROUNDS} rounds: no interval can "
            "be given, and no difference be told."
        )
    return found


def doubts(document: Document) -> list[str]:
    """Return a sentence for each reason."""
    return [*_of_load(document), *_of_rounds(document)]
