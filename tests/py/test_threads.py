# SPDX-License-Identifier: MIT
"""Threads that share a pointer see whole values or typed errors."""

import contextlib
import sys
from typing import Any

import pytest
from _together import together

from pointers import (
    DereferenceError,
    FreedMemoryError,
    InvalidSizeError,
    calloc,
    free,
    malloc,
    realloc,
)

N_THREADS = 4


@pytest.fixture(autouse=True)
def _switch_often() -> Any:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_exactly_one_of_concurrent_frees_succeeds() -> None:
    for _ in range(200):
        ptr = malloc(28)
        results = together(*[ptr.free] * N_THREADS)
        assert results.count(None) == 1
        assert [type(result) for result in results].count(FreedMemoryError) == N_THREADS - 1


def test_loads_during_free_give_the_value_or_an_error() -> None:
    for _ in range(50):
        ptr = malloc(64)
        ptr <<= "some text"

        def load(ptr: Any = ptr) -> Any:
            seen = set()
            try:
                for _ in range(1000):
                    seen.add(~ptr)
            except FreedMemoryError:
                seen.add("freed")
            return seen

        for seen in together(load, load, ptr.free)[:2]:
            assert seen <= {"some text", "freed"}


def test_loads_during_realloc_always_give_the_value() -> None:
    ptr = malloc(64)
    ptr <<= "some text"

    def resize() -> None:
        for size in range(64, 300_000, 1000):
            realloc(ptr, size)
            realloc(ptr, 64)

    def load() -> "set[Any]":
        return {~ptr for _ in range(2000)}

    results = together(resize, load, load)
    assert results == [None, {"some text"}, {"some text"}]
    free(ptr)


VALUES = ["a" * 3000, "b" * 3000, b"c" * 3000, 10**2000, -(10**3000), "\u0107" * 1400]


def test_a_load_gives_only_values_that_were_stored() -> None:
    with malloc(4096) as ptr:
        ptr <<= VALUES[0]

        def store() -> None:
            for number in range(500):
                ptr.move(VALUES[number % len(VALUES)])

        def load() -> bool:
            return all(~ptr in VALUES for _ in range(500))

        assert together(store, store, load, load) == [None, None, True, True]


def test_concurrent_stores_of_references_and_values_lose_no_object() -> None:
    objects: list[Any] = [[1], [2], {3: 4}, object()]
    with malloc(64) as ptr:
        ptr <<= 0

        def store(values: "list[Any]") -> None:
            for number in range(500):
                ptr.move(values[number % len(values)])

        def load() -> bool:
            # A held object must be the same object, not an equal one
            for _ in range(500):
                value = ~ptr
                if not (value == 0 or value == "text" or any(value is obj for obj in objects)):
                    return False
            return True

        results = together(
            lambda: store(objects), lambda: store([0, "text"]), lambda: store(objects), load, load
        )
        assert results == [None, None, None, True, True]
        ptr <<= 0
        references = ptr._held
        assert references is not None
        assert len(references) == 0


def test_concurrent_bulk_stores_do_not_mix() -> None:
    with calloc(50, 28) as array:
        array.fill(0)

        def store(number: int) -> None:
            for _ in range(200):
                array.fill(number)

        def load() -> bool:
            return all(len(set(array.tolist())) == 1 for _ in range(200))

        assert together(lambda: store(1), lambda: store(2), load) == [None, None, True]


def test_stores_during_realloc_fit_or_are_refused() -> None:
    with malloc(5000) as ptr:

        def resize() -> None:
            for number in range(500):
                try:
                    realloc(ptr, 5000 if number % 2 else 100)
                except InvalidSizeError:
                    ptr.move(0)

        def store() -> None:
            for number in range(500):
                try:
                    ptr.move(VALUES[0] if number % 2 else 1)
                except InvalidSizeError:
                    assert ptr.size in (100, 5000)

        def load() -> None:
            for _ in range(500):
                # Where a shrink has cut the whole object off
                with contextlib.suppress(DereferenceError):
                    assert ~ptr in (0, 1, VALUES[0])

        assert together(resize, store, load) == [None, None, None]


def test_memory_of_ended_threads_can_be_used_and_freed() -> None:
    def make() -> "list[Any]":
        return [malloc(28).move(number) for number in range(1000)]

    for pointers in together(*[make] * N_THREADS):
        assert [~ptr for ptr in pointers] == list(range(1000))
        for ptr in pointers:
            free(ptr)
