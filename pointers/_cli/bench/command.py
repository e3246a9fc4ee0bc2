# SPDX-License-Identifier: MIT
"""The command line of the comparison."""

from __future__ import annotations

import argparse
import datetime
import math
import os
import random
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pointers._cli.bench.measure import allocators, collect, machine, own, plan, program
from pointers._cli.bench.measure.runner import run
from pointers._cli.bench.report import history, page, table
from pointers._cli.bench.report.history import Earlier
from pointers._cli.bench.report.progress import progress
from pointers._cli.bench.report.show import show_tables
from pointers._cli.bench.result import document, pyperf, rows, verdicts
from pointers._cli.bench.result.doubts import doubts
from pointers._cli.bench.result.names import UsageError, label
from pointers._cli.bench.result.schema import EXPERIMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pointers._cli.bench.measure.plan import Case
    from pointers._cli.bench.measure.runner import Result
    from pointers._cli.bench.result.document import Document

INTERRUPTED = 130


def _natural(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not (number > 0 and math.isfinite(number)):
        raise ValueError
    return number


# argparse names these in its messages: "invalid positive number value: 'x'"
_natural.__name__ = "positive whole number"
_positive.__name__ = "positive number"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("--quick", action="store_true", help="smaller workloads, in less than six minutes")
    add("--json", type=Path, metavar="FILE", help="write all figures here")
    add("--csv", type=Path, metavar="FILE", help="write a row for each measurement here")
    add("--pyperf", type=Path, metavar="FILE", help="write all measurements as pyperf's JSON here")
    add("--html", type=Path, metavar="FILE", help="write a report with drawings here")
    add(
        "--allocators",
        metavar="A,B,...",
        help=f"of {', '.join(allocators.names())}, [NAME=]foreign:PATH[:PREFIX]; NAME+checked puts "
        "checked blocks on it (default: all that are installed)",
    )
    add("--workloads", metavar="A,B,...", help="see --list (default: all)")
    add(
        "--workload",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="measure a workload of your own: a C file or a shared object; may be given repeatedly",
    )
    add(
        "--experiments",
        metavar="A,B,...",
        help=f"of {', '.join(EXPERIMENTS)} (default: all, or the first if --workloads is given)",
    )
    add("--rounds", type=_natural, metavar="N", help="of measurements (default: 9, quick 6)")
    add("--seed", type=int, metavar="N", help="of the order in which things are measured")
    add("--scale", type=_positive, metavar="X", help="size of the workloads, 1 is the full one")
    add("--time-limit", type=_positive, metavar="SECONDS", help="of one measurement")
    add(
        "--compare",
        type=Path,
        nargs="+",
        default=[],
        metavar="OLD.json",
        help="lay earlier results beside this one, and say what differs from the last",
    )
    add("--load", type=Path, metavar="FILE", help="measure nothing: show what --json has written")
    add("--details", action="store_true", help="print every case with its spread")
    add("--list", action="store_true", help="print the workloads and the allocators, and end")
    add("--program", type=Path, metavar="FILE", help="use this ptrs-workload")


def _split(option: str, text: str | None, known: Sequence[str]) -> list[str] | None:
    """Return the names in a comma-separated list, all of which must be known."""
    if text is None:
        return None
    names = document.unique(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"{option}: unknown {', '.join(unknown)}: choose from {', '.join(known)}")
    if not names:
        raise UsageError(f"{option} names none")
    return names


def _print_list(found: list[program.Workload], choice: allocators.Choice) -> None:
    print("workloads:")
    for workload in found:
        print(f"  {workload.name:16} {workload.description}".rstrip())
    print("allocators:")
    for allocator in choice.allocators:
        about = allocator.path or allocators.BUILT_IN.get(allocator.name, "")
        print(f"  {allocator.name:16} {about}".rstrip())
    for note in choice.notes:
        print(note)


def _check_output(path: Path | None) -> None:
    """Refuse now what could not be written in the end."""
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"{path} is a folder")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path}: cannot write into {path.parent}")


def _terminate(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _measure(options: argparse.Namespace) -> Document | None:
    """Measure; return the document, or None if there was only something to list."""
    binary = options.program.resolve() if options.program else program.find()
    listed = program.list_workloads(binary, python=not options.program)
    with own.built(options.workload, binary, listed) as mine:
        return _measured(options, binary, [*listed, *own.listed(options.workload)], mine)


def _measured(
    options: argparse.Namespace,
    binary: Path,
    workloads: list[program.Workload],
    mine: Mapping[str, Path],
) -> Document | None:
    choice = allocators.choose(options.allocators).loading(
        partial(program.problem, binary), named=options.allocators is not None
    )
    if options.list:
        _print_list(workloads, choice)
        return None
    names = _split("--workloads", options.workloads, [workload.name for workload in workloads])
    # The user's own alone, unless others are named
    names = document.unique([*(names or []), *mine]) if mine else names
    experiments = _split("--experiments", options.experiments, EXPERIMENTS)
    settings = plan.settings(
        quick=options.quick,
        rounds=options.rounds,
        scale=options.scale,
        time_limit=options.time_limit,
        seed=random.randrange(1 << 31) if options.seed is None else options.seed,
    )
    cases, notes = plan.cases(
        workloads,
        choice.allocators,
        settings,
        names,
        experiments,
        cores=machine.cores(),
        available=machine.available_bytes(),
        libraries=mine,
    )
    results: dict[Case, Result] = {}
    loads: list[dict[str, float | None]] = []
    date = datetime.datetime.now(datetime.timezone.utc)
    started = time.monotonic()
    complete = True
    bar = progress(sys.stderr)
    for note in (*choice.notes, *notes):
        print(note, file=sys.stderr)
    try:
        run(
            binary,
            cases,
            results,
            loads,
            rounds=settings.rounds,
            seed=settings.seed,
            limits=settings.limits,
            progress=bar,
        )
    except KeyboardInterrupt:
        complete = False
    finally:
        bar.close()
    used = {case.workload for case in cases}
    n_missing = sum(result.status == "missing" for result in results.values())
    if complete and n_missing:
        notes.append(f"{n_missing} cases of {len(cases)} were not measured: there was no time left")
        print(notes[-1], file=sys.stderr)
    return {
        **document.head(),
        "complete": complete,
        "date": date.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started, 3),
        "machine": machine.describe(),
        "load": loads,
        "parameters": settings.as_json(),
        "allocators": [
            {"name": one.name, "spec": one.spec, "checked": one.checked, "path": one.path}
            for one in choice.allocators
        ],
        "workloads": [one._asdict() for one in workloads if one.name in used],
        "notes": [*choice.notes, *notes],
        "cases": collect.cases(results),
    }


def _failures(found: Document) -> list[str]:
    return [
        f"{label(case)} on {case['allocator']}: {case['status']}: {case['reason']}"
        for case in found["cases"]
        if case["status"] in ("failed", "killed")
    ]


def _write(path: Path | None, make: Callable[[], str]) -> bool:
    """Write a file, if it is wanted; return whether that went well."""
    if path is None:
        return True
    try:
        document.write(path, make())
    except OSError as error:
        print(f"cannot write {path}: {error.strerror}", file=sys.stderr)
        return False
    print(f"wrote {path}", file=sys.stderr)
    return True


def _finish(found: Document, earlier: Sequence[Earlier], options: argparse.Namespace) -> int:
    """Write and show what was measured; return the exit code."""
    # Files first: what was measured must not be lost to a terminal that has gone
    written = [
        _write(options.json, lambda: document.dumps(found)),
        _write(options.csv, lambda: rows.dumps(found)),
        _write(options.pyperf, lambda: pyperf.dumps(found)),
        _write(options.html, lambda: page.page(found, earlier)),
    ]
    tables = table.tables(found, details=options.details)
    if earlier:
        tables.append(history.table(found, earlier))
    show_tables(tables, sys.stdout)
    for sentence in verdicts.of_all(found):
        print(sentence)
    if earlier:
        for remark in history.remarks(found, earlier):
            print(f"may not compare: {remark}")
        for difference in history.differences(found, earlier):
            print(difference)
    for doubt in doubts(found):
        print(f"warning: {doubt}")
    failures = _failures(found)
    for failure in failures:
        print(failure, file=sys.stderr)
    if not found["complete"] and not options.load:
        print("interrupted: this is what was measured until then", file=sys.stderr)
        return INTERRUPTED
    return 1 if failures or not all(written) else 0


def main(options: argparse.Namespace) -> int:
    """Run the comparison; return the exit code: 2 for what makes no sense, 1 for failures."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        for path in (options.json, options.csv, options.pyperf, options.html):
            _check_output(path)
        if options.html:
            page.check()
        earlier = [Earlier(path.stem, document.load(path)) for path in options.compare]
        found = document.load(options.load) if options.load else _measure(options)
        return 0 if found is None else _finish(found, earlier, options)
    except UsageError as error:
        print(f"python -m pointers bench: error: {error}", file=sys.stderr)
        return 2
    finally:
        signal.signal(signal.SIGTERM, before)
