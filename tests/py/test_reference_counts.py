# SPDX-License-Identifier: MIT
"""References to stored objects are counted exactly, and end with their pointers and cycles."""

from __future__ import annotations

import gc
import sys
import warnings
import weakref
from typing import Any, Callable

import pytest
from _collecting import settled_blocks
from _watched import CPYTHON, Thing, collect, cpython_only, drop, gone, put

from pointers import (
    FreedMemoryError,
    InvalidSizeError,
    System,
    acquire_stack_alloc,
    calloc,
    free,
    malloc,
    memset,
    realloc,
)


@cpython_only
def test_each_stored_copy_counts_one_reference() -> None:
    thing = Thing()
    before = sys.getrefcount(thing)
    with malloc(64) as p, malloc(16) as q:
        for n, place in enumerate((p, p + 16, p + 40, q), 1):
            place.move(thing)
            assert sys.getrefcount(thing) == before + n
            place.move(thing)  # again into the same place
            assert sys.getrefcount(thing) == before + n
        loaded = ~p
        assert sys.getrefcount(thing) == before + 5
        del loaded
        q.move(p)
        assert sys.getrefcount(thing) == before + 4
        (p + 16).move(1)
        assert sys.getrefcount(thing) == before + 2  # the int's 28 bytes overwrite the one at 40
        with pytest.raises(InvalidSizeError):
            (p + 50).move(thing)
        assert sys.getrefcount(thing) == before + 2
        free(q)
        assert sys.getrefcount(thing) == before + 1
    assert sys.getrefcount(thing) == before


def _overwrite(p: Any, thing: Any) -> None:
    p <<= thing
    p <<= 5


def _overwrite_by_reference(p: Any, thing: Any) -> None:
    p <<= thing
    p <<= []


def _refuse(p: Any, thing: Any) -> None:
    try:
        (p + 50).move(thing)
    except InvalidSizeError:
        return
    raise AssertionError


def _many_places(p: Any, thing: Any) -> None:
    for offset in (0, 16, 32, 8, 24, 40, 48):
        (p + offset).move(thing)
    memset(p, 0, 64)


def _new_block(_p: Any, thing: Any) -> None:
    q = malloc(16)
    q <<= thing
    assert ~q is thing
    free(q)


def _new_array(_p: Any, thing: Any) -> None:
    slots = calloc(3, 32)
    slots.fill(thing)
    slots[0:2] = [thing, 1]
    realloc(slots, 64)
    free(slots)


def _on_the_stack(_p: Any, thing: Any) -> None:
    @acquire_stack_alloc(16)
    def check(q: Any) -> None:
        q <<= thing
        assert ~q is thing


def _cycle(_p: Any, thing: Any) -> None:
    q = malloc(16)
    q <<= [q, thing]
    free(q)


CYCLES = [
    _overwrite,
    _overwrite_by_reference,
    _refuse,
    _many_places,
    _new_block,
    _new_array,
    _on_the_stack,
    _cycle,
]


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda cycle: cycle.__name__.strip("_"))
def test_nothing_is_left_after_many_cycles(cycle: Callable[[Any, Any], None]) -> None:
    n_cycles = 10**4 if cycle in (_overwrite, _new_block) or not CPYTHON else 2 * 10**3
    thing = Thing()
    with malloc(64) as p:
        for _ in range(100):
            cycle(p, thing)
        p <<= None
        blocks = settled_blocks()
        if CPYTHON:
            references, allocated = sys.getrefcount(thing), sys.getallocatedblocks()
            objects = len(gc.get_objects())
        for _ in range(n_cycles):
            cycle(p, thing)
        p <<= None
        gc.collect()
        collect()
        assert System().stats().current_blocks == blocks
        if CPYTHON:
            assert sys.getrefcount(thing) == references
            assert len(gc.get_objects()) - objects < 100
            assert sys.getallocatedblocks() - allocated < n_cycles // 10
        assert p.read(16) != bytes(16)
    ref = weakref.ref(thing)
    del thing
    assert gone(ref)


# Leaked pointers


def test_a_leaked_block_lets_its_objects_go() -> None:
    p = malloc(32)
    refs = [put(p), put(p + 16)]
    pointers = [p]
    del p
    drop(pointers)
    assert all(map(gone, refs))


def test_an_alias_keeps_all_objects_of_the_block() -> None:
    p = malloc(32)
    refs = [put(p), put(p + 16)]
    alias = p + 16
    del p
    assert not any(map(gone, refs))
    assert ~alias is refs[1]()
    assert ~(alias - 16) is refs[0]()
    pointers = [alias]
    del alias
    drop(pointers)
    assert all(map(gone, refs))


def test_a_slot_keeps_all_objects_of_the_array_until_it_is_leaked() -> None:
    slots = calloc(3, 16)
    refs = [put(slot) for slot in slots]
    last = slots[2]
    del slots
    assert not any(map(gone, refs))
    pointers = [last]
    del last
    drop(pointers)
    assert all(map(gone, refs))


def test_stack_memory_lets_its_objects_go_on_return() -> None:
    refs: list[Any] = []
    escaped: list[Any] = []

    @acquire_stack_alloc(64)
    def check(p: Any) -> None:
        refs.extend(put(p + offset) for offset in (0, 16, 40))
        escaped.append(p)
        assert not any(map(gone, refs))
        (p + 16).move(None)
        assert [gone(ref) for ref in refs] == [False, True, False]

    assert all(map(gone, refs))
    with pytest.raises(FreedMemoryError):
        ~escaped[0]


def test_stack_memory_lets_its_objects_go_on_an_error() -> None:
    refs: list[Any] = []

    def fail(p: Any) -> None:
        refs.append(put(p))
        raise KeyError("error")

    with pytest.raises(KeyError):
        acquire_stack_alloc(16)(fail)
    assert all(map(gone, refs))


# Cycles


def test_a_cycle_through_a_pointer_is_collected() -> None:
    p = malloc(16)
    thing: Any = Thing()
    thing.pointer = p
    p <<= thing
    refs = [weakref.ref(thing), weakref.ref(p)]
    pointers = [p]
    del thing, p
    assert refs[0]() is not None
    drop(pointers)
    gc.collect()  # 3.15 clears weak references to what the warning kept in one more collection
    assert [ref() for ref in refs] == [None, None]


def test_a_cycle_through_two_pointers_is_collected() -> None:
    p, q = malloc(64), malloc(64)
    (p + 16).move([q])
    thing: Any = Thing()
    thing.alias = p + 3
    (q + 40).move(thing)
    ref = weakref.ref(thing)
    pointers = [p, q]
    del p, q, thing
    with warnings.catch_warnings():
        # The record of the first pointer's warning would keep the second alive
        warnings.simplefilter("ignore", ResourceWarning)
        pointers.clear()
        for _ in range(5):
            gc.collect()
        assert ref() is None


def test_free_breaks_a_cycle() -> None:
    p = malloc(16)
    thing: Any = Thing()
    thing.pointer = p
    p <<= thing
    ref = weakref.ref(thing)
    del thing
    free(p)
    assert gone(ref)


def test_a_pointer_can_hold_a_list_of_itself() -> None:
    with malloc(16) as p:
        p <<= [p]
        assert (~p)[0] is p
        assert str(p).startswith("[<AllocatedPointer at")
