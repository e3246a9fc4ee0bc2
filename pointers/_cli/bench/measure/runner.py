# SPDX-License-Identifier: MIT
"""All cases in interleaved rounds, so that a change of the machine's speed meets all of them."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from pointers._cli.bench.measure.machine import Watch
from pointers._cli.bench.measure.program import measure
from pointers._cli.bench.result.document import group

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pointers._cli.bench.measure.plan import Job
    from pointers._cli.bench.result.schema import Load, Parameters


def order(jobs: Sequence[Job], round_: int, seed: int) -> Iterator[Job]:
    """Return the jobs in the order of a round.

    Those that are compared with each other come one after the other.  Their
    order, once shuffled, is rotated, so that each comes in each place, and none
    always after the same other's heat.
    """
    groups: dict[tuple[object, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault(group(job.case), []).append(job)
    keys = list(groups)
    random.Random(f"{seed} {round_}").shuffle(keys)
    for key in keys:
        compared = groups[key]
        random.Random(f"{seed} {key}").shuffle(compared)
        first = round_ % len(compared)
        yield from (*compared[first:], *compared[:first])


def passes(jobs: Sequence[Job], rounds: int) -> Iterator[tuple[int, list[Job]]]:
    """Return the rounds with their jobs: the first of all, the others by experiment.

    Where time is short, the first experiment has all its rounds, instead of
    each having too few to tell anything.
    """
    yield 0, list(jobs)
    for experiment in dict.fromkeys(job.case["experiment"] for job in jobs):
        of_it = [job for job in jobs if job.case["experiment"] == experiment]
        for round_ in range(1, rounds):
            yield round_, of_it


def _wants_more(job: Job, limit: float | None) -> bool:
    """Tell whether another round makes sense, where all of a case's may take `limit` seconds."""
    if job.case["status"] != "ok":
        return job.case["status"] == "missing"
    return limit is None or job.seconds + job.slowest <= limit


def _run_once(program: Path, job: Job, round_: int, time_limit: float) -> None:
    begin = time.monotonic()
    case = job.case
    outcome = measure(program, case["workload"], job.allocator, job.arguments, time_limit)
    seconds = time.monotonic() - begin
    job.seconds += seconds
    job.slowest = max(job.slowest, seconds)
    case["status"], case["reason"] = outcome.status, outcome.reason
    if outcome.figures is not None:
        case["measurements"].append({"round": round_, "ratio": None, **outcome.figures})
        case["parameters"] = outcome.parameters


def run(
    program: Path,
    jobs: Sequence[Job],
    parameters: Parameters,
    loads: list[Load],
    step: Callable[[int, int, str], None],
) -> None:
    """Run all rounds.

    The jobs' cases have what was measured, and `loads` what else the machine
    did in each pass, after a KeyboardInterrupt as well.

    :param step: Is told how many measurements are done, of how many, and what is next.
    """
    started = time.monotonic()
    watch = Watch()
    total = parameters["rounds"] * len(jobs)
    done = 0
    for round_, chosen in passes(jobs, parameters["rounds"]):
        limit = parameters["total_limit_seconds" if round_ else "end_limit_seconds"]
        for job in order(chosen, round_, parameters["seed"]):
            late = limit is not None and time.monotonic() - started > limit
            if _wants_more(job, parameters["case_limit_seconds"]) and not late:
                step(done, total, f"round {round_ + 1}: {job}")
                _run_once(program, job, round_, parameters["run_limit_seconds"])
            done += 1
        loads.append(watch.end())
    step(total, total, "done")
