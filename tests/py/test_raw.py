# SPDX-License-Identifier: MIT
"""Raw reads and writes stay inside the block, or write nothing."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from _raw_bytes import BEYOND, NEGATIVE, NO_INTS, PATTERN, SIZE, Index, filled
from hypothesis import given, settings
from hypothesis import strategies as st

from pointers import (
    FreedMemoryError,
    InvalidSizeError,
    acquire_stack_alloc,
    calloc,
    free,
    malloc,
    memcmp,
    memcpy,
    memmove,
    memset,
    realloc,
)


@pytest.mark.parametrize("n", [0, 1, 7, SIZE - 1, SIZE, Index(5), True])
def test_read_returns_the_first_n_bytes(n: Any) -> None:
    with filled() as p:
        data = p.read(n)
        assert type(data) is bytes
        assert data == PATTERN[: n.__index__()]


def test_read_without_a_number_returns_all_bytes_to_the_end() -> None:
    with filled() as p:
        assert p.read() == p.read(None) == bytes(p) == PATTERN
        assert (p + 5).read() == bytes(p + 5) == PATTERN[5:]
        assert (p + SIZE).read() == bytes(p + SIZE) == b""
    with malloc(0) as p:
        assert p.read() == p.read(0) == bytes(p) == b""
        with pytest.raises(InvalidSizeError):
            p.read(1)


@pytest.mark.parametrize("n", BEYOND)
def test_read_beyond_the_block_is_refused(n: int) -> None:
    with filled() as p:
        with pytest.raises(InvalidSizeError, match=f"{n} bytes reach beyond the {SIZE}"):
            p.read(n)
        with pytest.raises(InvalidSizeError):
            (p + 1).read(SIZE)


@pytest.mark.parametrize("n", NEGATIVE)
def test_read_of_a_negative_number_of_bytes_is_refused(n: int) -> None:
    with filled() as p, pytest.raises(ValueError, match="cannot be negative"):
        p.read(n)


@pytest.mark.parametrize("n", NO_INTS)
def test_read_refuses_a_number_that_is_no_int(n: Any) -> None:
    with filled() as p, pytest.raises(TypeError, match=f"not {type(n).__name__}"):
        p.read(n)


def test_bytes_that_were_read_do_not_change_with_the_memory() -> None:
    with filled() as p:
        data = p.read()
        memset(p, 0, SIZE)
        assert data == PATTERN


def test_memory_from_malloc_and_growth_is_zero() -> None:
    for size in (1, 24, 100, 5000):
        with malloc(size) as p:
            memset(p, 0xFF, size)
        with malloc(size) as p:
            assert p.read() == bytes(size)
            memset(p, 0xFF, size)
            realloc(p, 2 * size)
            assert p.read() == b"\xff" * size + bytes(size)
            realloc(p, size // 2)
            realloc(p, size)
            assert p.read() == b"\xff" * (size // 2) + bytes(size - size // 2)


# Freed memory

ACCESSES: dict[str, Callable[[Any, Any], Any]] = {
    "read": lambda p, _: p.read(),
    "read 0": lambda p, _: p.read(0),
    "bytes": lambda p, _: bytes(p),
    "write": lambda p, _: p.write(b"x"),
    "write nothing": lambda p, _: p.write(b""),
    "memcpy to": lambda p, q: memcpy(p, q, 1),
    "memcpy from": lambda p, q: memcpy(q, p, 1),
    "memcpy bytes": lambda p, _: memcpy(p, b"x", 1),
    "memcpy nothing": lambda p, q: memcpy(p, q, 0),
    "memmove to": lambda p, q: memmove(p, q, 1),
    "memmove from": lambda p, q: memmove(q, p, 1),
    "memset": lambda p, _: memset(p, 0, 1),
    "memset nothing": lambda p, _: memset(p, 0, 0),
    "memcmp to": lambda p, q: memcmp(p, q, 1),
    "memcmp from": lambda p, q: memcmp(q, p, 1),
    "memcmp bytes": lambda p, _: memcmp(p, b"x", 1),
    "memcmp nothing": lambda p, q: memcmp(p, q, 0),
}


@pytest.mark.parametrize("name", ACCESSES)
def test_freed_memory_is_refused(name: str) -> None:
    access = ACCESSES[name]
    with filled() as q:
        p = filled()
        alias = p + 3
        free(p)
        with malloc(SIZE):  # this block may have the address of the freed one
            for ptr in (p, alias):
                with pytest.raises(FreedMemoryError):
                    access(ptr, q)
        assert q.read() == PATTERN


@pytest.mark.parametrize("name", ACCESSES)
def test_stack_memory_is_refused_once_its_function_has_returned(name: str) -> None:
    @acquire_stack_alloc(SIZE)
    def p(ptr: Any) -> Any:
        ptr.write(PATTERN)
        assert ptr.read() == PATTERN
        return ptr

    with filled() as q:
        with pytest.raises(FreedMemoryError):
            ACCESSES[name](p, q)
        assert q.read() == PATTERN


# Aliases, slots and the stack


def test_aliases_see_the_same_bytes() -> None:
    with malloc(16) as p:
        q = p + 4
        assert (p.size, q.size, (q + 12).size) == (16, 12, 0)
        q.write(b"abcd")
        assert p.read() == bytes(4) + b"abcd" + bytes(8)
        memset(p, 1, 8)
        assert q.read(5) == b"\1\1\1\1\0"
        assert (q - 4).read() == p.read()
        realloc(p, 32)
        assert q.size == 28
        q.write(b"z" * 28)
        assert p.read() == b"\1" * 4 + b"z" * 28
        realloc(p, 6)
        assert q.read() == b"zz"
        with pytest.raises(InvalidSizeError):
            q.write(b"zzz")


def test_slots_are_bounded_by_the_slot() -> None:
    slots = calloc(4, 24)
    for index in range(4):
        slots[index].write(bytes([index + 1]) * 24)
    whole = slots.read()
    assert whole == b"".join(bytes([index + 1]) * 24 for index in range(4))
    slot, other = slots[1], slots[3]
    assert slot.size == 24
    assert slot.read() == bytes(slot) == b"\2" * 24
    for access in (
        lambda: slot.read(25),
        lambda: slot.write(bytes(25)),
        lambda: memset(slot, 0, 25),
        lambda: memcpy(slot, slots, 25),
        lambda: memcpy(slot, bytes(25), 25),
        lambda: memmove(slots, slot, 25),
        lambda: memcmp(slot, slots, 25),
        lambda: memcmp(slot, bytes(25), 25),
        lambda: (slots + 4).read(1),
        lambda: (slots + 4).write(b"x"),
    ):
        with pytest.raises(InvalidSizeError):
            access()
    assert slots.read() == whole
    memcpy(slot, other, 24)
    assert slots[1].read() == b"\4" * 24
    assert slots[2].read() == b"\3" * 24
    assert slots.size == 96
    memset(slots, 0, 96)  # the array itself is the whole block
    assert slots.read() == bytes(96)
    free(slots)


def test_a_slot_beyond_a_shrunk_array_has_no_bytes_until_it_grows_again() -> None:
    slots = calloc(4, 24)
    last = slots[3]
    last.write(b"\1" * 24)
    realloc(slots, 48)
    assert last.size == 0
    with pytest.raises(InvalidSizeError):
        last.read(1)
    with pytest.raises(InvalidSizeError):
        last.write(b"x")
    realloc(slots, 96)
    assert last.read() == bytes(24)
    last.write(b"\2" * 24)
    assert slots.read() == bytes(72) + b"\2" * 24
    free(slots)


def test_stack_memory_takes_all_raw_operations_and_has_bounds() -> None:
    @acquire_stack_alloc(SIZE)
    def check(p: Any) -> str:
        assert p.read() == bytes(SIZE)
        p.write(PATTERN)
        with malloc(SIZE) as q:
            memcpy(q, p, SIZE)
            assert q.read() == PATTERN
            assert memcmp(p, q, SIZE) == 0
            memset(p, 9, 4)
            memmove(p + 2, p, 8)
            assert p.read(10) == b"\x09" * 6 + PATTERN[4:8]
            with pytest.raises(InvalidSizeError):
                p.read(SIZE + 1)
            with pytest.raises(InvalidSizeError):
                p.write(bytes(SIZE + 1))
        return "checked"

    assert check == "checked"


# Against a bytearray

_at = st.integers(0, 40)
_numbers = st.one_of(st.integers(-2, 44), st.sampled_from((2**31, 2**62, 2**64)))
_operations = st.one_of(
    st.tuples(st.just("read"), _at, _numbers),
    st.tuples(st.just("write"), _at, st.binary(max_size=44)),
    st.tuples(st.just("set"), _at, _numbers, st.integers(-1, 256)),
    st.tuples(st.sampled_from(("copy", "move", "compare", "across")), _at, _numbers, _at),
    st.tuples(st.just("resize"), _at),
)


def plan(operation: Any, a: bytearray, b: bytearray, p: Any, q: Any) -> tuple[Any, Any]:
    """Do an operation to the model; return it for the memory, and its result or error."""
    name, at, *rest = operation
    if name == "resize":
        a[:] = a[:at] + bytes(max(0, at - len(a)))
        return lambda: realloc(p, at) is p, True
    at = min(at, len(a))
    ptr = p + at
    here, there, other, source = len(a) - at, len(a), 0, a
    n = len(rest[0]) if name == "write" else rest[0]
    if len(rest) > 1 and name != "set":
        source = b if name == "across" else a
        other = min(rest[1], len(source))
        there = len(source) - other
    from_ptr = q + other if source is b else p + other

    act: Callable[[], Any] = {
        "read": lambda: ptr.read(n),
        "write": lambda: ptr.write(rest[0]),
        "set": lambda: memset(ptr, rest[1], n) is ptr,
        "copy": lambda: memcpy(ptr, from_ptr, n) is ptr,
        "move": lambda: memmove(ptr, from_ptr, n) is ptr,
        "across": lambda: memcpy(ptr, from_ptr, n) is ptr,
        "compare": lambda: memcmp(ptr, from_ptr, n),
    }[name]
    if n < 0 or (name == "set" and not 0 <= rest[1] <= 255):
        return act, ValueError
    if n > min(here, there):
        return act, InvalidSizeError
    if name == "copy" and abs(at - other) < n:
        return act, ValueError
    if name == "read":
        return act, bytes(a[at : at + n])
    data = bytes(source[other : other + n])
    if name == "compare":
        return act, (a[at : at + n] > data) - (a[at : at + n] < data)
    a[at : at + n] = rest[0] if name == "write" else bytes([rest[1]]) * n if name == "set" else data
    return act, None if name == "write" else True


@settings(deadline=None, max_examples=300)
@given(st.lists(_operations, min_size=1, max_size=25))
def test_a_block_is_like_a_bytearray(operations: list[Any]) -> None:
    a, b = bytearray(range(1, 41)), bytearray(range(101, 133))
    with malloc(len(a)) as p, malloc(len(b)) as q:
        p.write(a)
        q.write(b)
        for operation in operations:
            act, wanted = plan(operation, a, b, p, q)
            if isinstance(wanted, type):
                with pytest.raises(ValueError, match=r"byte|overlap") as caught:
                    act()
                assert caught.type is wanted, operation
            else:
                assert act() == wanted, operation
            assert p.read() == a, operation
            assert q.read() == b, operation
