# SPDX-License-Identifier: MIT
"""Which cases a comparison has, and how each is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pointers._cli.bench.result import figures
from pointers._cli.bench.result.document import UsageError, label
from pointers._cli.bench.result.schema import EXPERIMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pointers._cli.bench.measure.allocators import Allocator
    from pointers._cli.bench.result.schema import Case, Experiment, Parameters

LIVE_BLOCKS = "live-blocks"
#: Those that show how threads get along: memory freed where it was not allocated.
THREADED = ("larson", "rptest", "xmalloc", "mstress")
BLOCK_COUNTS = tuple(10**power for power in range(2, 8))
#: What a live block may take at most, with the bookkeeping, in bytes.
_BLOCK_BYTES = 256

# The least of which a difference can be told, and the least that bears one outlier at each end
_QUICK_ROUNDS = 6
_ROUNDS = 9


@dataclass
class Job:
    """A case that is measured once in each round, and what that took until now."""

    case: Case
    allocator: Allocator
    #: Of the workload program.
    arguments: tuple[str, ...] = ()
    seconds: float = 0.0
    slowest: float = 0.0

    def __str__(self) -> str:
        return f"{label(self.case)} on {self.allocator.name}"


def job(
    experiment: Experiment,
    workload: str,
    allocator: Allocator,
    arguments: Sequence[str] = (),
    *,
    threads: int | None = None,
    blocks: int | None = None,
) -> Job:
    """Return a job whose case has not been measured."""
    case: Case = {
        "experiment": experiment,
        "workload": workload,
        "allocator": allocator.name,
        "threads": threads,
        "blocks": blocks,
        "status": "missing",
        "reason": "not measured",
        "parameters": {},
        "measurements": [],
        "ns_per_op": None,
        "peak_rss_bytes": None,
        "fragmentation": None,
        "ratio": None,
    }
    return Job(case, allocator, tuple(arguments))


def parameters(
    *, quick: bool, rounds: int | None, seed: int, scale: float | None, time_limit: float | None
) -> Parameters:
    """Return how the comparison is run; what is None is chosen here."""
    run: float = 10 if quick else 120
    case: float = 18 if quick else 600
    if time_limit is not None:
        run, case = time_limit, max(case, 2 * time_limit)
    # Who asks for rounds gets them; without, a quick run takes less than six minutes
    chosen = rounds is not None
    return {
        "quick": quick,
        "rounds": rounds or (_QUICK_ROUNDS if quick else _ROUNDS),
        "seed": seed,
        "scale": scale,
        "run_limit_seconds": run,
        "case_limit_seconds": None if chosen else case,
        "total_limit_seconds": 320 if quick and not chosen else None,
        "end_limit_seconds": 350 if quick and not chosen else None,
    }


def thread_counts(cores: int) -> list[int]:
    """Return 1, 2, 4, ... up to the cores, and once more than there are."""
    powers = (1 << power for power in range(cores.bit_length()))
    return sorted({*powers, cores, 2 * cores})


def jobs(
    workloads: Sequence[str],
    allocators: Sequence[Allocator],
    chosen: Parameters,
    names: Sequence[str] | None,
    experiments: Sequence[str] | None,
    *,
    cores: int,
    available: int | None,
    libraries: Mapping[str, Path] | None = None,
) -> tuple[list[Job], list[str]]:
    """Return what is measured, and what was left out and why.

    :param names: Workloads; None for all.
    :param experiments: None for all, or for the plain comparison if workloads were named.
    :param available: Bytes of free memory; None if that is not known.
    :param libraries: Where workloads are that the program does not have itself.
    """
    named = workloads if names is None else names
    if experiments is None:
        experiments = EXPERIMENTS if names is None else EXPERIMENTS[:1]
    # Each workload has its own quick length
    scaled = ["--quick"] if chosen["quick"] else []
    scaled += [] if chosen["scale"] is None else ["--scale", f"{chosen['scale']:g}"]
    arguments = {name: list(scaled) for name in named}
    for name, path in (libraries or {}).items():
        arguments[name] += ["--from", str(path)]
    unguarded = [one for one in allocators if not one.is_guard]
    notes: list[str] = []
    found: list[Job] = []
    if "workloads" in experiments:
        found += [
            job("workloads", name, one, arguments[name])
            for name in named
            if name != LIVE_BLOCKS
            for one in allocators
        ]
    if "live-blocks" in experiments and LIVE_BLOCKS in named:
        # To fill the most takes longer than to measure them
        for blocks in BLOCK_COUNTS[:-1] if chosen["quick"] else BLOCK_COUNTS:
            needed = blocks * _BLOCK_BYTES
            if available is not None and needed > available:
                notes.append(
                    f"{figures.count(blocks)} live blocks are left out: they may take "
                    f"{figures.bytes_(needed)}, and {figures.bytes_(available)} are free"
                )
                continue
            count = ("--blocks", str(blocks))
            found += [
                job("live-blocks", LIVE_BLOCKS, one, count, blocks=blocks) for one in unguarded
            ]
    if "threads" in experiments:
        # A short run has time for the two ends only
        counts = [1, max(cores, 2)] if chosen["quick"] else thread_counts(cores)
        found += [
            job("threads", name, one, [*arguments[name], "--threads", str(n)], threads=n)
            for name in named
            if name in THREADED or name in (libraries or {})
            for n in counts
            for one in unguarded
        ]
    if not found:
        raise UsageError(
            f"nothing to measure: of {', '.join(named)}, none is part of {', '.join(experiments)}"
        )
    return found, notes
