# SPDX-License-Identifier: MIT
"""All cases in interleaved rounds, so that a change of the machine's speed meets all of them."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pointers._cli.bench.measure.load import Load
from pointers._cli.bench.measure.program import measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Protocol

    from pointers._cli.bench.measure.plan import Case, Limits
    from pointers._cli.bench.measure.program import Outcome

    class Progress(Protocol):
        """Is told how far things are."""

        def step(self, done: int, total: int, text: str) -> None:
            """Show that `done` of `total` measurements are done, and what is next."""
            ...


@dataclass
class Result:
    """What is known of a case."""

    case: Case
    status: str = "missing"
    reason: str = "not measured"
    parameters: dict[str, Any] = field(default_factory=dict)
    #: Of the rounds that succeeded.
    figures: dict[int, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0
    slowest: float = 0.0

    def add(self, round_: int, outcome: Outcome, seconds: float) -> None:
        """Take a measurement's outcome in; the latest tells the status."""
        self.seconds += seconds
        self.slowest = max(self.slowest, seconds)
        self.status, self.reason = outcome.status, outcome.reason
        if outcome.figures is not None:
            self.figures[round_] = outcome.figures
            self.parameters = outcome.parameters or {}

    def wants_more(self, limits: Limits) -> bool:
        """Tell whether another round makes sense."""
        if self.status == "missing":
            return True
        if self.status != "ok":
            return False
        return limits.case is None or self.seconds + self.slowest <= limits.case


def order(cases: Sequence[Case], round_: int, seed: int) -> Iterator[Case]:
    """Return the cases in the order of a round.

    Those that are compared with each other come one after the other.  Their
    order, once shuffled, is rotated, so that each comes in each place, and none
    always after the same other's heat.
    """
    groups: dict[tuple[object, ...], list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    keys = list(groups)
    random.Random(f"{seed} {round_}").shuffle(keys)
    for key in keys:
        group = groups[key]
        random.Random(f"{seed} {key}").shuffle(group)
        first = round_ % len(group)
        yield from group[first:]
        yield from group[:first]


def passes(cases: Sequence[Case], rounds: int) -> Iterator[tuple[int, list[Case]]]:
    """Return the rounds with their cases: the first of all, the others by experiment.

    Where time is short, the first experiment has all its rounds, instead of
    each having too few to tell anything.
    """
    yield 0, list(cases)
    for experiment in dict.fromkeys(case.experiment for case in cases):
        of_it = [case for case in cases if case.experiment == experiment]
        for round_ in range(1, rounds):
            yield round_, of_it


def run(
    program: Path,
    cases: Sequence[Case],
    results: dict[Case, Result],
    loads: list[dict[str, float | None]],
    *,
    rounds: int,
    seed: int,
    limits: Limits,
    progress: Progress,
) -> None:
    """Run all rounds.

    `results` has what was measured, and `loads` what else the machine did in
    each pass, after a KeyboardInterrupt as well.
    """
    started = time.monotonic()
    load = Load()
    results.update((case, Result(case)) for case in cases)
    total = rounds * len(cases)
    done = 0
    for round_, chosen in passes(cases, rounds):
        for case in order(chosen, round_, seed):
            result = results[case]
            seconds = time.monotonic() - started
            limit = limits.total if round_ else limits.end
            late = limit is not None and seconds > limit
            if result.wants_more(limits) and not late:
                progress.step(done, total, f"round {round_ + 1}: {case}")
                begin = time.monotonic()
                outcome = measure(
                    program,
                    case.workload,
                    case.allocator,
                    case.arguments,
                    time_limit=limits.run,
                )
                result.add(round_, outcome, time.monotonic() - begin)
            done += 1
        loads.append(load.end())
    progress.step(total, total, "done")
