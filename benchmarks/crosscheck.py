# SPDX-License-Identifier: MIT
"""Is the comparison right?  The same workloads on plain malloc, with each library preloaded.

The comparison loads libraries late and calls them through the core's interface.
Here the loader puts them in malloc's place, as their users do.  Two allocators
that differ this way must not be the other way round in the comparison.

    nox -s crosscheck -- --rounds 9 --workloads larson,xmalloc
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
from math import comb
from typing import NamedTuple

from pointers._cli.bench.measure import libraries, program

#: Of the interval of a median, at least; fewer rounds do not reach it.
CONFIDENCE = 0.95
LEAST_ROUNDS = 6
#: They need more than plain malloc, or take a parameter.
LEFT_OUT = {"live-blocks"}
WAYS = ("preloaded", "compared")


class Allocator(NamedTuple):
    """An allocator, and how it comes in either way."""

    name: str
    spec: str = "system"
    path: str = ""
    tunables: str = ""

    def call(self, way: str) -> tuple[str, dict[str, str]]:
        """Return what the workload program is told, and what the environment has in addition."""
        if way == "preloaded":
            return "direct", {"LD_PRELOAD": self.path} if self.path else {}
        return self.spec, {"GLIBC_TUNABLES": self.tunables} if self.tunables else {}


class Interval(NamedTuple):
    """A median with the interval that the sign test gives it."""

    low: float
    median: float
    high: float

    @property
    def side(self) -> int:
        """-1: less than 1; 1: more; 0: not decided."""
        return (self.low > 1) - (self.high < 1)

    def __str__(self) -> str:
        return f"{self.median:5.2f} ({self.low:.2f} to {self.high:.2f})"


def interval(values: list[float]) -> Interval:
    """Return the median, and the narrowest pair of order statistics around it."""
    count = len(values)
    outside = 0
    doubt = 2 / 2**count
    # Leave one more out on either side for as long as the confidence allows it
    while doubt + 2 * comb(count, outside + 1) / 2**count <= 1 - CONFIDENCE:
        outside += 1
        doubt += 2 * comb(count, outside) / 2**count
    ordered = sorted(values)
    return Interval(ordered[outside], statistics.median(values), ordered[-1 - outside])


def found_here() -> list[Allocator]:
    """Return the C library's allocator and those of the libraries that are installed."""
    found = [Allocator("glibc")]
    for library in libraries.LIBRARIES:
        path = libraries.find(library)
        if path is None:
            print(f"{library.name} is left out: it is not installed ({library.package})")
            continue
        spec = f"foreign:{path}" + (f":{library.prefix}" if library.prefix else "")
        found.append(Allocator(library.name, spec, str(path), library.tunables))
    return found


def measure(workload: str, allocator: Allocator, way: str, arguments: list[str]) -> float:
    """Run a workload once; return the nanoseconds of an operation."""
    spec, more = allocator.call(way)
    command = [str(program.find()), workload, "--allocator", spec, "--json", *arguments]
    environment = {**os.environ, **more}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    # The loader only warns of a library that it cannot preload
    if done.returncode or done.stderr:
        sys.exit(f"{workload}, {allocator.name} {way}: {done.stderr or done.returncode}")
    return float(json.loads(done.stdout)["ns_per_op"])


Times = dict[tuple[str, str], list[float]]


def measured(workload: str, found: list[Allocator], rounds: int, arguments: list[str]) -> Times:
    """Return the times by way and allocator, in rounds of which each has its own order."""
    cases = list(itertools.product(WAYS, found))
    times: Times = {(way, one.name): [] for way, one in cases}
    for _ in range(rounds):
        random.shuffle(cases)
        for way, one in cases:
            times[way, one.name].append(measure(workload, one, way, arguments))
    return times


def ratio(times: Times, way: str, first: str, second: str) -> Interval:
    """Return how many times as long the first takes as the second, by rounds."""
    pairs = zip(times[way, first], times[way, second])
    return interval([one / other for one, other in pairs])


def reversed_pairs(times: Times, names: list[str]) -> tuple[list[str], int, int]:
    """Return the pairs that are reversed; how many preloading decides, and the comparison, too."""
    reverse = []
    decided = agreeing = 0
    for first, second in itertools.combinations(names, 2):
        preloaded, compared = (ratio(times, way, first, second) for way in WAYS)
        decided += preloaded.side != 0
        agreeing += preloaded.side != 0 and preloaded.side == compared.side
        if preloaded.side * compared.side < 0:
            reverse.append(f"{first} / {second}: preloaded {preloaded}, compared {compared}")
    return reverse, decided, agreeing


def main() -> int:
    """Measure both ways; return 1 if a pair is reversed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help=f"at least {LEAST_ROUNDS}")
    parser.add_argument("--workloads", default="", help="default: all")
    parser.add_argument("--full", action="store_true", help="full lengths instead of quick ones")
    parser.add_argument("--threads", default="", help="default: as many as there are cores")
    options = parser.parse_args()
    if options.rounds < LEAST_ROUNDS:
        parser.error(f"{options.rounds} rounds decide nothing: take {LEAST_ROUNDS} or more")
    arguments = [] if options.full else ["--quick"]
    arguments += ["--threads", options.threads] if options.threads else []
    found = found_here()
    names = [one.name for one in found]
    known = [one.name for one in program.list_workloads(program.find())]
    chosen = [one for one in options.workloads.split(",") if one] or known
    reverse: list[str] = []
    decided = agreeing = 0
    for workload in chosen:
        if workload in LEFT_OUT:
            continue
        times = measured(workload, found, options.rounds, arguments)
        print(f"{workload}: times as long as glibc's, preloaded and compared")
        for name in names[1:]:
            both = "   ".join(str(ratio(times, way, name, "glibc")) for way in WAYS)
            print(f"  {name:10} {both}", flush=True)
        pairs, of_these, agree = reversed_pairs(times, names)
        reverse += [f"{workload}: {pair}" for pair in pairs]
        decided += of_these
        agreeing += agree
    open_ = decided - agreeing - len(reverse)
    print(
        f"{decided} pairs differ when preloaded: {agreeing} the same way when compared, "
        f"{open_} not clearly, {len(reverse)} the other way round"
    )
    for pair in reverse:
        print(f"reversed: {pair}")
    if not reverse:
        print("no pair is reversed")
    return 1 if reverse else 0


if __name__ == "__main__":
    sys.exit(main())
