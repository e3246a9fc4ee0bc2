# SPDX-License-Identifier: MIT
"""Stores by reference hold no lock: whatever comes in between two steps, nothing is lost or left.

Each test stops an operation before each of its steps in turn, and does something else there.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
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

Operation = Callable[[Any], Any]


left: list[Any] = []


@pytest.fixture(autouse=True)
def _check_left() -> Any:
    yield
    refs = left.copy()
    left.clear()
    assert all(map(gone, refs))


class World:
    """Places for objects, and all objects that were ever stored there."""

    def __init__(self, *, full: bool) -> None:
        self.full = full
        self.block = calloc(4, 16)
        self.slots = list(self.block)  # which can be used when it is gone
        self.refs: list[Any] = []
        if full:
            self.block[0].move(self.new())
            self.block[1].move(self.new())

    def new(self) -> Thing:
        thing = Thing()
        self.refs.append(weakref.ref(thing))
        return thing

    def check(self) -> None:
        """Check that what the memory names is there: no slot is one that cannot be loaded."""
        for slot in [] if self.block.freed else self.block:
            assert slot.assigned or slot.read() == bytes(16)
            if slot.assigned:
                assert ~slot is None or any(~slot is ref() for ref in self.refs)

    def end(self) -> None:
        """Check that nothing is held but what can be loaded, and free it."""
        self.check()
        if not self.block.freed:
            n_held = sum(slot.assigned and ~slot is not None for slot in self.block)
            assert len(self.block._held or ()) == n_held
            memset(self.block, 0, 64)
            assert len(self.block._held or ()) == 0
            free(self.block)
        self.left()

    def left(self) -> None:
        """Check that no object is left, or let the end of the test check it, after a collection."""
        if CPYTHON:
            assert all(map(gone, self.refs))
        else:
            left.extend(self.refs)


OPERATIONS: dict[str, Operation] = {
    "store": lambda w: w.slots[0].move(w.new()),
    # In Python code on both paths
    "store unsafe": lambda w: w.slots[0].move(w.new(), unsafe=True),
    "store beside": lambda w: w.slots[1].move(w.new()),
    "store a value": lambda w: w.slots[0].move(None),
    "store many": lambda w: w.block._store_slots(0, [None, w.new()]),
    "write": lambda w: memset(w.block, 0, 64),
    "free": lambda w: w.block.free(),
}
# What is done by Python code, also where there is a compiled path
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


@pytest.mark.parametrize("inner", OPERATIONS)
@pytest.mark.parametrize("outer", ["store", "store unsafe", "store many", "write", "free"])
def test_one_operation_between_two_steps_of_another(outer: str, inner: str) -> None:
    """As a signal handler or a finalizer does it."""
    for step in itertools.count():
        world = World(full=step % 2 == 1)
        do = lambda name: quietly(OPERATIONS[name], world)  # noqa: B023, E731 - called at once
        stopped = stop_at(step // 2, lambda: do(inner), lambda: do(outer))  # noqa: B023
        world.end()
        if not stopped and world.full:
            break


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_two_operations_that_each_stop_at_any_line(outer: str, inner: str) -> None:
    for first in itertools.count():
        for second in itertools.count():
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


def test_stores_and_writes_between_any_two_lines_of_a_write() -> None:
    """A place that is empty is taken out when there is something in it again, and then nothing."""
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


def test_there_are_steps() -> None:
    world = World(full=True)
    assert stop_at(10, lambda: None, lambda: OPERATIONS["store unsafe"](world))
    world.end()


@pytest.fixture
def _own_finalizers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let no finalizer be interrupted but those of the test: the collector would bring others."""
    # Pytest keeps what arrives in a finalizer, with all that its frames saw
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_own_finalizers")
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_interrupt_at_any_step(name: str) -> None:
    """Others can go on, and what the interrupt has left goes with the block."""
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
        world.left()
        step += 1
    if CPYTHON:
        assert System().stats().current_blocks == blocks


@pytest.mark.usefixtures("_own_finalizers")
def test_an_interrupt_may_keep_an_object_as_long_as_its_block() -> None:
    """A limit: so little is it, that nothing else is harmed."""
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
        world.left()
    assert max(n_kept) == 1
    assert n_kept[-1] == 0


def test_an_interrupt_at_any_step_of_a_reset() -> None:
    """What it has left goes when the blocks of the arena end the next time."""
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
