# SPDX-License-Identifier: MIT
"""Stores of held objects take no lock: code that runs between two steps loses or leaks no object.

Each test stops an operation before each of its steps in turn, and runs other code there.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import sys
import threading
import weakref
from typing import Any, Callable

import pytest
from _stepped import stop_at, stop_at_each, stop_both_at
from _watched import CPYTHON, Thing, gone, put

from pointers import (
    Arena,
    FreedMemoryError,
    System,
    calloc,
    free,
    memset,
)
from pointers._ffi import fast

Operation = Callable[[Any], Any]

of_python = pytest.mark.skipif(fast is not None, reason="a compiled store has no steps of Python")

# Of the lines at which the second thread may stop, every third: all of them take minutes on PyPy
STRIDE = 1 if "POINTERS_RACES" in os.environ else 3

unchecked: list[Any] = []


@pytest.fixture(autouse=True)
def _check_unchecked() -> Any:
    yield
    refs = unchecked.copy()
    unchecked.clear()
    assert all(map(gone, refs))


class World:
    """An array of four slots, and weak references to all objects that were stored there."""

    def __init__(self, *, full: bool) -> None:
        self.full = full
        self.block = calloc(4, 16)
        self.slots = list(self.block)  # slots can be used, and refuse, after the block is freed
        self.refs: list[Any] = []
        if full:
            self.block[0].move(self.new())
            self.block[1].move(self.new())

    def new(self) -> Thing:
        thing = Thing()
        self.refs.append(weakref.ref(thing))
        return thing

    def check(self) -> None:
        """Check that each slot is empty, or can be loaded and gives an object that was stored."""
        for slot in [] if self.block.freed else self.block:
            assert slot.assigned or slot.read() == bytes(16)
            if slot.assigned:
                assert ~slot is None or any(~slot is ref() for ref in self.refs)

    def end(self) -> None:
        """Check that only objects that can be loaded are held, and free the block."""
        self.check()
        if not self.block.freed:
            n_held = sum(slot.assigned and ~slot is not None for slot in self.block)
            assert len(self.block._held or ()) == n_held
            memset(self.block, 0, 64)
            assert len(self.block._held or ()) == 0
            free(self.block)
        self.check_none_alive()

    def check_none_alive(self) -> None:
        """Check that no object is alive; on PyPy at the end of the test, after one collection."""
        if CPYTHON:
            assert all(map(gone, self.refs))
        else:
            unchecked.extend(self.refs)


OPERATIONS: dict[str, Operation] = {
    "store": lambda w: w.slots[0].move(w.new()),
    "store unsafe": lambda w: w.slots[0].move(w.new(), unsafe=True),
    "store beside": lambda w: w.slots[1].move(w.new()),
    "store a value": lambda w: w.slots[0].move(None),
    "store many": lambda w: w.block._store_slots(0, [None, w.new()]),
    "write": lambda w: memset(w.block, 0, 64),
    "free": lambda w: w.block.free(),
}
PAIRS = [
    ("store", "store"),
    ("store", "store many"),
    ("store", "write"),
    ("store many", "write"),
    ("store unsafe", "store"),
    ("store unsafe", "store unsafe"),
    ("store unsafe", "store many"),
    ("store unsafe", "write"),
    ("store unsafe", "free"),
    ("write", "store"),
    ("write", "write"),
    ("free", "store"),
    ("free", "store many"),
    ("store", "free"),
    ("store many", "free"),
]


def quietly(operation: Operation, world: Any) -> None:
    with contextlib.suppress(FreedMemoryError):
        operation(world)


@of_python
@pytest.mark.parametrize("inner", OPERATIONS)
@pytest.mark.parametrize("outer", ["store", "store unsafe", "store many", "write", "free"])
def test_an_operation_between_two_steps_of_another_leaks_no_object(outer: str, inner: str) -> None:
    """A signal handler or a finalizer may run the inner operation there."""
    for step in itertools.count():
        world = World(full=step % 2 == 1)
        do = lambda name: quietly(OPERATIONS[name], world)  # noqa: B023, E731 - called at once
        stopped = stop_at(step // 2, lambda: do(inner), lambda: do(outer))  # noqa: B023
        world.end()
        if not stopped and world.full:
            break


@of_python
@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_two_threads_that_alternate_at_any_line_leak_no_object(outer: str, inner: str) -> None:
    for first in itertools.count():
        for second in itertools.count(first % STRIDE, STRIDE):
            world = World(full=True)
            do = lambda name: lambda: quietly(OPERATIONS[name], world)  # noqa: B023, E731
            stopped = stop_both_at(
                (first, second), (do(outer), do(inner)), lines_of="_pointer/held.py"
            )
            world.end()
            if not all(stopped):
                break
        if not stopped[0]:
            break


def interrupt() -> None:
    raise KeyboardInterrupt


@of_python
def test_a_store_and_a_write_within_a_write_leak_no_object() -> None:
    """The slot that the outer write found empty is filled and emptied again in between."""
    store, write = OPERATIONS["store"], OPERATIONS["write"]
    for first in itertools.count():
        for second in itertools.count(first + 1):
            world = World(full=True)
            actions = {first: lambda: store(world), second: lambda: write(world)}  # noqa: B023
            stopped = stop_at_each(actions, lambda: write(world), lines_of="_pointer/held.py")  # noqa: B023
            world.end()
            if not stopped:
                break
        if second == first + 1:
            break


@of_python
def test_operations_have_steps_to_stop_at() -> None:
    world = World(full=True)
    assert stop_at(10, lambda: None, lambda: OPERATIONS["store unsafe"](world))
    world.end()


@pytest.fixture
def _own_finalizers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Keep the collector from running finalizers of other tests, which would be interrupted."""
    # Pytest would keep exceptions of finalizers, and with their frames all objects
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@of_python
@pytest.mark.usefixtures("_own_finalizers")
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_interrupt_at_any_step_blocks_nobody_and_leaks_nothing_for_ever(name: str) -> None:
    """Other threads can go on; an object that the interrupt leaves held goes with its block."""
    blocks = System().stats().current_blocks
    stopped = True
    step = 0
    while stopped:
        world = World(full=step % 2 == 1)
        with contextlib.suppress(KeyboardInterrupt):
            stopped = stop_at(step // 2, interrupt, lambda: quietly(OPERATIONS[name], world))  # noqa: B023
            stopped |= not world.full
        world.check()
        other = threading.Thread(target=quietly, args=(OPERATIONS["store"], world), daemon=True)
        other.start()
        other.join(60)
        assert not other.is_alive()
        world.check()
        quietly(OPERATIONS["free"], world)
        world.check_none_alive()
        step += 1
    if CPYTHON:
        assert System().stats().current_blocks == blocks


@of_python
@pytest.mark.usefixtures("_own_finalizers")
def test_an_interrupt_may_keep_an_object_as_long_as_its_block() -> None:
    """A limit: at most one object, and only until its block is freed."""
    n_kept = []
    stopped = True
    while stopped:
        world = World(full=True)
        with contextlib.suppress(KeyboardInterrupt):
            store = OPERATIONS["store unsafe"]
            stopped = stop_at(len(n_kept), interrupt, lambda: store(world))  # noqa: B023
        memset(world.block, 0, 64)
        n_kept.append(len(world.block._held))  # type: ignore[arg-type]
        free(world.block)
        world.check_none_alive()
    assert max(n_kept) == 1
    assert n_kept[-1] == 0


def test_a_reset_that_was_interrupted_can_be_repeated() -> None:
    """Objects that the interrupt leaves held go at the next reset."""
    stopped = True
    step = 0
    while stopped:
        arena = Arena()
        pointers = [arena.malloc(16) for _ in range(2)]
        refs = [put(pointer) for pointer in pointers]
        with contextlib.suppress(KeyboardInterrupt):
            stopped = stop_at(step, interrupt, arena.reset)
        arena.reset()
        assert all(pointer.freed for pointer in pointers)
        if CPYTHON:
            assert all(map(gone, refs))
        step += 1
