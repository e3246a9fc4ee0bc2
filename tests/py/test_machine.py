# SPDX-License-Identifier: MIT
"""Random programs of pointer operations have the results that a model predicts.

``POINTERS_MACHINE=long`` in the environment makes more and longer programs.
"""

from __future__ import annotations

import os
from typing import Any

from _machine_model import Place
from _machine_refused import Pointer
from _machine_rules import Chooser, LendingRules
from _machine_strategies import (
    aligns,
    all_values,
    counts,
    ctypes_kinds,
    datas,
    flags,
    kinds,
    picks,
    raw,
    references,
    seldoms,
    sizes,
    sources,
    steps,
    texts,
    values,
    ways,
)
from _machine_world import CPYTHON
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule


class Machine(LendingRules):
    """Each rule is an operation; in stack functions, operations are drawn as data."""

    # Allocation

    @precondition(Chooser.few_blocks)
    @rule(size=sizes, align=aligns, source=sources, by_default=flags)
    def malloc(self, size: int, align: int, source: str, by_default: bool) -> None:
        self.world.allocate(size, align, self.world.source(source), by_default)

    @precondition(Chooser.few_blocks)
    @rule(
        count=st.integers(0, 8),
        size=st.sampled_from((0, 1, 8, 16, 24, 28, 32, 48, 64)),
        source=sources,
    )
    def calloc(self, count: int, size: int, source: str) -> None:
        self.world.allocate_array(count, size, self.world.source(source))

    @precondition(Chooser.few_blocks)
    @rule(size=sizes, way=ways)
    def adopt(self, size: int, way: str) -> None:
        self.world.adopt(size, way)

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, seldom=seldoms)
    def give(self, pick: int, seldom: int) -> None:
        pointer = self.pointer(pick)
        # Most blocks should live long enough for something to happen to them
        if seldom == 0 or pointer.block.kind == "adopted" or not pointer.place.is_start:
            self.world.give(pointer)

    @rule()
    def mark(self) -> None:
        self.world.mark()

    @rule(pick=picks)
    def rewind(self, pick: int) -> None:
        self.world.rewind(pick)

    @rule(seldom=st.integers(0, 3))
    def reset(self, seldom: int) -> None:
        if seldom == 0:
            self.world.reset()

    @rule(kind=st.sampled_from(("arena", "pool", "guard")), seldom=st.integers(0, 7))
    def close(self, kind: str, seldom: int) -> None:
        if seldom == 0:
            self.world.close(kind)
        elif seldom == 1:
            self.world.leave_source(kind)

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, size=sizes, slots=flags)
    def realloc(self, pick: int, size: int, slots: bool) -> None:
        pointer = self.pointer(pick)
        slot_size = pointer.block.slot_size
        self.world.realloc(pointer, size % 10 * slot_size if slots and slot_size else size)

    # Near references, where each byte matters

    def near_reference(self, pick: int, shift: int) -> tuple[Pointer, int]:
        """Return a pointer to the start of a block, and an offset in reach of a reference."""
        # A precondition cannot ask for a reference: how far unsafe stores reach, and so what
        # blocks hold, differs between runs, and Hypothesis must draw the same in each
        blocks = [b for b in self.world.blocks if b.held or b.loose] or self.world.blocks
        block = blocks[pick % len(blocks)]
        offsets = sorted({*block.held, *(at for at, _ in block.loose.values())}) or [0]
        return self.world.start_of(block), offsets[pick % len(offsets)] + shift

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, shift=st.integers(-2, 17))
    def resize_near_reference(self, pick: int, shift: int) -> None:
        pointer, size = self.near_reference(pick, shift)
        self.world.realloc(pointer, max(0, size))

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, shift=st.sampled_from((-1, 0, 1, 7, 14, 15, 16)), n=st.integers(1, 2))
    def write_near_reference(self, pick: int, shift: int, n: int) -> None:
        pointer, offset = self.near_reference(pick, shift)
        if pointer.block.slot_size is None and 0 <= offset <= pointer.block.size:
            alias = Pointer(pointer.ptr + offset, pointer.block, Place(offset))
            self.world.set_bytes(alias, pick % 256, n)

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, shift=st.integers(-16, 15), value=st.one_of(references, texts))
    def store_near_reference(self, pick: int, shift: int, value: Any) -> None:
        pointer, offset = self.near_reference(pick, shift)
        if pointer.block.slot_size is None and 0 <= offset <= pointer.block.size:
            alias = Pointer(pointer.ptr + offset, pointer.block, Place(offset))
            self.world.store(alias, *self.value(value, pick), "move")

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, at=st.integers(0, 15), refuse=flags, restore=flags)
    def poke(self, pick: int, at: int, refuse: bool, restore: bool) -> None:
        self.world.poke(pick, at, refuse, restore)

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, method=flags, seldom=st.integers(0, 2))
    def free(self, pick: int, method: bool, seldom: int) -> None:
        pointer = self.pointer(pick)
        # Most blocks should live long enough for something to happen to them
        if seldom == 0 or pointer.place.offset:
            self.world.free(pointer, method)

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, seldom=st.integers(0, 9))
    def drop(self, pick: int, seldom: int) -> None:
        block = self.pointer(pick).block
        # Without reference counts, a drop takes a whole collection, so that it is seldom tried
        if block.kind != "stack" and seldom < (4 if CPYTHON else 1):
            self.world.drop(block)
        elif block.kind != "stack" and seldom == 9:
            self.world.leave(block)

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, n=steps, how=st.sampled_from(("add", "sub", "index")))
    def point(self, pick: int, n: int, how: str) -> None:
        self.world.point(self.pointer(pick), n, how)

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, start=counts, size=counts)
    def slice(self, pick: int, start: int, size: int) -> None:
        self.world.slice(self.pointer(pick), start, size)

    @precondition(Chooser.any_pointers)
    @rule(pick=picks)
    def readonly(self, pick: int) -> None:
        self.world.readonly(self.pointer(pick))

    # Objects

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, value=all_values, how=st.sampled_from(("move", "operator", "item")))
    def store(self, pick: int, value: Any, how: str) -> None:
        self.world.store(self.pointer(pick), *self.value(value, pick), how)

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, source=picks)
    def store_pointer(self, pick: int, source: int) -> None:
        self.world.store_pointer(self.pointer(pick), self.pointer(source))

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, value=values)
    def store_unsafe(self, pick: int, value: Any) -> None:
        self.world.store_unsafe(self.pointer(pick), *self.value(value, pick))

    @precondition(Chooser.any_pointers)
    @rule(pick=picks)
    def load(self, pick: int) -> None:
        self.world.load(self.pointer(pick))

    # Bytes

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, n=st.one_of(st.none(), counts))
    def read(self, pick: int, n: int | None) -> None:
        self.world.read(self.pointer(pick), n)

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, data=raw)
    def write(self, pick: int, data: bytes) -> None:
        self.world.write(self.pointer(pick), data)

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, data=datas, n=counts)
    def copy_bytes(self, pick: int, data: bytes, n: int) -> None:
        self.world.copy_bytes(self.pointer(pick), data, n)

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, byte=st.integers(0, 255), n=counts)
    def memset(self, pick: int, byte: int, n: int) -> None:
        self.world.set_bytes(self.pointer(pick), byte, n)

    @precondition(Chooser.any_pointers)
    @rule(to=picks, source=picks, n=counts, overlap=flags)
    def copy(self, to: int, source: int, n: int, overlap: bool) -> None:
        self.world.copy(self.pointer(to), self.pointer(source), n, overlap)

    @precondition(Chooser.any_pointers)
    @rule(a=picks, b=picks, n=counts)
    def compare(self, a: int, b: int, n: int) -> None:
        self.world.compare(self.pointer(a), self.pointer(b), n)

    # Arrays

    @precondition(Chooser.any_arrays)
    @rule(pick=picks, first=st.integers(0, 4), some=st.lists(values, max_size=8))
    def store_slots(self, pick: int, first: int, some: list[Any]) -> None:
        pairs = [self.value(value, pick) for value in some]
        names, objs = [name for name, _ in pairs], [obj for _, obj in pairs]
        self.world.store_slots(self.pointer(pick, "array"), first, names, objs)

    @precondition(Chooser.any_arrays)
    @rule(pick=picks, value=values)
    def fill(self, pick: int, value: Any) -> None:
        pointer = self.pointer(pick, "array")
        if pointer.place.index is None:
            self.world.fill(pointer, *self.value(value, pick))

    @precondition(Chooser.any_arrays)
    @rule(pick=picks)
    def load_slots(self, pick: int) -> None:
        pointer = self.pointer(pick, "array")
        if pointer.place.index is None:
            self.world.load_slots(pointer)

    # The stack: `inside` has operations, each as a method's name, the name of the method that
    # says whether it is possible now, and its arguments

    inner = st.deferred(lambda: st.one_of(_SIMPLE_OPERATIONS, _STACK_CALLS))

    @rule(size=sizes, align=aligns, leave=flags, inside=st.lists(inner, max_size=6))
    def stack(self, size: int, align: int, leave: bool, inside: list[Any]) -> None:
        def body(_pointer: Pointer) -> None:
            for name, possible, arguments in inside:
                if getattr(self, possible)():
                    getattr(self, name)(**arguments)
                    self.world.check()

        self.world.call(size, align, body, leave)

    def always(self) -> bool:
        return True

    # After each step

    @invariant()
    def is_as_the_model_says(self) -> None:
        self.world.check()
        self.n_steps += 1
        # Each was checked when its block ended
        if self.n_steps % 2:
            self.world.check_stale(self.n_steps // 2)
        if CPYTHON:
            self.world.check_objects()

    def teardown(self) -> None:
        self.world.end()


def _operation(name: str, possible: str = "any_pointers", **arguments: Any) -> Any:
    return st.tuples(st.just(name), st.just(possible), st.fixed_dictionaries(arguments))


_SIMPLE_OPERATIONS = st.one_of(
    _operation("store", pick=picks, value=values, how=st.sampled_from(("move", "operator"))),
    _operation("store_pointer", pick=picks, source=picks),
    _operation("store_unsafe", pick=picks, value=values),
    _operation("point", pick=picks, n=steps, how=st.sampled_from(("add", "sub", "index"))),
    _operation("write", pick=picks, data=raw),
    _operation("memset", pick=picks, byte=st.integers(0, 255), n=counts),
    _operation("copy", to=picks, source=picks, n=counts, overlap=flags),
    _operation("compare", a=picks, b=picks, n=counts),
    _operation("realloc", pick=picks, size=sizes, slots=flags),
    _operation("free", pick=picks, method=flags, seldom=st.integers(0, 2)),
    _operation("drop", pick=picks, seldom=st.integers(0, 9)),
    _operation("malloc", "few_blocks", size=sizes, align=aligns, source=sources, by_default=flags),
    _operation("mark", "always"),
    _operation("rewind", "always", pick=picks),
    _operation("close", "always", kind=st.just("arena"), seldom=st.integers(0, 3)),
    _operation("view", pick=picks, kind=kinds, writable=flags, as_buffer=flags),
    _operation("write_view", "any_views", pick=picks, first=st.integers(0, 4), data=raw),
    _operation("poke", pick=picks, at=st.integers(0, 15), refuse=flags, restore=flags),
    _operation("release", "any_views", pick=picks),
    _operation("give", pick=picks, seldom=seldoms),
    _operation("slice", pick=picks, start=counts, size=counts),
    _operation("readonly", pick=picks),
    _operation("cast", pick=picks, kind=ctypes_kinds, count=st.integers(1, 4)),
    _operation("drop_cast", "any_casts", pick=picks),
)
_STACK_CALLS = _operation(
    "stack", "always", size=sizes, align=aligns, leave=flags,
    inside=st.lists(_SIMPLE_OPERATIONS, max_size=4),
)  # fmt: skip

LONG = os.environ.get("POINTERS_MACHINE") == "long"

TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=3000 if LONG else 160 if CPYTHON else 30,
    stateful_step_count=100 if LONG else 50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
