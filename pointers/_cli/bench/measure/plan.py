# SPDX-License-Identifier: MIT
"""Which cases a comparison has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pointers._cli.bench.result import figures
from pointers._cli.bench.result.names import UsageError
from pointers._cli.bench.result.schema import EXPERIMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pointers._cli.bench.measure.allocators import Allocator
    from pointers._cli.bench.measure.program import Workload

LIVE_BLOCKS = "live-blocks"


class Limits(NamedTuple):
    """How long things may take, in seconds."""

    #: One measurement.
    run: float
    #: All measurements of one case: a slow one has fewer rounds.  None: no limit.
    case: float | None
    #: Everything but the first round: past it, nothing is measured again.
    total: float | None
    #: The first round, too: what has not been measured by then never is.
    end: float | None = None


class Case(NamedTuple):
    """A workload on an allocator, measured once in each round."""

    experiment: str
    workload: str
    allocator: Allocator
    #: Of the workload program.
    arguments: tuple[str, ...] = ()
    threads: int | None = None
    blocks: int | None = None

    @property
    def group(self) -> tuple[object, ...]:
        """What the cases that are compared with each other have in common."""
        return (self.experiment, self.workload, self.threads, self.blocks)

    def __str__(self) -> str:
        parts = [self.workload, "on", self.allocator.name]
        if self.blocks is not None:
            parts.append(f"with {figures.count(self.blocks)} blocks")
        if self.threads is not None:
            parts.append(f"with {self.threads} threads")
        return " ".join(parts)


class Settings(NamedTuple):
    """How a comparison is run."""

    quick: bool
    rounds: int
    seed: int
    #: None: each workload's own.
    scale: float | None
    limits: Limits

    def as_json(self) -> dict[str, object]:
        """Return what the document says of it."""
        return {
            "quick": self.quick,
            "rounds": self.rounds,
            "seed": self.seed,
            "scale": self.scale,
            "run_limit_seconds": self.limits.run,
            "case_limit_seconds": self.limits.case,
            "total_limit_seconds": self.limits.total,
            "end_limit_seconds": self.limits.end,
        }


#: Those that show how threads get along: memory freed where it was not allocated.
THREADED = ("larson", "rptest", "xmalloc", "mstress")
BLOCK_COUNTS = tuple(10**power for power in range(2, 8))
#: What a live block may take at most, with the bookkeeping, in bytes.
_BLOCK_BYTES = 256

# The least of which a difference can be told, and the least that bears one outlier at each end
_QUICK_ROUNDS = 6
_ROUNDS = 9
# Together less than six minutes
_QUICK_LIMITS = Limits(run=10, case=18, total=320, end=350)
_LIMITS = Limits(run=120, case=600, total=None)


def settings(
    *, quick: bool, rounds: int | None, seed: int, scale: float | None, time_limit: float | None
) -> Settings:
    """Return the settings; what is None is chosen here."""
    limits = _QUICK_LIMITS if quick else _LIMITS
    if time_limit is not None:
        limits = limits._replace(
            run=time_limit, case=limits.case and max(limits.case, 2 * time_limit)
        )
    if rounds is not None:
        # Who asks for rounds gets them
        limits = limits._replace(case=None, total=None, end=None)
    return Settings(
        quick,
        rounds or (_QUICK_ROUNDS if quick else _ROUNDS),
        seed,
        scale,
        limits,
    )


def thread_counts(cores: int) -> list[int]:
    """Return 1, 2, 4, ... up to the cores, and once more than there are."""
    counts = {1, cores, 2 * cores}
    count = 2
    while count < cores:
        counts.add(count)
        count *= 2
    return sorted(counts)


def _scaled(settings: Settings) -> tuple[str, ...]:
    scale = () if settings.scale is None else ("--scale", f"{settings.scale:g}")
    # Each workload has its own quick length
    return (*(("--quick",) if settings.quick else ()), *scale)


def _live_cases(
    listed: Sequence[Allocator], counts: Sequence[int], available: int | None, notes: list[str]
) -> list[Case]:
    found = []
    # A guarded block takes two mappings, of which a process has but some ten thousand
    fitting = [allocator for allocator in listed if allocator.base != "guard"]
    for blocks in counts:
        if available is not None and blocks * _BLOCK_BYTES > available:
            notes.append(
                f"{figures.count(blocks)} live blocks are left out: they may take "
                f"{figures.bytes_(blocks * _BLOCK_BYTES)}, and {figures.bytes_(available)} are free"
            )
            continue
        arguments = ("--blocks", str(blocks))
        found += [
            Case("live-blocks", LIVE_BLOCKS, allocator, arguments, blocks=blocks)
            for allocator in fitting
        ]
    return found


def cases(
    workloads: Sequence[Workload],
    listed: Sequence[Allocator],
    settings: Settings,
    names: Sequence[str] | None,
    experiments: Sequence[str] | None,
    *,
    cores: int,
    available: int | None,
    libraries: Mapping[str, Path] | None = None,
) -> tuple[list[Case], list[str]]:
    """Return the cases, and what was left out and why.

    :param names: Workloads; None for all.
    :param experiments: None for all, or for the plain comparison if workloads were named.
    :param available: Bytes of free memory; None if that is not known.
    :param libraries: Where workloads are that the program does not have itself.
    """
    known = [workload.name for workload in workloads]
    chosen = known if names is None else names
    if experiments is None:
        experiments = EXPERIMENTS if names is None else EXPERIMENTS[:1]
    notes: list[str] = []
    found: list[Case] = []
    scaled = _scaled(settings)
    # A short run has time for the two ends only
    counts = [1, max(cores, 2)] if settings.quick else thread_counts(cores)
    source = {name: ("--from", str(path)) for name, path in (libraries or {}).items()}
    if "workloads" in experiments:
        found += [
            Case("workloads", name, allocator, (*scaled, *source.get(name, ())))
            for name in chosen
            if name != LIVE_BLOCKS
            for allocator in listed
        ]
    if "live-blocks" in experiments and LIVE_BLOCKS in chosen:
        # To fill the most takes longer than to measure them
        blocks = BLOCK_COUNTS[:-1] if settings.quick else BLOCK_COUNTS
        found += _live_cases(listed, blocks, available, notes)
    if "threads" in experiments:
        found += [
            Case(
                "threads",
                name,
                allocator,
                (*scaled, "--threads", str(count), *source.get(name, ())),
                threads=count,
            )
            for name in chosen
            if name in THREADED or name in source
            for count in counts
            for allocator in listed
            if allocator.base != "guard"
        ]
    if not found:
        raise UsageError(
            f"nothing to measure: of {', '.join(chosen)}, none is part of {', '.join(experiments)}"
        )
    return found, notes
