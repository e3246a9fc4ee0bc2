# SPDX-License-Identifier: MIT
"""Raw bytes: reading, writing and C's mem functions, inside the block or not at all."""

from __future__ import annotations

import array
import ctypes
import mmap
from typing import Any, Callable

import pytest
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

PATTERN = bytes(range(1, 33))
SIZE = len(PATTERN)

BEYOND = [SIZE + 1, SIZE + 8, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64, 2**64 + SIZE, 2**100]
NEGATIVE = [-1, -SIZE, -(2**62), -(2**64)]
NO_INTS = [1.0, "1", b"1", [], 1j]


def filled() -> Any:
    p = malloc(SIZE)
    p.write(PATTERN)
    return p


class Index:
    """Not an int, but good for one."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


# read


@pytest.mark.parametrize("n", [0, 1, 7, SIZE - 1, SIZE, Index(5), True])
def test_read(n: Any) -> None:
    with filled() as p:
        data = p.read(n)
        assert type(data) is bytes
        assert data == PATTERN[: n.__index__()]


def test_read_without_a_number_is_everything() -> None:
    with filled() as p:
        assert p.read() == p.read(None) == bytes(p) == PATTERN
        assert (p + 5).read() == bytes(p + 5) == PATTERN[5:]
        assert (p + SIZE).read() == bytes(p + SIZE) == b""
    with malloc(0) as p:
        assert p.read() == p.read(0) == bytes(p) == b""
        with pytest.raises(InvalidSizeError):
            p.read(1)


@pytest.mark.parametrize("n", BEYOND)
def test_read_beyond(n: int) -> None:
    with filled() as p:
        with pytest.raises(InvalidSizeError, match=f"{n} bytes reach beyond the {SIZE}"):
            p.read(n)
        with pytest.raises(InvalidSizeError):
            (p + 1).read(SIZE)


@pytest.mark.parametrize("n", NEGATIVE)
def test_read_negative(n: int) -> None:
    with filled() as p, pytest.raises(ValueError, match="cannot be negative"):
        p.read(n)


@pytest.mark.parametrize("n", NO_INTS)
def test_read_wants_an_int(n: Any) -> None:
    with filled() as p, pytest.raises(TypeError, match=f"not {type(n).__name__}"):
        p.read(n)


def test_what_was_read_is_a_copy() -> None:
    with filled() as p:
        data = p.read()
        memset(p, 0, SIZE)
        assert data == PATTERN


def test_new_memory_is_zero() -> None:
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


# Sources of bytes

SOURCES: dict[str, tuple[Callable[[], Any], bytes]] = {
    "bytes": (lambda: b"source", b"source"),
    "empty bytes": (lambda: b"", b""),
    "bytearray": (lambda: bytearray(b"source"), b"source"),
    "empty bytearray": (bytearray, b""),
    "memoryview": (lambda: memoryview(b"source"), b"source"),
    "part of a memoryview": (lambda: memoryview(b"source")[1:4], b"our"),
    "empty memoryview": (lambda: memoryview(b"")[:], b""),
    "memoryview of a bytearray": (lambda: memoryview(bytearray(b"source")), b"source"),
    "steps": (lambda: memoryview(b"s.o.u.r.c.e.")[::2], b"source"),
    "backwards": (lambda: memoryview(b"ecruos")[::-1], b"source"),
    "two dimensions": (lambda: memoryview(b"source").cast("B", (2, 3)), b"source"),
    "array of bytes": (lambda: array.array("B", b"source"), b"source"),
    "array of ints": (lambda: array.array("i", [1, -2]), array.array("i", [1, -2]).tobytes()),
    "array of doubles": (lambda: array.array("d", [1.5]), array.array("d", [1.5]).tobytes()),
    "empty array": (lambda: array.array("i"), b""),
    "steps of ints": (
        lambda: memoryview(array.array("h", [1, 2, 3, 4]))[::2],
        array.array("h", [1, 3]).tobytes(),
    ),
    "ctypes array": (lambda: (ctypes.c_char * 6)(*b"source"), b"source"),
    "ctypes array of ints": (
        lambda: (ctypes.c_int * 2)(1, -2),
        array.array("i", [1, -2]).tobytes(),
    ),
    "subclass of bytes": (lambda: type("Bytes", (bytes,), {})(b"source"), b"source"),
}
NO_SOURCES = [None, 1, 1.5, "text", [1, 2], object(), {}]


@pytest.mark.parametrize("name", SOURCES)
def test_write(name: str) -> None:
    make, data = SOURCES[name]
    n = len(data)
    with filled() as p:
        assert p.write(make()) is None
        assert p.read() == data + PATTERN[n:]
        (p + (SIZE - n)).write(make())
        assert p.read() == data + PATTERN[n : SIZE - n] + data
    with filled() as p:
        alias = p + (SIZE - n + 1) if n else p
        if n:
            with pytest.raises(InvalidSizeError, match=f"{n} bytes reach beyond the {n - 1}"):
                alias.write(make())
        assert p.read() == PATTERN


@pytest.mark.parametrize("name", SOURCES)
def test_mem_functions_take_bytes_of_any_kind(name: str) -> None:
    make, data = SOURCES[name]
    n = len(data)
    for function in (memcpy, memmove):
        with filled() as p:
            assert function(p, make(), n) is p
            assert p.read() == data + PATTERN[n:]
            assert memcmp(p, make(), n) == 0
            for part in range(n):
                memset(p, 0, SIZE)
                function(p, make(), part)
                assert p.read() == data[:part] + bytes(SIZE - part)
            memset(p, 0, SIZE)
            with pytest.raises(InvalidSizeError):
                function(p, make(), n + 1)
            with pytest.raises(InvalidSizeError):
                memcmp(p, make(), n + 1)
            assert p.read() == bytes(SIZE)


def test_the_source_is_free_again() -> None:
    source = bytearray(b"source")
    with filled() as p:
        p.write(source)
        source.extend(b"!")  # BufferError while anything holds it
        p.write(source)
        assert p.read(7) == b"source!"


def test_a_mapped_file_is_a_source() -> None:
    with mmap.mmap(-1, 16) as source, filled() as p:
        source.write(b"0123456789abcdef")
        p.write(source)
        assert p.read(16) == b"0123456789abcdef"


@pytest.mark.parametrize("source", NO_SOURCES, ids=repr)
def test_what_has_no_bytes_is_refused(source: Any) -> None:
    with filled() as p:
        match = f"not {type(source).__name__}"
        with pytest.raises(TypeError, match=match):
            p.write(source)
        for function in (memcpy, memmove, memcmp):
            for n in (0, 1):
                with pytest.raises(TypeError, match=match):
                    function(p, source, n)
        assert p.read() == PATTERN


def test_a_pointer_is_no_bytes() -> None:
    with filled() as p, filled() as q, pytest.raises(TypeError, match="memcpy"):
        p.write(q)


def test_a_released_memoryview_is_refused() -> None:
    view = memoryview(b"source")
    view.release()
    with filled() as p:
        with pytest.raises(ValueError, match="released"):
            p.write(view)
        assert p.read() == PATTERN


@pytest.mark.parametrize("n", [SIZE + 1, 2 * SIZE, 10**6])
def test_write_beyond(n: int) -> None:
    with filled() as p:
        for source in (bytes(n), bytearray(n), memoryview(bytes(2 * n))[::2]):
            with pytest.raises(InvalidSizeError, match=f"{n} bytes reach beyond the {SIZE}"):
                p.write(source)
        assert p.read() == PATTERN


def test_write_at_the_end() -> None:
    with filled() as p:
        end = p + SIZE
        end.write(b"")
        with pytest.raises(InvalidSizeError):
            end.write(b"x")
        assert p.read() == PATTERN


# The mem functions

Copy = Callable[..., Any]
copies = pytest.mark.parametrize("copy", [memcpy, memmove], ids=["memcpy", "memmove"])


@copies
@pytest.mark.parametrize("n", [0, 1, SIZE - 1, SIZE, Index(3), True])
def test_copies_between_blocks(copy: Copy, n: Any) -> None:
    with filled() as p, malloc(SIZE + 8) as q:
        count = n.__index__()
        assert copy(q + 8, p, n) == q + 8
        assert q.read() == bytes(8) + PATTERN[:count] + bytes(SIZE - count)
        assert p.read() == PATTERN
        assert copy(q, p, n) is q


@copies
@pytest.mark.parametrize("n", BEYOND)
def test_copies_beyond_either_side(copy: Copy, n: int) -> None:
    with filled() as p, malloc(SIZE * 3) as q:
        for dst, src in ((p, q), (q, p), (p, p), (q + 1, p), (p, PATTERN)):
            with pytest.raises(InvalidSizeError, match=f"{n} bytes reach beyond"):
                copy(dst, src, n)
        for dst, src in ((p + 1, q), (q, p + 1), (p + SIZE, q), (q, p + SIZE)):
            with pytest.raises(InvalidSizeError):
                copy(dst, src, SIZE)
        assert p.read() == PATTERN
        assert q.read() == bytes(SIZE * 3)


@copies
@pytest.mark.parametrize("n", NEGATIVE)
def test_copies_of_a_negative_number(copy: Copy, n: int) -> None:
    with filled() as p, malloc(SIZE) as q:
        for src in (p, PATTERN):
            with pytest.raises(ValueError, match="cannot be negative"):
                copy(q, src, n)
        assert q.read() == bytes(SIZE)


@copies
@pytest.mark.parametrize("n", [*NO_INTS, None])
def test_copies_want_an_int(copy: Copy, n: Any) -> None:
    with filled() as p, malloc(SIZE) as q:
        for src in (p, PATTERN):
            with pytest.raises(TypeError, match=f"not {type(n).__name__}"):
                copy(q, src, n)
        assert q.read() == bytes(SIZE)


@pytest.mark.parametrize("dst", [None, 1, b"bytes", bytearray(9), "text", object()], ids=repr)
def test_the_first_argument_is_a_pointer(dst: Any) -> None:
    with filled() as p:
        for function in (memcpy, memmove, memcmp):
            with pytest.raises(TypeError, match=f"must be a pointer, not {type(dst).__name__}"):
                function(dst, p, 1)
        with pytest.raises(TypeError, match=f"must be a pointer, not {type(dst).__name__}"):
            memset(dst, 0, 1)


def test_memmove_over_itself() -> None:
    for to in range(SIZE):
        for at in range(SIZE):
            with filled() as p:
                n = SIZE - max(to, at)
                wanted = bytearray(PATTERN)
                wanted[to : to + n] = PATTERN[at : at + n]
                assert memmove(p + to, p + at, n) == p + to
                assert p.read() == wanted


def test_memcpy_over_itself_is_refused() -> None:
    with filled() as p:
        for to, at, n in ((0, 0, 1), (0, 1, 2), (1, 0, 2), (0, 8, 9), (8, 0, 9), (3, 4, 20)):
            with pytest.raises(ValueError, match="overlap: use memmove"):
                memcpy(p + to, p + at, n)
            assert p.read() == PATTERN
        # Side by side is not over itself
        memcpy(p, p + 8, 8)
        memcpy(p + 24, p + 16, 8)
        memcpy(p, p, 0)
        assert p.read() == PATTERN[8:16] + PATTERN[8:24] + PATTERN[16:24]


@pytest.mark.parametrize("byte", [0, 1, 0x7F, 0x80, 0xFF, Index(7), True])
@pytest.mark.parametrize("n", [0, 1, SIZE - 1, SIZE, Index(3)])
def test_memset(byte: Any, n: Any) -> None:
    with filled() as p:
        assert memset(p, byte, n) is p
        assert p.read() == bytes([byte.__index__()]) * n.__index__() + PATTERN[n.__index__() :]


@pytest.mark.parametrize("n", BEYOND)
def test_memset_beyond(n: int) -> None:
    with filled() as p:
        with pytest.raises(InvalidSizeError, match=f"{n} bytes reach beyond the {SIZE}"):
            memset(p, 0, n)
        with pytest.raises(InvalidSizeError):
            memset(p + 1, 0, SIZE)
        assert p.read() == PATTERN


@pytest.mark.parametrize(
    ("byte", "n", "error"),
    [
        (-1, 1, ValueError),
        (256, 1, ValueError),
        (2**64, 1, ValueError),
        (256, 0, ValueError),
        (0, -1, ValueError),
        (0, -(2**64), ValueError),
        ("a", 1, TypeError),
        (b"a", 1, TypeError),
        (1.0, 1, TypeError),
        (None, 1, TypeError),
        (0, "1", TypeError),
        (0, 1.0, TypeError),
        (0, None, TypeError),
    ],
)
def test_memset_refuses(byte: Any, n: Any, error: type[Exception]) -> None:
    with filled() as p:
        with pytest.raises(error):
            memset(p, byte, n)
        assert p.read() == PATTERN


def test_memcmp() -> None:
    with filled() as p, filled() as q:
        for n in (0, 1, SIZE):
            assert memcmp(p, q, n) == memcmp(p, PATTERN, n) == memcmp(p, p, n) == 0
        (q + 9).write(b"\xff")
        assert memcmp(p, q, 9) == 0
        assert memcmp(p, q, 10) == memcmp(p, q.read(), SIZE) == -1
        assert memcmp(q, p, 10) == memcmp(q, p.read(), SIZE) == 1
        (q + 9).write(b"\0")
        assert memcmp(p, q, 10) == 1
        assert memcmp(p, p + 1, 5) == -1
        # Bytes have no sign
        assert memcmp(memset(p, 0x80, 1), memset(q, 0x7F, 1), 1) == 1


@pytest.mark.parametrize("n", BEYOND)
def test_memcmp_beyond(n: int) -> None:
    with filled() as p, malloc(SIZE * 3) as q:
        for a, b in ((p, q), (q, p), (p, p), (q, PATTERN), (p, PATTERN * 2)):
            with pytest.raises(InvalidSizeError):
                memcmp(a, b, max(n, SIZE * 3 + 1) if a is b is q else n)
        with pytest.raises(InvalidSizeError):
            memcmp(q, p + 1, SIZE)


@pytest.mark.parametrize(
    ("n", "error"), [(-1, ValueError), (-(2**64), ValueError), (1.0, TypeError), ("1", TypeError)]
)
def test_memcmp_refuses(n: Any, error: type[Exception]) -> None:
    with filled() as p, filled() as q:
        for other in (q, PATTERN):
            with pytest.raises(error):
                memcmp(p, other, n)


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
def test_freed_memory(name: str) -> None:
    access = ACCESSES[name]
    with filled() as q:
        p = filled()
        alias = p + 3
        free(p)
        with malloc(SIZE):  # which may have the same address
            for ptr in (p, alias):
                with pytest.raises(FreedMemoryError):
                    access(ptr, q)
        assert q.read() == PATTERN


@pytest.mark.parametrize("name", ACCESSES)
def test_stack_memory_that_has_gone(name: str) -> None:
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


def test_slots_of_an_array_that_has_shrunk() -> None:
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


def test_stack_memory() -> None:
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
