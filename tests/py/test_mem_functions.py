# SPDX-License-Identifier: MIT
"""C's mem functions work inside of their blocks, or write nothing."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from _raw_bytes import BEYOND, NEGATIVE, NO_INTS, PATTERN, SIZE, Index, filled

from pointers import InvalidSizeError, malloc, memcmp, memcpy, memmove, memset

Copy = Callable[..., Any]
copies = pytest.mark.parametrize("copy", [memcpy, memmove], ids=["memcpy", "memmove"])


@copies
@pytest.mark.parametrize("n", [0, 1, SIZE - 1, SIZE, Index(3), True])
def test_copies_write_n_bytes_and_no_more(copy: Copy, n: Any) -> None:
    with filled() as p, malloc(SIZE + 8) as q:
        count = n.__index__()
        assert copy(q + 8, p, n) == q + 8
        assert q.read() == bytes(8) + PATTERN[:count] + bytes(SIZE - count)
        assert p.read() == PATTERN
        assert copy(q, p, n) is q


@copies
@pytest.mark.parametrize("n", BEYOND)
def test_copies_beyond_either_block_are_refused(copy: Copy, n: int) -> None:
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
def test_copies_of_a_negative_number_of_bytes_are_refused(copy: Copy, n: int) -> None:
    with filled() as p, malloc(SIZE) as q:
        for src in (p, PATTERN):
            with pytest.raises(ValueError, match="cannot be negative"):
                copy(q, src, n)
        assert q.read() == bytes(SIZE)


@copies
@pytest.mark.parametrize("n", [*NO_INTS, None])
def test_copies_refuse_a_number_that_is_no_int(copy: Copy, n: Any) -> None:
    with filled() as p, malloc(SIZE) as q:
        for src in (p, PATTERN):
            with pytest.raises(TypeError, match=f"not {type(n).__name__}"):
                copy(q, src, n)
        assert q.read() == bytes(SIZE)


@pytest.mark.parametrize("dst", [None, 1, b"bytes", bytearray(9), "text", object()], ids=repr)
def test_a_first_argument_that_is_no_pointer_is_refused(dst: Any) -> None:
    with filled() as p:
        for function in (memcpy, memmove, memcmp):
            with pytest.raises(TypeError, match=f"must be a pointer, not {type(dst).__name__}"):
                function(dst, p, 1)
        with pytest.raises(TypeError, match=f"must be a pointer, not {type(dst).__name__}"):
            memset(dst, 0, 1)


def test_memmove_copies_overlapping_ranges_as_if_through_a_buffer() -> None:
    for to in range(SIZE):
        for at in range(SIZE):
            with filled() as p:
                n = SIZE - max(to, at)
                wanted = bytearray(PATTERN)
                wanted[to : to + n] = PATTERN[at : at + n]
                assert memmove(p + to, p + at, n) == p + to
                assert p.read() == wanted


def test_memcpy_of_overlapping_ranges_is_refused() -> None:
    with filled() as p:
        for to, at, n in ((0, 0, 1), (0, 1, 2), (1, 0, 2), (0, 8, 9), (8, 0, 9), (3, 4, 20)):
            with pytest.raises(ValueError, match="overlap: use memmove"):
                memcpy(p + to, p + at, n)
            assert p.read() == PATTERN
        # Adjacent ranges do not overlap
        memcpy(p, p + 8, 8)
        memcpy(p + 24, p + 16, 8)
        memcpy(p, p, 0)
        assert p.read() == PATTERN[8:16] + PATTERN[8:24] + PATTERN[16:24]


@pytest.mark.parametrize("byte", [0, 1, 0x7F, 0x80, 0xFF, Index(7), True])
@pytest.mark.parametrize("n", [0, 1, SIZE - 1, SIZE, Index(3)])
def test_memset_writes_n_bytes_and_no_more(byte: Any, n: Any) -> None:
    with filled() as p:
        assert memset(p, byte, n) is p
        assert p.read() == bytes([byte.__index__()]) * n.__index__() + PATTERN[n.__index__() :]


@pytest.mark.parametrize("n", BEYOND)
def test_memset_beyond_the_block_writes_nothing(n: int) -> None:
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
def test_memset_refuses_wrong_numbers_and_writes_nothing(
    byte: Any, n: Any, error: type[Exception]
) -> None:
    with filled() as p:
        with pytest.raises(error):
            memset(p, byte, n)
        assert p.read() == PATTERN


def test_memcmp_orders_bytes_as_unsigned_numbers() -> None:
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
        # 0x80 is more than 0x7F, although it would be less as a signed char
        assert memcmp(memset(p, 0x80, 1), memset(q, 0x7F, 1), 1) == 1


@pytest.mark.parametrize("n", BEYOND)
def test_memcmp_beyond_either_block_is_refused(n: int) -> None:
    with filled() as p, malloc(SIZE * 3) as q:
        for a, b in ((p, q), (q, p), (p, p), (q, PATTERN), (p, PATTERN * 2)):
            with pytest.raises(InvalidSizeError):
                memcmp(a, b, max(n, SIZE * 3 + 1) if a is b is q else n)
        with pytest.raises(InvalidSizeError):
            memcmp(q, p + 1, SIZE)


@pytest.mark.parametrize(
    ("n", "error"), [(-1, ValueError), (-(2**64), ValueError), (1.0, TypeError), ("1", TypeError)]
)
def test_memcmp_refuses_wrong_numbers(n: Any, error: type[Exception]) -> None:
    with filled() as p, filled() as q:
        for other in (q, PATTERN):
            with pytest.raises(error):
                memcmp(p, other, n)
