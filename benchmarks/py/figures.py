# SPDX-License-Identifier: MIT
"""What Python's operations are held to, and what they take: a table.

Each is a ratio to what users have without this package, timed in the same
process in interleaved rounds, so that a change of the machine's speed meets
both.  Run it with an installed package: python benchmarks/py/figures.py
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from case import POINTERS, Case

import pointers

HERE = Path(__file__).parent
PYPY = platform.python_implementation() == "PyPy"
WARM_UP_ROUNDS = 3
WARM_UP = 100
MAX_LOOPS = 1 << 20
MIB = 1 << 20

BASES = [
    Case(
        "create_string_buffer(28)",
        "create(28)",
        "from ctypes import create_string_buffer as create",
    ),
    Case("bytearray(28)", "bytearray(28)"),
    Case("empty Python call", "empty()", "def empty(): pass"),
    Case(
        "memmove of 1 MiB",
        f"memmove(target, source, {MIB})",
        f"from ctypes import create_string_buffer, memmove\n"
        f"source, target = create_string_buffer({MIB}), create_string_buffer({MIB})",
    ),
    Case(
        "memmove of 16 bytes",
        "memmove(target, source, 16)",
        "from ctypes import create_string_buffer, memmove\n"
        "source, target = create_string_buffer(64), create_string_buffer(64)",
    ),
    Case("cast of a memoryview", "memoryview(b).cast('i')", "b = bytearray(64)"),
    Case("str(12345)", "str(12345)"),
    Case("decode 1,000 bytes", "data.decode('ascii')", "data = b'x' * 1000"),
    Case(
        "strlen of an array of ctypes",
        "length(array)",
        "import ctypes\nlength, array = ctypes.CDLL(None).strlen, (ctypes.c_char * 64)()",
    ),
    Case(
        "from_buffer of a bytearray",
        "ints.from_buffer(data)",
        "import ctypes\nints, data = ctypes.c_int * 4, bytearray(64)",
    ),
    Case("ptr + 8", "ptr + 8", "from pointers import malloc\nptr = malloc(64)"),
]
BUFFER, ARRAY, CALL, COPY, COPY_16, CAST, TEXT, DECODE, CALL_C, OVER, STEP = (
    base.name for base in BASES
)
NANOSECOND = "1 ns"


class Figure(NamedTuple):
    """An operation, and the most that it may take as a multiple of another."""

    case: Case
    cpython: tuple[float, str]
    pypy: tuple[float, str]

    @property
    def wanted(self) -> tuple[float, str]:
        return self.pypy if PYPY else self.cpython


VALUES = {"int": "12345", "float": "1.5", "11-char str": "'hello world'", "bytes": "b'hello world'"}
ONE = f"{POINTERS}\nptr = malloc(64).move({{}})"
MANY = f"{POINTERS}\narray = calloc(1000, 28)\narray[:] = range(1000)"
RAW = f"{POINTERS}\nptr, data = malloc({MIB}), bytes({MIB})"
HELD = f"{POINTERS}\nheld = [1, 2]\nptr = malloc(64).move(held)"
SLOTS = f"{POINTERS}\nvalues, array = [{{}}] * 1000, calloc(1000, 64)\narray[:] = values"
ALLOCATORS = (
    f"{POINTERS}\nfrom pointers import allocator\narena, pool = Arena(1 << 20), Pool(28)\n"
    "arena_malloc, pool_malloc = arena.malloc, pool.malloc\n"
    "import warnings; warnings.simplefilter('ignore', ResourceWarning)"
)
FOREIGN = (
    "import ctypes\n"
    "from pointers import free, from_address, malloc\n"
    "length = ctypes.CDLL(None).strlen\n"
    "array, ptr = (ctypes.c_char * 64)(), malloc(64)\n"
    "ints, address = ctypes.c_int * 4, ctypes.addressof(array)"
)
MEMORY = (
    "from pointers import malloc, memcmp, memcpy, memmove, memset\n"
    "a, b, data = malloc(64), malloc(64), bytes(64)"
)

FIGURES = [
    *(
        Figure(Case(f"ptr.{name}", f"ptr.{name}", ONE.format(1)), (0.6, ARRAY), (0.5, ARRAY))
        for name in ("address", "size", "capacity", "offset", "freed")
    ),
    *(
        Figure(Case(act, act, ONE.format(1) + "\nother = ptr + 8"), (0.6, ARRAY), (0.6, ARRAY))
        for act in ("ptr == other", "ptr < other")
    ),
    Figure(
        Case("malloc(28) and free", "free(malloc(28))", POINTERS), (0.65, BUFFER), (0.8, BUFFER)
    ),
    Figure(Case("the same", "free(malloc(28))", POINTERS), (0.9, ARRAY), (1.6, ARRAY)),
    *(
        Figure(Case(name, act, ALLOCATORS, "", count), (cpython, ARRAY), (pypy, ARRAY))
        for name, act, count, cpython, pypy in (
            ("malloc(28, align=64) and free", "free(malloc(28, align=64))", 1, 1.2, 2),
            ("calloc(1, 28) and free", "free(calloc(1, 28))", 1, 0.9, 1.6),
            ("leaked malloc(28)", "malloc(28)", 1, 1.4, 3),
            (
                "arena, reset every 1,000",
                "for _ in range(1000): arena_malloc(28)\narena.reset()",
                1000,
                1,
                1.8,
            ),
            (
                "arena as the default",
                "with allocator(arena):\n  for _ in range(1000): malloc(28)\narena.reset()",
                1000,
                1.1,
                1.8,
            ),
            ("pool, and free", "free(pool_malloc(28))", 1, 0.95, 1.6),
            ("with allocator(pool), and both", "with allocator(pool): free(malloc(28))", 1, 2, 3),
        )
    ),
    *(
        Figure(
            Case(f"store {kind}", f"nonlocal ptr; ptr <<= {value}", ONE.format(value)),
            (0.9, ARRAY),
            (1.2, ARRAY),
        )
        for kind, value in VALUES.items()
    ),
    *(
        Figure(Case(f"load {kind}", "~ptr", ONE.format(value)), (0.9, ARRAY), (1.2, ARRAY))
        for kind, value in VALUES.items()
    ),
    Figure(Case("store a list", "nonlocal ptr; ptr <<= held", HELD), (0.6, ARRAY), (4, ARRAY)),
    Figure(Case("load a list", "~ptr", HELD), (0.6, ARRAY), (2, ARRAY)),
    *(
        Figure(Case(f"{name} {act}, each", code, SLOTS.format(value), "", 1000), *goals[act])
        for name, value, goals in (
            ("lists", "[]", {"in": ((0.6, ARRAY), (3, ARRAY)), "out": ((0.5, ARRAY), (2, ARRAY))}),
            (
                "texts",
                "'hello'",
                {"in": ((0.8, ARRAY), (2.5, ARRAY)), "out": ((0.8, ARRAY), (2.5, ARRAY))},
            ),
            (
                "floats",
                "1.5",
                {"in": ((0.4, ARRAY), (1.5, ARRAY)), "out": ((0.4, ARRAY), (1.5, ARRAY))},
            ),
        )
        for act, code in (("in", "array[:] = values"), ("out", "array.tolist()"))
    ),
    Figure(
        Case(
            "load a str of 1,000",
            "~ptr",
            "from pointers import malloc\nptr = malloc(2000).move('x' * 1000)",
        ),
        (1.5, ARRAY),
        (1.3, DECODE),
    ),
    Figure(
        Case(
            "store by enumerate(array), each",
            "for i, p in enumerate(array): p <<= i",
            MANY,
            "",
            1000,
        ),
        (2, ARRAY),
        (1.5, ARRAY),
    ),
    Figure(
        Case("array[:] = range(1000), each", "array[:] = range(1000)", MANY, "", 1000),
        (1.5, CALL),
        (10, NANOSECOND),
    ),
    Figure(
        Case("array.tolist(), each", "array.tolist()", MANY, "", 1000), (1, CALL), (10, NANOSECOND)
    ),
    Figure(
        Case(
            "empty stack call",
            "function()",
            f"{POINTERS}\n@stack_alloc(28)\ndef function(ptr): pass",
        ),
        (1.2, BUFFER),
        (3, BUFFER),
    ),
    *(
        Figure(Case(call, call, MEMORY), (0.5, COPY_16), (0.5, COPY_16))
        for call in (
            "memcpy(a, b, 16)",
            "memcpy(a, data, 16)",
            "memmove(a, b, 16)",
            "memset(a, 0, 16)",
            "memcmp(a, b, 16)",
        )
    ),
    Figure(Case("strlen(ptr)", "length(ptr)", FOREIGN), (2.2, CALL_C), (1.1, CALL_C)),
    Figure(Case("ptr.cast(c_int * 4)", "ptr.cast(ints)", FOREIGN), (2, OVER), (2, OVER)),
    Figure(
        Case("from_address and free", "free(from_address(address, 64))", FOREIGN),
        (2, ARRAY),
        (4, ARRAY),
    ),
    Figure(Case("ptr.readonly()", "ptr.readonly()", ONE.format(1)), (1.2, STEP), (1.2, STEP)),
    Figure(Case("ptr.view('i')", "ptr.view('i')", ONE.format(1)), (1, CAST), (5, CAST)),
    Figure(Case("(*ptr,)", "(*ptr,)", ONE.format(12345)), (1.4, ARRAY), (2, ARRAY)),
    Figure(Case("str(ptr)", "str(ptr)", ONE.format(12345)), (2, TEXT), (2, TEXT)),
    Figure(Case("with malloc(28)", "with malloc(28): pass", POINTERS), (2.3, ARRAY), (3, ARRAY)),
    Figure(
        Case(
            "realloc 64 to 4096, and back",
            "realloc(ptr, 4096); realloc(ptr, 64)",
            "from pointers import realloc\n" + ONE.format(1),
            "",
            2,
        ),
        (2.5, ARRAY),
        (6, ARRAY),
    ),
    Figure(Case("read 1 MiB", "ptr.read()", RAW), (1 / 0.95, COPY), (1 / 0.95, COPY)),
    Figure(Case("write 1 MiB", "ptr.write(data)", RAW), (1 / 0.95, COPY), (1 / 0.95, COPY)),
]


def time_cases(cases: list[Case], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the nanoseconds that one operation took in each round."""
    timers = {case: case.timer() for case in cases}
    loops = {}
    for case, timer in timers.items():
        # What PyPy compiles, it compiles here: it starts with the thousandth round of a loop,
        # and with the calls that leave a loop's compiled path
        until = time.perf_counter() + seconds * (WARM_UP if PYPY else 1)
        count = 1
        while timer(count) < seconds or time.perf_counter() < until:
            count = min(2 * count, MAX_LOOPS)
        loops[case] = max(1, int(count * seconds / max(timer(count), 1e-9)))
    times: dict[str, list[float]] = {case.name: [] for case in cases}
    for round_ in range(rounds + WARM_UP_ROUNDS):
        for case, timer in timers.items():
            taken = timer(loops[case]) / (loops[case] * case.operations) * 1e9
            if round_ >= WARM_UP_ROUNDS:
                times[case.name].append(taken)
    return times


def time_imports(rounds: int) -> dict[str, list[float]]:
    """Return the nanoseconds that imports took in new processes, without their start."""
    times: dict[str, list[float]] = {"import ctypes": [], "import pointers": []}
    for _ in range(rounds):
        for statement, found in times.items():
            code = (
                f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
            )
            # In this folder: in that of a clone, the folder pointers/ would hide the package
            taken = subprocess.check_output([sys.executable, "-c", code], cwd=HERE)
            found.append(float(taken) * 1e9)
    return times


def row(name: str, times: dict[str, list[float]], limit: float, base: str) -> str:
    """Return one line of the table."""
    least, median = min(times[name]), statistics.median(times[name])
    ratios = least, median
    if base != NANOSECOND:
        ratios = least / min(times[base]), median / statistics.median(times[base])
    verdict = "met" if ratios[0] <= limit else "missed"
    return (
        f"{name:33}{least:12,.0f}{median:12,.0f}  {limit:5.2f} x {base:26}"
        f" {ratios[0]:7.2f} {ratios[1]:7.2f}  {verdict}"
    )


def main() -> None:
    """Time everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--seconds", type=float, default=0.005, help="least length of a round")
    parser.add_argument(
        "--beside",
        action="store_true",
        help="in a process that has had a second thread: from then on steps are atomic",
    )
    options = parser.parse_args()
    if options.beside:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()

    cases = [*BASES, *(figure.case for figure in FIGURES)]
    times = time_cases(cases, options.rounds, options.seconds)
    times.update(time_imports(max(3, options.rounds // 2)))

    path = "compiled" if pointers._ffi.fast is not None else "Python"
    alone = "after a second thread" if options.beside else "one thread"
    version = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{version}, {sys.platform}, {path}, {alone}")
    print(f"{'ns for one':33}{'least':>12}{'median':>12}  {'wanted: at most':34} {'is':>7}")
    for base in BASES:
        least, median = min(times[base.name]), statistics.median(times[base.name])
        print(f"{base.name:33}{least:12,.0f}{median:12,.0f}")
    for figure in FIGURES:
        print(row(figure.case.name, times, *figure.wanted))
    print(row("import pointers", times, 1.5, "import ctypes"))
    print("is: the ratio of the least, then of the medians; the verdict is the former's")


if __name__ == "__main__":
    main()
