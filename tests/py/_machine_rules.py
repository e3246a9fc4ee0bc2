# SPDX-License-Identifier: MIT
"""What rules choose from, and the rules of memory that is lent."""

from __future__ import annotations

from typing import Any

from _machine_adopted import Adopted
from _machine_refused import Pointer
from _machine_strategies import (
    NEW,
    OLD,
    counts,
    ctypes_kinds,
    flags,
    kinds,
    picks,
    raw,
)
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

MAX_BLOCKS = 10


class Chooser(RuleBasedStateMachine):
    """A machine whose rules choose pointers, objects and views of a world."""

    def __init__(self) -> None:
        super().__init__()
        self.world = Adopted()
        self.n_steps = 0

    # Pointers and objects are chosen by number: a number can shrink, and means something in
    # every state

    def pointer(self, pick: int, kind: str | None = None) -> Pointer:
        candidates = self.world.pointers
        if kind is not None:
            candidates = [p for p in candidates if p.block.kind == kind and p.place.part is None]
        # Hypothesis draws small numbers most often, so that these name the newest pointers
        return candidates[-1 - pick % len(candidates)]

    def value(self, value: Any, pick: int) -> tuple[Any, Any]:
        """Return the model's name of a value, and the object itself."""
        tokens = [token for b in self.world.blocks for _key, token in b.held.values()]
        if value is NEW or (value is OLD and not tokens):
            return self.world.new_object()
        if value is OLD:
            token = tokens[pick % len(tokens)]
            return token, self.world.real(token)
        return value, value

    def few_blocks(self) -> bool:
        return len(self.world.blocks) < MAX_BLOCKS

    def any_pointers(self) -> bool:
        return bool(self.world.pointers)

    def any_arrays(self) -> bool:
        return any(b.kind == "array" for b in self.world.blocks)


class LendingRules(Chooser):
    """Each rule is an operation of views or of objects of ctypes."""

    # No precondition asks for views or objects of ctypes: which there are depends on the sizes of
    # blocks, and these on how far unsafe stores reach, which differs between runs

    # Views

    def any_views(self) -> bool:
        return bool(self.world.views)

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, kind=kinds, writable=st.sampled_from((True, True, False)), as_buffer=flags)
    def view(self, pick: int, kind: str, writable: bool, as_buffer: bool) -> None:
        self.world.view(self.pointer(pick), kind, writable, as_buffer)

    @rule(pick=picks, first=counts, n=counts, kind=kinds, read_only=flags)
    def view_again(self, pick: int, first: int, n: int, kind: str, read_only: bool) -> None:
        if self.any_views():
            self.world.view_again(pick, first, n, kind, read_only)

    @rule(pick=picks, first=st.integers(0, 4), data=raw)
    def write_view(self, pick: int, first: int, data: bytes) -> None:
        if self.any_views():
            self.world.write_view(pick, first, data)

    @rule(pick=picks)
    def release(self, pick: int) -> None:
        if self.any_views():
            self.world.release(pick)

    # Objects of ctypes

    def any_casts(self) -> bool:
        return bool(self.world.casts)

    @precondition(Chooser.any_pointers)
    @rule(pick=picks, kind=ctypes_kinds, count=st.integers(1, 4))
    def cast(self, pick: int, kind: str, count: int) -> None:
        self.world.cast(self.pointer(pick), kind, count)

    @rule(pick=picks, index=st.integers(0, 3), value=st.integers(0, 127))
    def write_cast(self, pick: int, index: int, value: int) -> None:
        if self.any_casts():
            self.world.write_cast(pick, index, value)

    @rule(pick=picks)
    def drop_cast(self, pick: int) -> None:
        if self.any_casts():
            self.world.drop_cast(pick)
