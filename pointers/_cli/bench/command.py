# SPDX-License-Identifier: MIT
"""The command line of the comparison."""

from __future__ import annotations

import argparse
import datetime
import math
import random
import signal
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pointers._cli.bench.measure import allocators, machine, own, plan, program, runner
from pointers._cli.bench.measure.interpreter import workloads as of_python
from pointers._cli.bench.report import history, page, table, terminal
from pointers._cli.bench.report.history import Earlier
from pointers._cli.bench.result import document, exports, schema, verdicts
from pointers._cli.bench.result.document import UsageError, label, names_in, unique
from pointers._cli.bench.result.doubts import doubts
from pointers._cli.bench.result.schema import EXPERIMENTS
from pointers._cli.bench.result.summary import sum_up

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pointers._cli.bench.measure.allocators import Allocator
    from pointers._cli.bench.result.schema import Document, Load, Workload

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
    file = partial(add, type=Path, metavar="FILE")
    some = partial(add, metavar="A,B,...")
    add("--quick", action="store_true", help="smaller workloads, in less than six minutes")
    file("--json", help="write all figures here")
    file("--csv", help="write a row for each measurement here")
    file("--pyperf", help="write all measurements as pyperf's JSON here")
    file("--html", help="write a report with drawings here")
    some(
        "--allocators",
        help=f"of {', '.join(allocators.NAMES)}, [NAME=]foreign:PATH[:PREFIX]; NAME+checked puts "
        "checked blocks on it (default: all that are installed)",
    )
    some("--workloads", help="see --list (default: all)")
    file(
        "--workload",
        action="append",
        default=[],
        help="measure a workload of your own: a C file or a shared object; may be given repeatedly",
    )
    some(
        "--experiments",
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
    file("--load", help="measure nothing: show what --json has written")
    add("--details", action="store_true", help="print every case with its spread")
    add("--list", action="store_true", help="print the workloads and the allocators, and end")
    file("--program", help="use this ptrs-workload")


def _split(option: str, text: str | None, known: Collection[str]) -> list[str] | None:
    """Return the names in a comma-separated list, all of which must be known."""
    names = None if text is None else names_in(option, text)
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise UsageError(f"{option}: unknown {', '.join(unknown)}: choose from {', '.join(known)}")
    return names


def _print_list(
    workloads: Sequence[Workload], found: Sequence[Allocator], notes: Sequence[str]
) -> None:
    print("workloads:")
    for workload in workloads:
        print(f"  {workload['name']:16} {workload['description']}".rstrip())
    print("allocators:")
    for one in found:
        about = one.path or allocators.BUILT_IN.get(one.name, "")
        print(f"  {one.name:16} {about}".rstrip())
    print(*notes, sep="\n", end="\n" if notes else "")


def _check_output(path: Path) -> None:
    """Refuse now what could not be written in the end."""
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise UsageError(f"cannot write {path}: {path.parent}: {error.strerror}") from None


def _measure(options: argparse.Namespace) -> Document | None:
    """Measure; return the document, or None if there was only something to list."""
    binary = options.program.resolve() if options.program else program.find()
    workloads = program.workloads(binary)
    workloads += [] if options.program else of_python()
    with own.built(options.workload, binary, [one["name"] for one in workloads]) as mine:
        workloads += own.listed(options.workload)
        found, notes = allocators.choose(options.allocators, partial(program.problem, binary))
        if options.list:
            _print_list(workloads, found, notes)
            return None
        known = [one["name"] for one in workloads]
        names = _split("--workloads", options.workloads, known)
        parameters = plan.parameters(
            quick=options.quick,
            rounds=options.rounds,
            scale=options.scale,
            time_limit=options.time_limit,
            seed=random.randrange(1 << 31) if options.seed is None else options.seed,
        )
        jobs, left_out = plan.jobs(
            known,
            found,
            parameters,
            # The user's own alone, unless others are named
            unique([*(names or []), *mine]) if mine else names,
            _split("--experiments", options.experiments, EXPERIMENTS),
            cores=machine.cores(),
            available=machine.available_bytes(),
            libraries=mine,
        )
        notes += left_out
        for note in notes:
            print(note, file=sys.stderr)
        date = datetime.datetime.now(datetime.timezone.utc)
        started = time.monotonic()
        loads: list[Load] = []
        complete = True
        try:
            with terminal.progress(sys.stderr) as step:
                runner.run(binary, jobs, parameters, loads, step)
        except (KeyboardInterrupt, BrokenPipeError):
            # A reader of the progress that has gone ends the run as Ctrl-C does
            complete = False
    cases = [job.case for job in jobs]
    sum_up(cases)
    n_missing = sum(case["status"] == "missing" for case in cases)
    if complete and n_missing:
        notes.append(f"{n_missing} cases of {len(cases)} were not measured: there was no time left")
        print(notes[-1], file=sys.stderr)
    used = {case["workload"] for case in cases}
    return {
        "schema": schema.KIND,
        "version": schema.VERSION,
        "package": document.package(),
        "baseline": document.BASELINE,
        "complete": complete,
        "date": date.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started, 3),
        "machine": machine.describe(),
        "load": loads,
        "parameters": parameters,
        "allocators": [one.described() for one in found],
        "workloads": [one for one in workloads if one["name"] in used],
        "notes": notes,
        "cases": cases,
    }


def _write(
    found: Document, earlier: Sequence[Earlier], options: argparse.Namespace
) -> tuple[list[str], bool]:
    """Write the files that are wanted; return what to say of it, and whether all went well."""
    said, good = [], True
    for path, make in (
        (options.json, document.dumps),
        (options.csv, exports.as_csv),
        (options.pyperf, exports.as_pyperf),
        (options.html, partial(page.page, earlier=earlier)),
    ):
        if path:
            try:
                document.write(path, make(found))
                said.append(f"wrote {path}")
            except OSError as error:
                said.append(f"cannot write {path}: {error.strerror}")
                good = False
    return said, good


def _sentences(found: Document, earlier: Sequence[Earlier]) -> list[str]:
    """Return what stands below the tables."""
    said = verdicts.of_all(found)
    if earlier:
        said += [f"may not compare: {remark}" for remark in history.remarks(found, earlier)]
        said += history.differences(found, earlier)
    return [*said, *(f"warning: {doubt}" for doubt in doubts(found))]


def _finish(found: Document, earlier: Sequence[Earlier], options: argparse.Namespace) -> int:
    """Write and show what was measured; return the exit code."""
    # Files first: what was measured must not be lost to a reader that has gone
    said, good = _write(found, earlier, options)
    failures = [
        f"{label(case)} on {case['allocator']}: {case['status']}: {case['reason']}"
        for case in found["cases"]
        if case["status"] in ("failed", "killed")
    ]
    tables = table.tables(found, details=options.details)
    tables += [history.table(found, earlier)] if earlier else []
    terminal.show_tables(tables, sys.stdout)
    print("\n".join(_sentences(found, earlier)))
    interrupted = not found["complete"] and not options.load
    if interrupted:
        said.append("interrupted: this is what was measured until then")
    for line in (*said, *failures):
        print(line, file=sys.stderr)
    return INTERRUPTED if interrupted else 1 if failures or not good else 0


def main(options: argparse.Namespace) -> int:
    """Run the comparison; return the exit code: 2 for what makes no sense, 1 for failures."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for path in filter(None, (options.json, options.csv, options.pyperf, options.html)):
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
