# SPDX-License-Identifier: MIT
"""Leaked blocks do not pile up, even where pointers wait for the collector."""

import sys
from pathlib import Path
from typing import Any

import pytest
from _sanitized import ADDRESS_SANITIZER

from pointers import Guard, System
from pointers._collector import live_bytes

PYPY = sys.implementation.name == "pypy"

# Expressions that leak `size` bytes; the test does so 2,400 times, with 1 MiB each
WAYS = {
    "malloc": "malloc(size)",
    "calloc": "calloc(size // 64, 64)",
    "align": "malloc(size, align=4096)",
    "realloc": "malloc(1).realloc(size)",
    "arena": "Arena().malloc(size)",
    "chunk": "Arena(size).malloc(1)",
    "slab": "Pool(size // 8, slab_blocks=8).malloc(1)",
    "objects": "malloc(size).move([])",
    "view": "malloc(size).view()",
}
if PYPY:  # CPython counts objects: it lets some hundreds of cycles pile up
    WAYS["cycle"] = "(lambda block, me: me.append((block, me)))(malloc(size), [])"


@pytest.mark.parametrize("way", WAYS)
def test_leaked_blocks_are_freed_before_they_pile_up(run_python: Any, way: str) -> None:
    done = run_python(
        f"""
        from pointers import *

        def drop(size):
            {WAYS[way]}

        for _ in range(2400):
            drop(1 << 20)
        print(System().stats().peak_bytes >> 20)
        """,
        "-W",
        "ignore::ResourceWarning",
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 800


@pytest.mark.parametrize("count", [1, 1200])
def test_leaked_guarded_blocks_are_freed_before_they_pile_up(run_python: Any, count: int) -> None:
    done = run_python(
        f"""
        import weakref
        from pointers import *

        guard, guards, most = None, weakref.WeakSet(), 0
        for index in range(1200):
            if index < {count}:
                guard = Guard(quarantine=0)
                guards.add(guard)
            guard.malloc(1 << 20)
            # Not list(guards), which asks the set for its length while garbage leaves the set
            most = max(most, sum([each.stats().current_bytes for each in guards]))
        print(most >> 20)
        """,
        "-W",
        "ignore::ResourceWarning",
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 800


def test_counting_bytes_survives_allocators_made_between_two_lines() -> None:
    """Threads and finalizers make allocators, and let them go, between any two lines."""
    kept = [Guard() for _ in range(3)]
    made = []

    def trace(frame: Any, event: str, _arg: Any) -> Any:
        if event == "line" and "weakref" in frame.f_code.co_filename:
            sys.settrace(None)
            made.append(Guard())
            sys.settrace(trace)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        n_bytes = live_bytes()
    finally:
        sys.settrace(before)
    assert made
    assert n_bytes >= System().stats().current_bytes
    assert len(kept) == 3


LIMITED = """
    import gc, resource
    from pointers import *

    # So that garbage is collected only when an allocation finds no memory
    gc.disable()
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    limit = used + (640 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    size = 100 << 20

    def drop():
        {drop}

    for _ in range(20):
        drop()
    print(System().stats().total_bytes >> 20 >= {least})
"""
# A statement that leaks 100 MiB, and the MiB that 20 of them take from the C library's malloc
LAST = {
    **{name: (WAYS[name], 1900) for name in ("malloc", "calloc", "align", "realloc", "arena")},
    **{name: (WAYS[name], 1900) for name in ("chunk", "slab", "objects", "view")},
    "slice": ("malloc(size).view()[1:].cast('B')", 1900),
    "guard": ("Guard(quarantine=0).malloc(size)", 0),
    "bulk": ("calloc(1, size)[:] = [1]", 1900),
    "mark": ("arena = Arena(size); arena.malloc(1); arena.mark()", 1900),
    "new pool": ("Pool(64, parent=Arena(size)).malloc(1)", 1900),
}


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs the size of the process")
@pytest.mark.skipif(ADDRESS_SANITIZER, reason="needs address space")
@pytest.mark.parametrize("way", LAST)
def test_garbage_is_collected_before_an_allocation_fails(run_python: Any, way: str) -> None:
    drop, least = LAST[way]
    done = run_python(
        LIMITED.format(drop=drop, least=least),
        "-W",
        "ignore::ResourceWarning",
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs the size of the process")
@pytest.mark.skipif(ADDRESS_SANITIZER, reason="needs address space")
def test_garbage_is_collected_before_a_read_fails(run_python: Any) -> None:
    done = run_python(
        LIMITED.format(drop="malloc(40 << 20)", least=800)
        + """
    kept = malloc(200 << 20)
    for _ in range(20):
        drop()
    print(len(kept.read()) == kept.size)
    """,
        "-W",
        "ignore::ResourceWarning",
    )
    assert (done.returncode, done.stdout) == (0, "True\nTrue\n"), done.stderr


# A program that counts the steps of the collector.  In a process of its own, since the size of
# the heap decides how far a step goes.
STEPS = """
    import gc
    from pointers import *

    objects = [[] for _ in range({n_objects})]
    for _ in range(3):
        gc.collect()
    taken, step = [], gc.collect_step
    def count():
        taken.append(None)
        return step()
    gc.collect_step = count
"""


def run_steps(run_python: Any, program: str, n_objects: int = 0) -> "list[int]":
    """Run `STEPS` and then a program that prints numbers; return the numbers."""
    if not PYPY:
        pytest.skip("no collector in steps")
    ignored = ("-W", "ignore::ResourceWarning")
    done = run_python(STEPS.format(n_objects=n_objects) + program, *ignored)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [int(word) for word in done.stdout.split()]


def test_blocks_that_are_freed_cost_no_steps(run_python: Any) -> None:
    freed = """
    for _ in range(1000):
        free(malloc(1 << 20))
        with calloc(1 << 10, 1 << 10) as array:
            array.realloc(1 << 21)
    print(len(taken))
    """
    assert run_steps(run_python, freed) == [0]


def test_blocks_that_live_cost_few_steps(run_python: Any) -> None:
    living = """
    kept = [malloc(1 << 20) for _ in range(1000)]
    print(len(taken))
    for _ in range(1000):
        free(malloc(1 << 20))
    print(len(taken))
    """
    n_steps, n_later = run_steps(run_python, living)
    assert 0 < n_steps < 60
    # A collection that has begun takes up to 12 more steps to its end
    assert n_later < n_steps + 12


@pytest.mark.parametrize("n_objects", [0, 1_000_000])
def test_garbage_is_freed_soon_after_many_blocks_were_live(run_python: Any, n_objects: int) -> None:
    garbage = """
    for ptr in [malloc(1 << 20) for _ in range(1000)]:
        ptr.free()
    for _ in range(600):
        malloc(1 << 20)
    print(System().stats().current_bytes >> 20)
    """
    (n_mebibytes,) = run_steps(run_python, garbage, n_objects)
    assert n_mebibytes < 400


def test_a_collector_that_is_switched_off_stays_off(run_python: Any) -> None:
    off = """
    gc.disable()
    kept = [malloc(1 << 20) for _ in range(200)]
    print(len(taken))
    """
    assert run_steps(run_python, off) == [0]
