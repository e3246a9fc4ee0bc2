# SPDX-License-Identifier: MIT
"""What one operation costs, beside what users have without this package.

All are timed in one process in interleaved rounds, so that a change of the
machine's speed meets all of them.  Run it with an installed package, from
outside of the source tree or by its path: python benchmarks/py/basic.py
"""

from __future__ import annotations

import argparse
import ctypes
import platform
import statistics
import sys
import time
from typing import Any, Callable

from pointers import calloc, free, malloc, sizeof, stack_alloc

WARM_UP_ROUNDS = 2

number = malloc(64).move(12345)
text = malloc(64).move("hello world")
target = malloc(64)
array = calloc(1000, 28)


@stack_alloc(28)
def empty(_ptr: Any) -> None:
    pass


def malloc_free(n: int) -> None:
    for _ in range(n):
        free(malloc(28))


def store_int(n: int) -> None:
    for i in range(n):
        target.move(i)


def load_int(n: int) -> None:
    for _ in range(n):
        ~number


def store_str(n: int) -> None:
    for _ in range(n):
        target.move("hello world")


def load_str(n: int) -> None:
    for _ in range(n):
        ~text


def stack_call(n: int) -> None:
    for _ in range(n):
        empty()


def bulk_store(n: int) -> None:
    values = range(1000)
    for _ in range(n // 1000):
        array[:] = values


def bulk_load(n: int) -> None:
    for _ in range(n // 1000):
        array.tolist()


def create_string_buffer(n: int) -> None:
    for _ in range(n):
        ctypes.create_string_buffer(28)


def make_bytearray(n: int) -> None:
    for _ in range(n):
        bytearray(28)


CASES: list[tuple[str, Callable[[int], None]]] = [
    ("malloc(28) and free", malloc_free),
    ("store an int", store_int),
    ("load an int", load_int),
    ("store an 11-character str", store_str),
    ("load an 11-character str", load_str),
    ("empty stack call", stack_call),
    ("bulk store, per int", bulk_store),
    ("bulk load, per int", bulk_load),
    ("ctypes.create_string_buffer(28)", create_string_buffer),
    ("bytearray(28)", make_bytearray),
]


def main() -> None:
    """Time all cases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=20_000, help="operations in one round")
    options = parser.parse_args()
    assert sizeof(12345) == 28

    times: dict[str, list[float]] = {name: [] for name, _ in CASES}
    for round_ in range(options.rounds + WARM_UP_ROUNDS):
        for name, function in CASES:
            start = time.perf_counter()
            function(options.calls)
            elapsed = (time.perf_counter() - start) / options.calls * 1e9
            if round_ >= WARM_UP_ROUNDS:
                times[name].append(elapsed)

    base = statistics.median(times["ctypes.create_string_buffer(28)"])
    print(f"{platform.python_implementation()} {platform.python_version()}, {sys.platform}")
    print(f"{'ns for one':34}{'minimum':>10}{'median':>10}{'ratio':>8}")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:34}{min(values):10.0f}{median:10.0f}{median / base:8.2f}")
    print("ratio: of the median to that of ctypes.create_string_buffer(28)")
    for pointer in (number, text, target, array):
        free(pointer)


if __name__ == "__main__":
    main()
