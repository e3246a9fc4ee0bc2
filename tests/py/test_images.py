# SPDX-License-Identifier: MIT
"""Images: their sizes and layout are the same on every interpreter."""

from __future__ import annotations

import collections
import enum
import fractions
import gc
import struct
import sys
from typing import Any, Callable

import _image_model as model
import pytest
from hypothesis import given, settings

import pointers
from pointers import InvalidSizeError, malloc, sizeof

CPYTHON = sys.implementation.name == "cpython"

SIZES: list[tuple[Any, int]] = [
    (None, 16),
    (False, 24),
    (True, 28),
    (0, 24),
    (1, 28),
    (-1, 28),
    (256, 28),
    (2**30 - 1, 28),
    (-(2**30) + 1, 28),
    (2**30, 32),
    (-(2**30), 32),
    (2**60 - 1, 32),
    (2**60, 36),
    (2**63 - 1, 36),
    (2**63, 36),
    (-(2**63), 36),
    (2**64, 36),
    (2**90, 40),
    (2**3000 - 1, 424),
    (2**3000, 428),
    (0.0, 24),
    (-1.5, 24),
    (0j, 32),
    (1.5 - 2j, 32),
    (b"", 33),
    (b"a", 34),
    (bytes(100), 133),
    ("", 41),
    ("a", 42),
    ("\0", 42),
    ("\x7f" * 9, 50),
    ("\x80", 58),
    ("a\xff", 59),
    ("\u0100", 60),
    ("ab\uffff", 64),
    ("\ud800", 60),
    ("\ud83d\ude00", 62),
    ("\U00010000", 64),
    ("\U0010ffff" * 3, 72),
    ("a" * 1000, 1041),
]


class Int(int):
    pass


class Float(float):
    pass


class Complex(complex):
    pass


class Bytes(bytes):
    pass


class Str(str):
    __slots__ = ()


class Colour(enum.IntEnum):
    RED = 1


class Instance:
    pass


def function() -> None:
    pass


Pair = collections.namedtuple("Pair", "a b")  # noqa: PYI024 - a subclass of tuple is wanted

HELD: list[Any] = [
    Int(3),
    Int(2**100),
    Float(1.5),
    Complex(1j),
    Bytes(b"bytes"),
    Str("text"),
    Colour.RED,
    [],
    [1, [2]],
    {},
    {"a": 1},
    set(),
    frozenset((1,)),
    (),
    (1, 2),
    Pair(1, 2),
    bytearray(b"abc"),
    memoryview(b"abc"),
    range(3),
    slice(1),
    fractions.Fraction(1, 3),
    Instance(),
    Instance,
    int,
    function,
    lambda: None,
    len,
    "".join,
    sys,
    iter(()),
    ...,
    NotImplemented,
    ValueError("x"),
]


def label(obj: object) -> str:
    return f"{type(obj).__name__}-{ascii(obj)[:24]}"


@pytest.mark.parametrize(("obj", "size"), SIZES, ids=label)
def test_sizes_are_those_of_the_layout(obj: Any, size: int) -> None:
    assert sizeof(obj) == size
    assert len(model.image(obj)) == size


@pytest.mark.parametrize("obj", HELD, ids=label)
def test_a_held_object_takes_a_header(obj: Any) -> None:
    assert sizeof(obj) == 16


@pytest.mark.skipif(not CPYTHON or sys.maxsize < 2**32, reason="about 64-bit CPython's sizes")
@settings(deadline=None)
@given(model.values)
def test_sizes_are_within_what_cpython_reports(obj: Any) -> None:
    assert sizeof(obj) <= sys.getsizeof(obj)


@pytest.mark.parametrize("obj", [obj for obj, _ in SIZES], ids=label)
@pytest.mark.skipif(CPYTHON and sys.maxsize < 2**32, reason="too little: docs/limits.md")
def test_getsizeof_asks_for_enough_memory(obj: Any) -> None:
    with malloc(sys.getsizeof(obj)) as p:
        p <<= obj
        assert model.same(~p, obj)


@pytest.mark.parametrize(("obj", "size"), SIZES, ids=label)
def test_an_image_fits_exactly(obj: Any, size: int) -> None:
    with malloc(size) as p:
        p <<= obj
        assert p.read() == model.image(obj)
        assert model.same(~p, obj)


@pytest.mark.parametrize(("obj", "size"), SIZES, ids=label)
def test_an_image_is_refused_where_a_byte_is_missing(obj: Any, size: int) -> None:
    with malloc(size - 1) as p:
        before = bytes(range(256)) * 8
        p.write(before[: size - 1])
        with pytest.raises(InvalidSizeError, match=f"takes {size} bytes.*only {size - 1}"):
            p <<= obj
        assert p.read() == before[: size - 1]
    with malloc(2 * size) as p:
        p.write(bytes(b"\xa5" * 2 * size))
        with pytest.raises(InvalidSizeError):
            (p + (size + 1)).move(obj)
        assert p.read() == b"\xa5" * 2 * size


@pytest.mark.parametrize("obj", [obj for obj, _ in SIZES], ids=label)
def test_a_store_writes_exactly_its_image_whatever_was_there(obj: Any) -> None:
    image = model.image(obj)
    for offset in (0, 1, 3, 4, 7, 8, 16):
        with malloc(offset + len(image) + 16) as p:
            p.write(b"\xa5" * p.size)
            (p + offset).move(obj)
            assert p.read() == b"\xa5" * offset + image + b"\xa5" * 16
            assert model.same(~(p + offset), obj)


@settings(deadline=None, max_examples=200)
@given(model.values, model.values)
def test_a_value_replaces_another(first: Any, second: Any) -> None:
    with malloc(max(sizeof(first), sizeof(second))) as p:
        p <<= first
        p <<= second
        assert model.same(~p, second)
        assert p.read(sizeof(second)) == model.image(second)


FRESH: list[Callable[[], Any]] = [
    lambda: "hello world" * 2,
    lambda: "h\xe9llo w\xf6rld" * 2,
    lambda: "\u0107\u0108" * 20,
    lambda: "\U00010307" * 20,
    lambda: b"hello world" * 2,
]
if CPYTHON:  # PyPy's numbers are identical if they are equal
    FRESH += [lambda: 2**70, lambda: -(10**9), lambda: 1.5, lambda: 1.5j]


@pytest.mark.parametrize("make", FRESH)
def test_loads_build_new_objects(make: Callable[[], Any]) -> None:
    obj = make()
    with malloc(sizeof(obj)) as p:
        p <<= obj
        first, second = ~p, ~p
        assert first is not obj
        assert first is not second
    assert first == obj == second


def test_loaded_objects_outlive_free_and_reuse_of_the_memory() -> None:
    obj = "text to keep" * 3
    p = malloc(sizeof(obj))
    p <<= obj
    loaded = ~p
    p.free()
    others = [malloc(sizeof(obj)) for _ in range(50)]
    for q in others:
        q.write(b"\xff" * q.size)
    assert loaded == obj
    assert {loaded: 1}[obj] == 1
    for q in others:
        q.free()


def test_singletons_come_back_as_themselves() -> None:
    with malloc(28) as p:
        for obj in (None, True, False):
            p <<= obj
            assert ~p is obj


@pytest.mark.parametrize("obj", HELD, ids=label)
def test_other_objects_are_held_and_loaded_as_themselves(obj: Any) -> None:
    with malloc(16) as p:
        p <<= obj
        assert ~p is obj
        assert type(~p) is type(obj)
        key, type_word = struct.unpack("=QQ", p.read())
        assert type_word == model.REFERENCE
        assert key != 0
        p <<= obj  # a second store into the same place takes a new key
        assert ~p is obj
        assert struct.unpack("=QQ", p.read())[0] != key
    assert obj is not None


@pytest.mark.parametrize("obj", HELD, ids=label)
def test_a_held_object_is_refused_where_a_byte_is_missing(obj: Any) -> None:
    with malloc(15) as p:
        p.write(b"\xa5" * 15)
        with pytest.raises(InvalidSizeError):
            p <<= obj
        assert p.read() == b"\xa5" * 15


def test_an_instance_of_a_subclass_keeps_its_attributes() -> None:
    obj = Int(5)
    obj.note = "kept"  # type: ignore[attr-defined]
    with malloc(16) as p:
        p <<= obj
        assert (~p).note == "kept"


def test_a_bool_loads_as_bool_and_an_int_as_int() -> None:
    with malloc(28) as p:
        for obj in (True, 1, False, 0):
            p <<= obj
            assert type(~p) is type(obj)


def test_malloc_24_holds_zero_and_28_holds_one_as_specified() -> None:
    with malloc(24) as p:
        p <<= 0
        with pytest.raises(InvalidSizeError):
            p <<= 1
        assert ~p == 0
        pointers.realloc(p, 28)
        assert ~p == 0
        p <<= 1
        assert ~p == 1


def test_raw_writes_do_not_change_the_object_that_was_stored() -> None:
    obj = "".join(["not", " ", "shared"])
    with malloc(sizeof(obj)) as p:
        p <<= obj
        p.write(b"\xff" * p.size)
    gc.collect()
    assert obj == "not shared"
    assert hash(obj) == hash("not shared")
