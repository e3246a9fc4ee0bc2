# SPDX-License-Identifier: MIT
"""What Python's operations are held to, and what they take: a table.

Each is a ratio to what users have without this package, timed in the same
process in interleaved rounds, so that a change of the machine's speed meets
both.  Run it with an installed package: python benchmarks/py/figures.py
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rows_memory
import rows_values
from peers import PEERS, THREAD_PEERS
from rows import NANOSECOND, PYPY, Row

if TYPE_CHECKING:
    from case import Case

HERE = Path(__file__).parent
WARM_UP_ROUNDS = 3
WARM_UP = 100
MAX_LOOPS = 1 << 20
IMPORTS = {"process with import pointers": "pointers", "process with import ctypes": "ctypes"}

ROWS = [*rows_memory.ROWS, *rows_values.ROWS]


class Timed:
    """A statement, and how often it runs in a round."""

    def __init__(self, case: Case, seconds: float) -> None:
        self.case = case
        self._timer = case.timer()
        # What PyPy compiles, it compiles here: it starts with the thousandth round of a loop,
        # and with the calls that leave a loop's compiled path
        until = time.perf_counter() + seconds * (WARM_UP if PYPY else 1)
        count = 1
        while self._timer(count) < seconds or time.perf_counter() < until:
            count = min(2 * count, MAX_LOOPS)
        self._loops = max(1, int(count * seconds / max(self._timer(count), 1e-9)))

    def run(self) -> float:
        """Return the nanoseconds that one operation took."""
        return self._timer(self._loops) / (self._loops * self.case.operations) * 1e9


def compare(rows: list[Row], peers: list[Case], rounds: int, seconds: float) -> list[Any]:
    """Time each row next to its peer in each round, and return the results."""
    others = {peer.name: Timed(peer, seconds) for peer in peers}
    timed = [(row, Timed(row.case, seconds)) for row in rows]
    times: dict[str, tuple[list[float], list[float]]] = {row.case.name: ([], []) for row in rows}
    for round_ in range(rounds + WARM_UP_ROUNDS):
        for row, own in timed:
            peer = row.wanted[1]
            pair = own.run(), 1.0 if peer == NANOSECOND else others[peer].run()
            if round_ >= WARM_UP_ROUNDS:
                for found, one in zip(times[row.case.name], pair):
                    found.append(one)
    return [result(row.case.name, *row.wanted, *times[row.case.name]) for row in rows]


def compare_imports(rounds: int) -> Any:
    """Time whole processes that import the package, next to such as import ctypes."""
    found: list[list[float]] = [[], []]
    for _ in range(rounds):
        for times, module in zip(found, IMPORTS.values()):
            # In this folder: in that of a clone, the folder pointers/ would hide the package
            start = time.perf_counter()
            subprocess.check_call([sys.executable, "-c", f"import {module}"], cwd=HERE)
            times.append((time.perf_counter() - start) * 1e9)
    name, peer = IMPORTS
    return result(name, 1.4, peer, *found)


def result(name: str, goal: float, peer: str, own: list[float], other: list[float]) -> Any:
    """Return what is known of one row: the verdict is about the ratio of the least times."""
    ratio = min(own) / min(other)
    return {
        "name": name,
        "ns": min(own),
        "peer": peer,
        "peer_ns": min(other),
        "goal": goal,
        "ratio": ratio,
        "median_ratio": statistics.median(a / b for a, b in zip(own, other)),
        "met": ratio <= goal,
    }


def show(results: list[Any]) -> None:
    """Print the table."""
    print(f"{'ns for one, the least':33}{'':>12}  {'wanted: at most':41} {'is':>7}")
    for each in results:
        print(
            f"{each['name']:33}{each['ns']:12,.0f}  {each['goal']:5.2f} x {each['peer']:33}"
            f" {each['ratio']:7.2f} {each['median_ratio']:7.2f}"
            f"  {'met' if each['met'] else 'missed'}"
        )
    print("is: the ratio of the least, then the median of the rounds' ratios; the verdict is about")
    print("the former; the threads are timed last, since steps are atomic from then on")


def measure(options: argparse.Namespace) -> None:
    """Time everything in this process, print it and write it to the file."""
    if options.beside:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
    import pointers  # not before: the environment says which path is taken

    path = "compiled" if pointers._ffi.fast is not None else "Python"
    alone = "after a second thread" if options.beside else "one thread"
    version = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{version}, {sys.platform}, {path}, {alone}")
    results = compare(ROWS, PEERS, options.rounds, options.seconds)
    results += compare(rows_memory.THREAD_ROWS, THREAD_PEERS, options.rounds, options.seconds)
    results.append(compare_imports(options.imports))
    show(results)
    if options.json:
        text = {
            "interpreter": version,
            "path": path,
            "threads": alone,
            "machine": platform.machine(),
            "system": f"{platform.system()} {platform.release()}",
            "date": datetime.date.today().isoformat(),
            "rows": results,
        }
        options.json.write_text(json.dumps(text, indent=1) + "\n", "utf-8")


def main() -> None:
    """Read the command and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--seconds", type=float, default=0.005, help="least length of a round")
    parser.add_argument("--imports", type=int, default=40, help="processes that import, of each")
    parser.add_argument(
        "--path",
        choices=["fast", "reference"],
        default="fast",
        help="CPython's compiled path, or the Python code alone",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE too")
    parser.add_argument(
        "--beside",
        action="store_true",
        help="in a process that has had a second thread: from then on steps are atomic",
    )
    options = parser.parse_args()
    os.environ["POINTERS_FAST"] = "0" if options.path == "reference" else "1"
    measure(options)


if __name__ == "__main__":
    main()
