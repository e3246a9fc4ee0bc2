# SPDX-License-Identifier: MIT
"""What Python pays for one operation, beside what users have without this package.

By pyperf, each case in processes of its own: python benchmarks/py/run.py.  The
package is imported as it is installed; `--groups` chooses by the beginning of a
name, and all of pyperf's options work, as `-o FILE` for its JSON.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

try:
    import pyperf
except ImportError:
    sys.exit("pyperf is needed: pip install 'pointers-cffi[bench]'")

import memory
import values

from pointers import free, malloc

if TYPE_CHECKING:
    from case import Case

THREAD_COUNTS = (1, 2, 4, 8)
_BATCH = 1000

GROUPS: dict[str, list[Case]] = {
    "malloc 28 B": memory.allocation(28),
    "malloc 64 KiB": memory.allocation(65536),
    **{f"store {kind}": values.storing(kind, load=False) for kind in values.STORED},
    **{f"load {kind}": values.storing(kind, load=True) for kind in values.STORED},
    "array of 1000 ints, store all": values.arrays(0),
    "array of 1000 ints, load all": values.arrays(1),
    "array, store one int": values.arrays(2),
    "array, load one int": values.arrays(3),
    "stack call": memory.stack_calls(),
    "view of 64 KiB": memory.views(),
    "copy 64 KiB": memory.copies(),
    **{f"malloc 28 B, {10**power} live": memory.live_blocks(10**power) for power in range(2, 7)},
}
THREADS = "threads, malloc, store, load and free"


def in_threads(loops: int, n_threads: int) -> float:
    """Time so many batches, shared out among threads; return seconds."""
    barrier = threading.Barrier(n_threads + 1)

    def work() -> None:
        barrier.wait()
        for _ in range(loops * _BATCH // n_threads):
            ptr = malloc(28)
            ptr.move(12345)
            ~ptr
            free(ptr)

    threads = [threading.Thread(target=work) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    barrier.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def show(results: dict[str, dict[str, Any]]) -> None:
    """Print each group's medians, with the ratio to its first."""
    for group, found in results.items():
        print(f"\n{group}")
        first = next(iter(found.values())).median()
        for name, benchmark in found.items():
            median, spread = benchmark.median(), benchmark.median_abs_dev()
            print(
                f"  {name:36}{median * 1e9:12,.1f} ns ±{spread / median:5.1%}{median / first:9.2f}"
            )
    print("\nmedian ± its absolute deviation, and the ratio to the group's first line")


def main() -> None:
    """Time all that is chosen, and print a table."""

    def forward(command: list[str], options: Any) -> None:
        if options.groups:
            command += ["--groups", options.groups]

    # Fewer than pyperf's own 20: there are some 150 cases
    runner = pyperf.Runner(processes=6, add_cmdline_args=forward)
    runner.argparser.description = __doc__
    runner.argparser.add_argument("--groups", help="of these beginnings, comma-separated")
    runner.argparser.add_argument("--list", action="store_true", help="print the groups, and end")
    options = runner.parse_args()
    names = [*GROUPS, THREADS]
    if options.list:
        print("\n".join(names))
        return
    wanted = tuple((options.groups or "").split(","))
    chosen = [name for name in names if name.startswith(wanted)]
    if not chosen:
        runner.argparser.error(f"--groups: no group begins with {options.groups!r}; see --list")
    results: dict[str, dict[str, Any]] = {}
    for group in chosen:
        done = {
            case.name: runner.bench_time_func(
                f"{group}: {case.name}", case.timer(), inner_loops=case.operations
            )
            for case in GROUPS.get(group, ())
            if case.possible
        }
        if group == THREADS:
            done = {
                f"{count} thread{'s' if count > 1 else ''}": runner.bench_time_func(
                    f"{group}: {count}", in_threads, count, inner_loops=_BATCH
                )
                for count in THREAD_COUNTS
            }
        # In a worker only one of them runs, and the others are None
        results[group] = {name: result for name, result in done.items() if result is not None}
    if not options.worker:
        show({group: found for group, found in results.items() if found})


if __name__ == "__main__":
    main()
