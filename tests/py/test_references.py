# SPDX-License-Identifier: MIT
"""Objects stored by reference live exactly as long as their bytes stand in the memory."""

from __future__ import annotations

import gc
import sys
import threading
import warnings
import weakref
from typing import Any, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointers import (
    CorruptObjectError,
    DereferenceError,
    FreedMemoryError,
    InvalidSizeError,
    System,
    acquire_stack_alloc,
    calloc,
    free,
    malloc,
    memcpy,
    memmove,
    memset,
    realloc,
)

CPYTHON = sys.implementation.name == "cpython"
cpython_only = pytest.mark.skipif(not CPYTHON, reason="counts references")


class Thing:
    """An object that can be watched."""


class Destructor:
    """An object that does something when it goes."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.action = action

    def __del__(self) -> None:
        self.action()


def collect() -> None:
    """Let unreachable objects go; CPython's are gone at once, without this."""
    if not CPYTHON:
        for _ in range(2):
            gc.collect()


def gone(ref: Any) -> bool:
    for _ in range(0 if CPYTHON else 3):
        if ref() is None:
            break
        gc.collect()
    return ref() is None


def drop(pointers: list[Any]) -> None:
    """Let go of pointers, and of cycles that these are in."""
    with pytest.warns(ResourceWarning, match="dropped without free") as warned:
        _clear(pointers, warned)


def _clear(pointers: list[Any], warned: Any) -> None:
    n_pointers = len(pointers)
    pointers.clear()
    collect()
    for _ in range(10):
        if len(warned) < n_pointers:
            gc.collect()
    assert len(warned) == n_pointers


def put(p: Any) -> Any:
    """Store a new object; return a weak reference, the memory has the only other one."""
    thing = Thing()
    p.move(thing)
    return weakref.ref(thing)


# What releases: the object stands at offset 16 of 64 bytes


def _resize(p: Any, size: int) -> None:
    assert realloc(p, size).size == size


def _unsafe(p: Any, obj: Any) -> None:
    p ^= obj


RELEASES: dict[str, Callable[[Any], Any]] = {
    "a value in its place": lambda p: (p + 16).move(5),
    "None in its place": lambda p: (p + 16).move(None),
    "a value with its end over it": lambda p: p.move(1),
    "a long value with its end over it": lambda p: p.move("a" * 20),
    "a value with one byte over it": lambda p: (p + 1).move(None),
    "a value over its second half": lambda p: (p + 24).move(None),
    "a value over its last byte": lambda p: (p + 31).move(1.5),
    "a reference in its place": lambda p: (p + 16).move([]),
    "a reference over its first half": lambda p: (p + 8).move([]),
    "a reference over its second half": lambda p: (p + 24).move([]),
    "a reference over its first byte": lambda p: (p + 1).move([]),
    "a reference over its last byte": lambda p: (p + 31).move([]),
    "another pointer's object": lambda p: (p + 16).move(p.move(7)),
    "an unsafe value": lambda p: _unsafe(p + 16, 5),
    "an unsafe value before it": lambda p: _unsafe(p, "a" * 20),
    "an unsafe reference": lambda p: _unsafe(p + 16, []),
    "an unsafe reference beside it": lambda p: _unsafe(p + 20, []),
    "a write to all": lambda p: p.write(bytes(64)),
    "a write to its first byte": lambda p: (p + 16).write(bytes([p.read()[16] ^ 1])),
    "a write to its last byte": lambda p: (p + 31).write(b"\0"),
    "memset of all": lambda p: memset(p, 0, 64),
    "memset of its first byte": lambda p: memset(p, p.read()[16] ^ 1, 17),
    "memset of its last byte": lambda p: memset(p + 31, 0, 33),
    "memcpy of bytes": lambda p: memcpy(p, bytes(40), 40),
    "memcpy inside of the block": lambda p: memcpy(p + 16, p + 40, 16),
    "memcpy over its last byte": lambda p: memcpy(p + 31, p + 40, 1),
    "memmove over itself": lambda p: memmove(p + 12, p + 16, 16),
    "memmove over its end": lambda p: memmove(p + 20, p + 16, 16),
    "memmove of its first half": lambda p: memmove(p + 24, p + 16, 8),
    "realloc to nothing": lambda p: _resize(p, 0),
    "realloc to its start": lambda p: _resize(p, 16),
    "realloc and back": lambda p: (_resize(p, 16), _resize(p, 64)),
    "free": free,
    "method free": lambda p: p.free(),
    "end of with": lambda p: p.__exit__(None, None, None),
}


@pytest.mark.parametrize("name", RELEASES)
def test_released_by(name: str) -> None:
    with malloc(64) as p:
        ref = put(p + 16)
        collect()
        assert ref() is not None
        assert ~(p + 16) is ref()
        RELEASES[name](p)
        assert gone(ref)


@pytest.mark.parametrize("at", range(16))
def test_released_by_any_byte(at: int) -> None:
    with malloc(64) as p:
        for first, count in ((16 + at, 1), (0, 17 + at), (16 + at, 48 - at)):
            ref = put(p + 16)
            image = p.read()
            assert ref() is not None
            (p + first).write(bytes(byte ^ 0x55 for byte in image[first : first + count]))
            assert gone(ref)
            with pytest.raises(DereferenceError):
                ~(p + 16)
            # Its bytes do not bring it back
            (p + first).write(image[first : first + count])
            with pytest.raises(CorruptObjectError):
                ~(p + 16)


def _fail(error: type[Exception], access: Callable[[], Any]) -> None:
    with pytest.raises(error):
        access()


KEEPS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda _p: None,
    "loads": lambda p: [~(p + 16) for _ in range(3)],
    "reads": lambda p: (p.read(), bytes(p), (p + 20).read(3)),
    "text": lambda p: (str(p + 16), repr(p + 16)),
    "a value before it": lambda p: p.move(None),
    "a value behind it": lambda p: (p + 32).move(1),
    "a reference before it": lambda p: p.move([]),
    "a reference behind it": lambda p: (p + 32).move([]),
    "an unsafe reference behind it": lambda p: _unsafe(p + 32, []),
    "writes up to it and behind it": lambda p: (p.write(b"x" * 16), (p + 32).write(b"x" * 32)),
    "a write of no bytes": lambda p: (p + 20).write(b""),
    "a write of its own bytes": lambda p: p.write(p.read()),
    "a write of some of its own bytes": lambda p: (p + 20).write(p.read()[20:30]),
    "memset around it": lambda p: (memset(p, 0xFF, 16), memset(p + 32, 0xFF, 32)),
    "memset of no bytes": lambda p: memset(p + 20, 0, 0),
    "memset of its last byte to what it is": lambda p: memset(p + 31, p.read()[31], 1),
    "memcpy of its bytes": lambda p: memcpy(p + 32, p + 16, 16),
    "memmove to where it is": lambda p: memmove(p + 16, p + 16, 16),
    "a copy": lambda p: (p + 32).move(p + 16),
    "itself again": lambda p: (p + 16).move(p + 16),
    "realloc to its end": lambda p: _resize(p, 32),
    "realloc to more": lambda p: _resize(p, 100_000),
    "realloc to more and to less": lambda p: (_resize(p, 10**6), _resize(p, 40)),
    "a value that does not fit": lambda p: _fail(InvalidSizeError, lambda: (p + 16).move("a" * 99)),
    "a reference that does not fit": lambda p: _fail(InvalidSizeError, lambda: (p + 49).move([])),
    "an empty pointer's object": lambda p: _fail(DereferenceError, lambda: (p + 16).move(p + 40)),
    "a write that does not fit": lambda p: _fail(InvalidSizeError, lambda: p.write(bytes(65))),
    "memset that does not fit": lambda p: _fail(InvalidSizeError, lambda: memset(p, 0, 65)),
    "memcpy that does not fit": lambda p: _fail(InvalidSizeError, lambda: memcpy(p, bytes(65), 65)),
    "memcpy over itself": lambda p: _fail(ValueError, lambda: memcpy(p + 16, p + 20, 16)),
    "free of an alias": lambda p: _fail(ValueError, (p + 16).free),
    "an alias that is dropped": lambda p: ((p + 16) + 2) - 2 and None,
}


@pytest.mark.parametrize("name", KEEPS)
def test_not_released_by(name: str) -> None:
    with malloc(64) as p:
        ref = put(p + 16)
        KEEPS[name](p)
        assert not gone(ref)
        assert ~(p + 16) is ref()
        free(p)
        assert gone(ref)


# Resizing


@pytest.mark.parametrize("offset", [0, 1, 16, 24, 48])
def test_realloc_does_not_cut_a_reference(offset: int) -> None:
    with malloc(64) as p:
        ref = put(p + offset)
        for size in range(offset + 1, offset + 16):
            with pytest.raises(InvalidSizeError, match=f"does not fit into {size} bytes"):
                realloc(p, size)
            assert p.size == 64
            assert ~(p + offset) is ref()
        realloc(p, offset + 16)
        assert ~(p + offset) is ref()
        if offset:
            realloc(p, offset)
            assert gone(ref)


def test_realloc_to_nothing_does_not_cut_a_reference() -> None:
    with malloc(64) as p:
        ref = put(p)
        with pytest.raises(InvalidSizeError):
            realloc(p, 0)
        assert ~p is ref()


def test_realloc_asks_only_for_what_is_still_stored() -> None:
    with malloc(64) as p:
        ref = put(p + 32)
        (p + 32).move(5)
        assert gone(ref)
        realloc(p, 40)
        assert p.size == 40


def test_a_moved_block_keeps_its_references() -> None:
    with malloc(64) as p:
        refs = [put(p + offset) for offset in (0, 16, 48)]
        others = [malloc(64) for _ in range(20)]
        for size in (10**3, 10**6, 10**4, 64):
            realloc(p, size)
            assert [~(p + offset) for offset in (0, 16, 48)] == [ref() for ref in refs]
        for other in others:
            free(other)
    assert all(map(gone, refs))


def test_a_shrunk_array_releases_the_slots_it_lost() -> None:
    slots = calloc(8, 16)
    refs = [put(slot) for slot in slots]
    realloc(slots, 3 * 16)
    assert [gone(ref) for ref in refs] == [False] * 3 + [True] * 5
    assert slots.tolist() == [ref() for ref in refs[:3]]
    realloc(slots, 8 * 16)
    for slot in slots[3:8]:
        assert not slot.assigned
    free(slots)
    assert all(map(gone, refs))


# Arrays


def test_bulk_stores_release_and_hold() -> None:
    slots = calloc(4, 32)
    refs = [put(slot) for slot in slots]
    things = [Thing(), Thing()]
    slots[1:3] = things
    assert [gone(ref) for ref in refs] == [False, True, True, False]
    assert ~slots[1] is things[0]
    assert ~slots[2] is things[1]
    slots[0:4] = [1, 2.5, things[1], "x"[:0] or None]
    assert all(map(gone, refs))
    assert slots.tolist() == [1, 2.5, things[1], None]
    slots.fill(7)
    slots.fill(things)
    assert all(obj is things for obj in slots.tolist())
    refs = [weakref.ref(thing) for thing in things]
    del things
    assert not any(map(gone, refs))
    slots.fill(None)
    assert all(map(gone, refs))
    free(slots)


def test_failed_bulk_stores_change_nothing() -> None:
    slots = calloc(3, 32)
    refs = [put(slot) for slot in slots]
    before = slots.read()
    for values in ([Thing(), Thing(), "a" * 99], ["a" * 99, Thing(), 1], [Thing()], [Thing()] * 4):
        news = [weakref.ref(value) for value in values if isinstance(value, Thing)]
        with pytest.raises(ValueError, match=r"nothing was written|values for"):
            slots[0:3] = values
        values.clear()
        assert slots.read() == before
        assert slots.tolist() == [ref() for ref in refs]
        assert all(map(gone, news))
    with pytest.raises(InvalidSizeError):
        slots.fill("a" * 99)
    assert slots.tolist() == [ref() for ref in refs]
    free(slots)


def test_a_refused_reference_leaves_the_one_in_its_place() -> None:
    slots = calloc(4, 8)
    slot = slots[1]
    thing = Thing()
    slot ^= thing  # over two slots
    other = Thing()
    ref = weakref.ref(other)
    for store in (slot.move, lambda obj: slots.fill(obj)):
        with pytest.raises(InvalidSizeError):
            store(other)
        assert ~slot is thing
    del other
    assert gone(ref)
    free(slots)


# Counts


@cpython_only
def test_one_reference_for_each_place() -> None:
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
        assert sys.getrefcount(thing) == before + 2  # its 28 bytes reach the one at 40
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
        gc.collect()
        blocks = System().stats().current_blocks
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


# Pointers that go


def test_a_dropped_pointer_releases() -> None:
    p = malloc(32)
    refs = [put(p), put(p + 16)]
    pointers = [p]
    del p
    drop(pointers)
    assert all(map(gone, refs))


def test_an_alias_keeps_everything() -> None:
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


def test_a_dropped_array_releases() -> None:
    slots = calloc(3, 16)
    refs = [put(slot) for slot in slots]
    last = slots[2]
    del slots
    assert not any(map(gone, refs))
    pointers = [last]
    del last
    drop(pointers)
    assert all(map(gone, refs))


def test_stack_memory_releases() -> None:
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


def test_stack_memory_releases_on_an_error() -> None:
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
        # A record of the first one's would keep the other alive
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


def test_a_container_of_the_pointer_itself() -> None:
    with malloc(16) as p:
        p <<= [p]
        assert (~p)[0] is p
        assert str(p).startswith("[<AllocatedPointer at")


# Destructors, which run while their object is being released

RELEASING: dict[str, Callable[[Any], Any]] = {
    "by a value": lambda p: p.move(5),
    "by a reference": lambda p: p.move([]),
    "by a write": lambda p: p.write(bytes(48)),
    "by memset": lambda p: memset(p, 0, 16),
    "by an unsafe value": lambda p: _unsafe(p, 5),
    "by an unsafe reference": lambda p: _unsafe(p, []),
}


@pytest.mark.parametrize("name", RELEASING)
def test_a_destructor_may_store_at_the_same_place(name: str) -> None:
    thing = Thing()
    for obj in (thing, "text"):
        with malloc(48) as p:
            p <<= Destructor(lambda p=p, obj=obj: p.move(obj))  # type: ignore[misc]
            RELEASING[name](p)
            collect()
            assert ~p is thing if obj is thing else ~p == obj


@pytest.mark.parametrize("name", RELEASING)
def test_a_destructor_may_load(name: str) -> None:
    seen: list[Any] = []

    def look() -> None:
        try:
            seen.append(~p)
        except DereferenceError:
            seen.append("nothing")

    with malloc(48) as p:
        p <<= Destructor(look)
        RELEASING[name](p)
        collect()
        # The write has been done when the object goes
        assert seen == ([5] if "value" in name else [[]] if "reference" in name else ["nothing"])


@pytest.mark.parametrize("name", RELEASING)
def test_a_destructor_may_free(name: str) -> None:
    with malloc(48) as p:
        other = put(p + 32)
        p <<= Destructor(lambda: free(p))
        RELEASING[name](p)
        collect()
        assert p.freed
        assert gone(other)


@pytest.mark.parametrize("name", RELEASING)
def test_a_destructor_may_resize(name: str) -> None:
    with malloc(48) as p:
        p <<= Destructor(lambda: realloc(p, 10**5))
        RELEASING[name](p)
        collect()
        assert p.size == 10**5


@pytest.mark.parametrize("name", RELEASING)
def test_a_destructor_may_wait_for_a_thread_that_uses_the_block(name: str) -> None:
    results: list[Any] = []

    def work() -> None:
        results.append(~(p + 32))
        (p + 32).move(thing)
        results.append(~(p + 32))

    def wait() -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(20)
        results.append(thread.is_alive())

    thing = Thing()
    with malloc(48) as p:
        (p + 32).move(wait)
        p <<= Destructor(wait)
        if name == "by a write":
            p.write(bytes(16))
        else:
            RELEASING[name](p)
        collect()
    assert results == [wait, thing, False]


def test_a_destructor_that_runs_in_free_finds_the_block_gone() -> None:
    seen: list[str] = []

    def use() -> None:
        for access in (p.dereference, p.free, p.read, lambda: p.move(1), lambda: p.move([])):
            try:
                access()
                seen.append("worked")
            except FreedMemoryError:
                seen.append("freed")

    p = malloc(16)
    p <<= Destructor(use)
    free(p)
    collect()
    assert p.freed
    assert seen == ["freed"] * 5


def test_destructors_in_a_row() -> None:
    order: list[int] = []
    with malloc(16 * 50) as p:
        for i in range(50):
            (p + 16 * i).move(Destructor(lambda i=i: order.append(i)))  # type: ignore[misc]
        memset(p, 0, p.size)
        collect()
        assert sorted(order) == list(range(50))


def test_a_destructor_that_brings_its_object_back() -> None:
    class Phoenix:
        def __del__(self) -> None:
            if not back:
                back.append(self)
                p.move(self)

    back: list[Any] = []
    with malloc(48) as p:
        p <<= Phoenix()
        p <<= 5
        collect()
        assert ~p is back[0]
        back[0] = weakref.ref(back[0])
        p <<= 6
        assert gone(back[0])


# Against a model

_offsets = st.integers(0, 64)
_operations = st.one_of(
    st.tuples(st.just("reference"), st.integers(0, 52)),
    st.tuples(st.just("value"), _offsets, st.sampled_from((None, 0, 1, 2**40, 1.5, "", b"abc"))),
    st.tuples(st.just("write"), _offsets, st.binary(max_size=20)),
    st.tuples(st.just("set"), _offsets, st.integers(0, 20)),
    st.tuples(st.just("copy"), _offsets, _offsets),
    st.tuples(st.just("resize"), st.integers(32, 64)),
)


@settings(deadline=None, max_examples=200 if CPYTHON else 10)
@given(st.lists(_operations, min_size=1, max_size=30))
def test_objects_live_while_their_bytes_stand(operations: list[Any]) -> None:
    with malloc(64) as p:
        held: dict[int, tuple[bytes, Any]] = {}
        dead: list[Any] = []
        for name, at, *rest in operations:
            if name != "resize" and at > p.size:
                continue
            ref = None
            thing = Thing()
            try:
                if name == "reference":
                    (p + at).move(thing)
                    ref = weakref.ref(thing)
                elif name == "value":
                    (p + at).move(*rest)
                elif name == "write":
                    (p + at).write(*rest)
                elif name == "set":
                    memset(p + at, 0xAB, *rest)
                elif name == "copy":
                    memmove(p + at, p + min(p.size, *rest), 12)
                else:
                    realloc(p, at)
            except InvalidSizeError:
                pass
            del thing
            data = p.read()
            for offset, (image, held_ref) in list(held.items()):
                if data[offset : offset + 16] == image:
                    assert ~(p + offset) is held_ref()
                    assert held_ref() is not None
                else:
                    dead.append(held_ref)
                    del held[offset]
                    if CPYTHON:
                        assert held_ref() is None
            if ref is not None:
                held[at] = (data[at : at + 16], ref)
        collect()
        assert all(ref() is None for ref in dead)
        for offset, (_, ref) in held.items():
            assert ~(p + offset) is ref()
            assert ref() is not None
    collect()
    assert all(ref() is None for _, ref in held.values())


@cpython_only
def test_finalisers_that_store_while_a_store_is_under_way() -> None:
    class Loop:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            n_run.append(None)
            (p + 16 * (len(n_run) % 3)).move([len(n_run)])

    n_run: list[None] = []
    threshold = gc.get_threshold()
    with malloc(80) as p:
        try:
            gc.set_threshold(3, 1, 1)
            for i in range(300):
                Loop()
                (p + 16 * (i % 3)).move([i])
                (p + 16 * (i % 3 + 1)).move(i % 2)
        finally:
            gc.set_threshold(*threshold)
        gc.collect()
        assert len(n_run) == 300
        for offset in (0, 16, 32, 48):
            try:
                assert isinstance(~(p + offset), (list, int))
            except CorruptObjectError:
                assert offset  # what one store left of another
        thing = Thing()
        p <<= thing
        assert ~p is thing


@cpython_only
def test_a_first_store_by_reference_in_a_finaliser(run_python: Any) -> None:
    done = run_python(
        """
        import gc
        from pointers import malloc

        class Loop:
            def __init__(self): self.me = self
            def __del__(self): ptr.move([1])

        gc.collect()
        for n in range(1, 60):
            ptr = malloc(64)
            Loop()
            gc.set_threshold(n, 1, 1)
            ptr.move([2])
            gc.set_threshold(700, 10, 10)
            assert ~ptr in ([1], [2])
            ptr.free()
        print("done")
    """,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_a_large_array_that_shrinks_releases_its_last_slots() -> None:
    slots = calloc(200_000, 16)
    ref = put(slots[199_999])
    realloc(slots, 16)
    released = gone(ref)
    free(slots)
    assert released


def test_a_load_beyond_a_shrunk_block() -> None:
    with malloc(100) as p:
        alias = p + 40
        realloc(p, 16)
        with pytest.raises(DereferenceError, match="nothing was stored at offset 40"):
            ~alias
