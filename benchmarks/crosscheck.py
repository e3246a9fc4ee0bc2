#!/usr/bin/env python3
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
import sys

from pointers._cli.bench.measure import libraries, program
from pointers._cli.bench.measure.allocators import Allocator, of_library
from pointers._cli.bench.report.table import interval_text
from pointers._cli.bench.result.schema import Summary
from pointers._cli.bench.result.summary import (
    FASTER,
    LEAST_ROUNDS,
    SLOWER,
    summarize,
    verdict,
)

#: They need more than plain malloc, or take a parameter.
LEFT_OUT = {"live-blocks"}
WAYS = ("preloaded", "compared")

Times = dict[tuple[str, str], list[float]]


def found_here() -> list[Allocator]:
    """Return the C library's allocator and those of the libraries that are installed."""
    found = [Allocator("glibc", "system")]
    for library in libraries.LIBRARIES:
        path = libraries.find(library)
        if path is None:
            print(f"{library.name} is left out: it is not installed ({library.package})")
        else:
            found.append(of_library(library, path))
    return found


def measure(workload: str, allocator: Allocator, way: str, arguments: list[str]) -> float:
    """Run a workload once; return the nanoseconds of an operation."""
    spec, environment = allocator.spec, allocator.environment()
    if way == "preloaded":
        preload = {"LD_PRELOAD": allocator.path} if allocator.path else {}
        spec, environment = "direct", {**os.environ, **preload}
    command = [program.find(), workload, "--allocator", spec, "--json", *arguments]
    done = program.asked(command, seconds=600, environment=environment)
    # The loader only warns of a library that it cannot preload
    if done.returncode or done.stderr:
        sys.exit(f"{workload}, {allocator.name} {way}: {done.stderr or done.returncode}")
    return float(json.loads(done.stdout)["ns_per_op"])


def measured(workload: str, found: list[Allocator], rounds: int, arguments: list[str]) -> Times:
    """Return the times by way and allocator, in rounds of which each has its own order."""
    cases = list(itertools.product(WAYS, found))
    times: Times = {(way, one.name): [] for way, one in cases}
    for _ in range(rounds):
        random.shuffle(cases)
        for way, one in cases:
            times[way, one.name].append(measure(workload, one, way, arguments))
    return times


def ratio(times: Times, way: str, first: str, second: str) -> Summary:
    """Return how many times as long the first takes as the second, by rounds."""
    pairs = zip(times[way, first], times[way, second])
    found = summarize(one / other for one, other in pairs)
    assert found is not None
    return found


def side(found: Summary) -> int:
    """Return -1 for less than 1, 1 for more, 0 if that is not decided."""
    return {FASTER: -1, SLOWER: 1}.get(verdict(found), 0)


def reversed_pairs(times: Times, names: list[str]) -> tuple[list[str], int, int]:
    """Return the pairs that are reversed; how many preloading decides, and the comparison, too."""
    reverse = []
    decided = agreeing = 0
    for first, second in itertools.combinations(names, 2):
        both = [ratio(times, way, first, second) for way in WAYS]
        preloaded, compared = map(side, both)
        decided += preloaded != 0
        agreeing += preloaded != 0 and preloaded == compared
        if preloaded * compared < 0:
            told = (f"{way} {interval_text(one)}" for way, one in zip(WAYS, both))
            reverse.append(f"{first} / {second}: {', '.join(told)}")
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
    known = [one["name"] for one in program.workloads(program.find())]
    chosen = [one for one in options.workloads.split(",") if one] or known
    reverse: list[str] = []
    decided = agreeing = 0
    for workload in chosen:
        if workload in LEFT_OUT:
            continue
        times = measured(workload, found, options.rounds, arguments)
        print(f"{workload}: times as long as glibc's, preloaded and compared")
        for name in names[1:]:
            both = (interval_text(ratio(times, way, name, "glibc")) for way in WAYS)
            print(f"  {name:10} {'   '.join(both)}", flush=True)
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
