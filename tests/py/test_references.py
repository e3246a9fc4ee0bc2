# SPDX-License-Identifier: MIT
"""An object stored by reference lives exactly as long as its bytes in memory are unchanged."""

from __future__ import annotations

import weakref
from typing import Any, Callable

import pytest
from _watched import CPYTHON, Thing, collect, gone, is_gone, put, resize, unsafe
from hypothesis import given, settings
from hypothesis import strategies as st

from pointers import (
    CorruptObjectError,
    DereferenceError,
    InvalidSizeError,
    calloc,
    free,
    malloc,
    memcpy,
    memmove,
    memset,
    realloc,
)
from pointers._codec.synth import store_key

# Operations that let the object at offset 16 of 64 bytes go

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
    # Twice, since the first byte of the first store may equal the byte that it overwrites
    "a reference over its last byte": lambda p: [(p + 31).move([]) for _ in range(2)],
    "a copy from a pointer": lambda p: (p + 16).move(p.move(7)),
    "an unsafe value": lambda p: unsafe(p + 16, 5),
    "an unsafe value before it": lambda p: unsafe(p, "a" * 20),
    "an unsafe reference": lambda p: unsafe(p + 16, []),
    "an unsafe reference beside it": lambda p: unsafe(p + 20, []),
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
    "realloc to nothing": lambda p: resize(p, 0),
    "realloc to its start": lambda p: resize(p, 16),
    "realloc and back": lambda p: (resize(p, 16), resize(p, 64)),
    "free": free,
    "method free": lambda p: p.free(),
    "end of with": lambda p: p.__exit__(None, None, None),
}


@pytest.mark.parametrize("name", RELEASES)
def test_an_object_is_let_go_by(name: str) -> None:
    with malloc(64) as p:
        ref = put(p + 16)
        while p.read()[16] in (0, p.read()[31]):
            # Stores that overlap its first byte end in 0 or in a copy of its last byte: it must
            # differ from both to change
            ref = put(p + 16)
        collect()
        assert ref() is not None
        assert ~(p + 16) is ref()
        RELEASES[name](p)
        assert gone(ref)


@pytest.mark.parametrize("at", range(16))
def test_a_change_of_any_byte_lets_the_object_go(at: int) -> None:
    with malloc(64) as p:
        for first, count in ((16 + at, 1), (0, 17 + at), (16 + at, 48 - at)):
            ref = put(p + 16)
            image = p.read()
            assert ref() is not None
            (p + first).write(bytes(byte ^ 0x55 for byte in image[first : first + count]))
            assert gone(ref)
            with pytest.raises(DereferenceError):
                ~(p + 16)
            # The same bytes, written again, do not load as the object
            (p + first).write(image[first : first + count])
            with pytest.raises(CorruptObjectError):
                ~(p + 16)


def _fail(error: type[Exception], access: Callable[[], Any]) -> None:
    with pytest.raises(error):
        access()


# Operations that keep the object
KEEPS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda _p: None,
    "loads": lambda p: [~(p + 16) for _ in range(3)],
    "reads": lambda p: (p.read(), bytes(p), (p + 20).read(3)),
    "text": lambda p: (str(p + 16), repr(p + 16)),
    "a value before it": lambda p: p.move(None),
    "a value behind it": lambda p: (p + 32).move(1),
    "a reference before it": lambda p: p.move([]),
    "a reference behind it": lambda p: (p + 32).move([]),
    "an unsafe reference behind it": lambda p: unsafe(p + 32, []),
    "writes up to it and behind it": lambda p: (p.write(b"x" * 16), (p + 32).write(b"x" * 32)),
    "a write of no bytes": lambda p: (p + 20).write(b""),
    "a write of its own bytes": lambda p: p.write(p.read()),
    "a write of some of its own bytes": lambda p: (p + 20).write(p.read()[20:30]),
    "memset around it": lambda p: (memset(p, 0xFF, 16), memset(p + 32, 0xFF, 32)),
    "memset of no bytes": lambda p: memset(p + 20, 0, 0),
    "memset of its last byte to what it is": lambda p: memset(p + 31, p.read()[31], 1),
    "memcpy of its bytes": lambda p: memcpy(p + 32, p + 16, 16),
    "memmove to the same place": lambda p: memmove(p + 16, p + 16, 16),
    "a copy from it": lambda p: (p + 32).move(p + 16),
    "a copy to itself": lambda p: (p + 16).move(p + 16),
    "realloc to its end": lambda p: resize(p, 32),
    "realloc to more": lambda p: resize(p, 100_000),
    "realloc to more and to less": lambda p: (resize(p, 10**6), resize(p, 40)),
    "a value that does not fit": lambda p: _fail(InvalidSizeError, lambda: (p + 16).move("a" * 99)),
    "a reference that does not fit": lambda p: _fail(InvalidSizeError, lambda: (p + 49).move([])),
    "an empty pointer's object": lambda p: _fail(DereferenceError, lambda: (p + 16).move(p + 40)),
    "a write that does not fit": lambda p: _fail(InvalidSizeError, lambda: p.write(bytes(65))),
    "memset that does not fit": lambda p: _fail(InvalidSizeError, lambda: memset(p, 0, 65)),
    "memcpy that does not fit": lambda p: _fail(InvalidSizeError, lambda: memcpy(p, bytes(65), 65)),
    "memcpy over itself": lambda p: _fail(ValueError, lambda: memcpy(p + 16, p + 20, 16)),
    "free of an alias": lambda p: _fail(ValueError, (p + 16).free),
    "an alias that is gone": lambda p: ((p + 16) + 2) - 2 and None,
}


@pytest.mark.parametrize("name", KEEPS)
def test_an_object_is_not_let_go_by(name: str) -> None:
    with malloc(64) as p:
        ref = put(p + 16)
        KEEPS[name](p)
        assert not is_gone(ref)
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


def test_realloc_may_cut_where_an_overwritten_reference_was() -> None:
    with malloc(64) as p:
        ref = put(p + 32)
        (p + 24).move(5.0)
        assert gone(ref)
        with pytest.raises(InvalidSizeError, match="offset 24"):
            realloc(p, 47)
        realloc(p, 48)
        assert (p.size, ~(p + 24)) == (48, 5.0)


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


def test_a_shrunk_array_lets_the_objects_of_lost_slots_go() -> None:
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


def test_bulk_stores_hold_the_new_objects_and_let_the_old_go() -> None:
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


def test_a_refused_reference_keeps_the_stored_one() -> None:
    slots = calloc(4, 8)
    slot = slots[1]
    thing = Thing()
    slot ^= thing  # 16 bytes, over two slots
    other = Thing()
    ref = weakref.ref(other)
    for store in (slot.move, lambda obj: slots.fill(obj)):
        with pytest.raises(InvalidSizeError):
            store(other)
        assert ~slot is thing
    del other
    assert gone(ref)
    free(slots)


def test_a_large_array_that_shrinks_lets_the_object_of_its_last_slot_go() -> None:
    slots = calloc(200_000, 16)
    ref = put(slots[199_999])
    realloc(slots, 16)
    released = gone(ref)
    free(slots)
    assert released


def test_a_load_beyond_a_shrunk_block_is_refused() -> None:
    with malloc(100) as p:
        alias = p + 40
        realloc(p, 16)
        with pytest.raises(DereferenceError, match="nothing was stored at offset 40"):
            ~alias


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
def test_objects_live_while_their_bytes_are_unchanged(operations: list[Any]) -> None:
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


@pytest.mark.parametrize("written", [False, True])
def test_an_interrupt_during_a_store_keeps_the_object_whose_bytes_are_stored(written: bool) -> None:
    old, new = ["old"], ["new"]
    with malloc(64) as p:
        p <<= old

        def write(*arguments: int) -> int:
            if written:
                store_key(*arguments)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            p._own_held().store(p._block, 0, 64, new, write)
        assert ~p is (new if written else old)
        p <<= 0
        assert len(p._held) == 0  # type: ignore[arg-type]
