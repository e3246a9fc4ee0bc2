# SPDX-License-Identifier: MIT
"""Values of every type and size come back as they were stored."""

from __future__ import annotations

import struct
from typing import Any

import _image_model as model
import pytest
from hypothesis import example, given, settings

from pointers import malloc, sizeof


def check(obj: Any) -> None:
    image = model.image(obj)
    assert sizeof(obj) == len(image)
    with malloc(len(image)) as p:
        p <<= obj
        assert p.read(sizeof(obj)) == image
        loaded, again = ~p, p.dereference()
        (unpacked,) = p
        p.write(bytes(len(image)))
    # Loaded objects outlive their memory
    assert type(loaded) is type(obj)
    assert model.same(loaded, obj)
    assert model.same(again, obj)
    assert model.same(unpacked, obj)


@settings(deadline=None, max_examples=300)
@given(model.ints)
@example(2**63)
@example(-(2**63))
@example(-(2**63) - 1)
@example(2**64 - 1)
@example(2**64)
@example(2**60)
@example(-(2**60))
def test_any_int_round_trips(obj: int) -> None:
    check(obj)


def test_ints_around_every_count_of_digits_round_trip() -> None:
    for k in range(1, 135):
        for delta in (-1, 0, 1):
            check(2 ** (30 * k) + delta)
            check(-(2 ** (30 * k)) + delta)


def test_ints_of_many_counts_of_bits_round_trip() -> None:
    for bits in [*range(70), *range(70, 4001, 39)]:
        check(1 << bits)
        check(-(1 << bits))
        check((1 << bits) - 1)


def test_small_ints_round_trip() -> None:
    for obj in range(-300, 300):
        check(obj)


@settings(deadline=None, max_examples=300)
@given(model.floats)
@example(0.0)
@example(-0.0)
@example(float("inf"))
@example(model.float_of(0x7FF0000000000001))  # signalling NaN
@example(model.float_of(0xFFF7FFFFFFFFFFFF))
@example(model.float_of(0x7FF8000000000000))
@example(model.float_of(0xFFFFFFFFFFFFFFFF))
def test_any_float_round_trips(obj: float) -> None:
    check(obj)


@pytest.mark.parametrize("exponent", [0, 1, 0x3FF, 0x7FE, 0x7FF])
def test_each_bit_of_a_mantissa_is_kept(exponent: int) -> None:
    for bit in range(52):
        for sign in (0, 1):
            bits = sign << 63 | exponent << 52 | 1 << bit
            if exponent == 0x7FF and not model.KEEPS_NANS:
                bits |= 1 << 51
            with malloc(24) as p:
                p <<= model.float_of(bits)
                assert p.read()[16:] == struct.pack("=Q", bits)
                assert struct.pack("=d", ~p) == struct.pack("=Q", bits)


@settings(deadline=None, max_examples=200)
@given(model.complexes_)
@example(complex(0.0, 0.0))
@example(complex(-0.0, 0.0))
@example(complex(0.0, -0.0))
@example(complex(-0.0, -0.0))
@example(complex(float("inf"), float("-inf")))
def test_any_complex_round_trips(obj: complex) -> None:
    check(obj)


@settings(deadline=None, max_examples=200)
@given(model.binaries)
@example(b"")
@example(b"\0")
@example(bytes(range(256)))
def test_any_bytes_round_trip(obj: bytes) -> None:
    check(obj)


@settings(deadline=None, max_examples=500)
@given(model.texts)
@example("")
@example("\0")
@example("\x7f")
@example("\x80")
@example("\xff")
@example("\u0100")
@example("\ud800")
@example("\udfff")
@example("\ud83d\ude00")  # two code points, not one
@example("\ude00\ud83d")
@example("\ud83d\ude00\U0001f600")
@example("\uffff")
@example("\U00010000")
@example("\U0010ffff")
def test_any_text_round_trips(obj: str) -> None:
    check(obj)


@pytest.mark.parametrize("size", [100, 10_000, 200_000])
@pytest.mark.parametrize("letter", ["a", "\xe9", "\u0107", "\U00010307", b"b"], ids=ascii)
def test_long_values_round_trip(letter: Any, size: int) -> None:
    obj = letter * size
    with malloc(sizeof(obj)) as p:
        p <<= obj
        assert p.read() == model.image(obj)
        assert ~p == obj


def test_each_letter_around_the_limits_of_kinds_round_trips() -> None:
    with malloc(64) as p:
        for point in [*range(0x3000), *range(0xD700, 0x10100)]:
            p <<= chr(point)
            loaded = ~p
            assert loaded == chr(point)
            assert len(loaded) == 1
