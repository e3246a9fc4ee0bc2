# SPDX-License-Identifier: MIT
"""Corrupt images: a load raises or returns a whole object, and never crashes."""

from __future__ import annotations

import struct
import sys
from typing import Any, Callable

import _image_model as model
import pytest

from pointers import (
    CorruptObjectError,
    DereferenceError,
    InvalidSizeError,
    calloc,
    malloc,
    memcpy,
    memmove,
    realloc,
    sizeof,
)


def changed(image: bytes, at: int, form: str, value: int) -> bytes:
    data = bytearray(image)
    struct.pack_into(f"={form}", data, at, value)
    return bytes(data)


def tagged(tag: int, *digits: int, type_word: int = model.INT) -> bytes:
    return model.header(type_word) + struct.pack(f"=Q{len(digits)}I", tag, *digits)


ASCII, LATIN, UCS2, UCS4 = (model.text(t) for t in ("text", "caf\xe9", "\u0107a", "\U00010307a"))
HUGE = (2**31, 2**32 - 1, 2**61, 2**62, 2**63 - 1, 2**63, 2**64 - 57, 2**64 - 2, 2**64 - 1)

CORRUPT: dict[str, bytes] = {
    "type word of a foreign address": model.header(0x7F0012345678),
    "type word with kind 0": model.header(model.TYPE),
    "type word with kind 9": model.header(model.TYPE | 9),
    "type word with kind 0x103": model.header(model.TYPE | 0x103) + bytes(64),
    "type word without its upper half": model.header(3) + bytes(64),
    "None with two references": model.header(model.NONE, 2),
    "None with no reference": model.header(model.NONE, 0),
    "None that is immortal": model.header(model.NONE, 0xFFFFFFFF),
    "int with refcount 2": changed(model.integer(1), 0, "Q", 2),
    "bool of digit 2": tagged(8, 2, type_word=model.BOOL),
    "bool of digit 0": tagged(8, 0, type_word=model.BOOL),
    "bool of -1": tagged(8 | 2, 1, type_word=model.BOOL),
    "bool of two digits": tagged(16, 1, 1, type_word=model.BOOL),
    "bool False without the zero sign": tagged(0, type_word=model.BOOL),
    "bool True with the zero sign": tagged(8 | 1, 1, type_word=model.BOOL),
    "int with a top digit 0": tagged(8, 0),
    "int with a top digit 0 of two": tagged(16, 5, 0),
    "int with a top digit 0 of many": tagged(40, 1, 2, 3, 4, 0),
    "negative int with a top digit 0": tagged(16 | 2, 5, 0),
    "int with a digit of 2**30": tagged(8, 2**30),
    "int with a digit of 2**32 - 1": tagged(8, 2**32 - 1),
    "int with a low digit of 2**30": tagged(16, 2**30, 1),
    "int with a middle digit of 2**31": tagged(32, 1, 2**31, 1, 1),
    "zero without the zero sign": tagged(0),
    "zero with a negative sign": tagged(2),
    "zero with sign 3": tagged(3),
    "one with the zero sign": tagged(8 | 1, 1),
    "one with sign 3": tagged(8 | 3, 1),
    "one with the bit of small ints": tagged(8 | 4, 1),
    "int of many digits with sign 1": tagged(40 | 1, 1, 2, 3, 4, 5),
    "bytes with a hash": changed(model.binary(b"abc"), 24, "q", 12345),
    "bytes without NUL": model.binary(b"abc")[:-1] + b"x",
    "bytes longer than the block": changed(model.binary(bytes(7)), 16, "Q", 2**20),
    "ASCII text with a hash": changed(ASCII, 24, "q", 0),
    "ASCII text without NUL": ASCII[:-1] + b"\1",
    "Latin-1 text without NUL": LATIN[:-1] + b"\1",
    "UCS-2 text without NUL, low": UCS2[:-2] + b"\1\0",
    "UCS-2 text without NUL, high": UCS2[:-2] + b"\0\1",
    "UCS-4 text without NUL, low": UCS4[:-4] + b"\1\0\0\0",
    "UCS-4 text without NUL, high": UCS4[:-4] + b"\0\0\0\1",
    "ASCII letters as Latin-1": model.text_image([97, 98], 1, False),
    "ASCII letters as UCS-2": model.text_image([97, 98], 2, False),
    "ASCII letters as UCS-4": model.text_image([97, 98], 4, False),
    "Latin-1 letters as ASCII": model.text_image([97, 0xE9], 1, True),
    "Latin-1 letters as UCS-2": model.text_image([97, 0xE9], 2, False),
    "Latin-1 letters as UCS-4": model.text_image([97, 0xE9], 4, False),
    "UCS-2 letters as UCS-4": model.text_image([97, 0xFFFF], 4, False),
    "UCS-2 letters as ASCII": model.text_image([97, 0x107], 2, True),
    "UCS-4 letters as ASCII": model.text_image([97, 0x10307], 4, True),
    "empty text as Latin-1": model.text_image([], 1, False),
    "empty text as UCS-2": model.text_image([], 2, False),
    "empty text as UCS-4": model.text_image([], 4, False),
    "code point 0x110000": model.text_image([97, 0x110000], 4, False),
    "code point 2**31": model.text_image([2**31, 97], 4, False),
    "code point 2**32 - 1": model.text_image([0x10307, 2**32 - 1], 4, False),
    "text of kind 0": changed(LATIN, 32, "I", 1 << 5),
    "text of kind 3": changed(LATIN, 32, "I", 3 << 2 | 1 << 5),
    "text of kind 5": changed(LATIN, 32, "I", 5 << 2 | 1 << 5),
    "text of kind 7": changed(LATIN, 32, "I", 7 << 2 | 1 << 5),
    "text that is not compact": changed(ASCII, 32, "I", 1 << 2 | 1 << 6),
    "text that is interned": changed(ASCII, 32, "I", 1 | 1 << 2 | 1 << 5 | 1 << 6),
    "text that is static": changed(ASCII, 32, "I", 1 << 2 | 1 << 5 | 1 << 6 | 1 << 7),
    "text with a high state bit": changed(ASCII, 32, "I", 1 << 2 | 1 << 5 | 1 << 6 | 1 << 31),
    "text with padding": changed(ASCII, 36, "I", 1),
    "text with a UTF-8 length": changed(LATIN, 40, "Q", 5),
    "text with a UTF-8 pointer": changed(LATIN, 48, "Q", 0x7F0012345678),
}
for count in HUGE:
    CORRUPT[f"bytes of length {count}"] = changed(model.binary(b"abc"), 16, "Q", count)
    CORRUPT[f"int of {count % 2**61} digits"] = tagged(count % 2**61 << 3, 1, 2)
    for text_kind, image in (
        ("ASCII", ASCII),
        ("Latin-1", LATIN),
        ("UCS-2", UCS2),
        ("UCS-4", UCS4),
    ):
        CORRUPT[f"{text_kind} text of length {count}"] = changed(image, 16, "Q", count)


def test_the_images_are_valid_before_they_are_made_corrupt() -> None:
    with malloc(80) as p:
        for image, value in (
            (ASCII, "text"),
            (LATIN, "caf\xe9"),
            (UCS2, "\u0107a"),
            (UCS4, "\U00010307a"),
            (tagged(8, 5), 5),
            (tagged(16 | 2, 0, 1), -(2**30)),
            (tagged(8, 1, type_word=model.BOOL), True),
            (tagged(1, type_word=model.BOOL), False),
            (tagged(1), 0),
            (model.binary(b"abc"), b"abc"),
            (model.header(model.NONE), None),
            (model.text_image([], 1, True), ""),
        ):
            p.write(image)
            assert model.same(~p, value)


@pytest.mark.parametrize("name", CORRUPT)
def test_a_corrupt_image_is_refused_and_left_as_it_is(name: str) -> None:
    data = CORRUPT[name]
    with malloc(160) as p, malloc(len(data)) as q, malloc(200) as target:
        for ptr in (p, q, p + 3, p + (160 - len(data))):
            ptr.write(data)
            with pytest.raises(CorruptObjectError, match="not those of an object"):
                ~ptr
            with pytest.raises(CorruptObjectError):
                list(ptr)
            with pytest.raises(CorruptObjectError):
                target.move(ptr)
            assert not ptr.assigned
            assert str(ptr) == repr(ptr)
            assert ptr.read(len(data)) == data
        q.write(bytes(len(data)))
        p.write(bytes(160))
        p <<= "usable"
        assert ~p == "usable"


@pytest.mark.parametrize("name", CORRUPT)
def test_a_corrupt_slot_leaves_the_others_usable(name: str) -> None:
    data = CORRUPT[name]
    array = calloc(5, 80)
    array.fill(7)
    assert array.tolist() == [7] * 5
    slot = array[2]
    slot.write(data[:80])
    with pytest.raises(CorruptObjectError):
        array.tolist()
    with pytest.raises(CorruptObjectError):
        ~slot
    assert ~array[1] == ~array[3] == 7
    slot.move(8)
    assert array.tolist() == [7, 7, 8, 7, 7]
    array.free()


# Keys of held objects


class Thing:
    pass


def test_a_raw_copy_of_a_key_is_no_object() -> None:
    obj = Thing()
    with malloc(64) as p, malloc(64) as q:
        p <<= obj
        memcpy(q, p, 16)
        assert q.read() == p.read()
        with pytest.raises(CorruptObjectError, match="copied or made up"):
            ~q
        memmove(p + 16, p, 16)
        (p + 40).write(p.read(16))
        for alias in (p + 16, p + 40):
            with pytest.raises(CorruptObjectError, match=f"offset {alias.offset}.*copied"):
                ~alias
        assert ~p is obj
        q <<= p  # a store copies the object, not its bytes
        assert ~q is obj


def test_a_raw_copy_over_another_key_is_no_object() -> None:
    obj, other = Thing(), Thing()
    with malloc(32) as p, malloc(32) as q:
        p <<= obj
        q <<= other
        memcpy(q, p, 16)
        with pytest.raises(CorruptObjectError):
            ~q
        assert ~p is obj
        (q + 16).move(other)
        memcpy(q, q + 16, 16)
        with pytest.raises(CorruptObjectError):
            ~q
        assert ~(q + 16) is other


def test_a_key_that_was_moved_over_itself_is_no_object() -> None:
    with malloc(48) as p:
        obj = Thing()
        p <<= obj
        memmove(p + 8, p, 16)  # over its own second half
        with pytest.raises(CorruptObjectError):
            ~p
        with pytest.raises(CorruptObjectError):
            ~(p + 8)


def test_the_key_of_an_overwritten_object_is_no_object() -> None:
    with malloc(48) as p:
        obj = Thing()
        p <<= obj
        image = p.read(16)
        p <<= 5
        p.write(image)
        with pytest.raises(CorruptObjectError):
            ~p
    with malloc(48) as p:
        p.write(image)
        with pytest.raises(CorruptObjectError):
            ~p


def test_the_same_bytes_written_again_change_nothing() -> None:
    with malloc(48) as p:
        obj = Thing()
        p <<= obj
        p.write(p.read())
        p.write(p.read(9))
        memcpy(p, p.read(), 16)
        assert ~p is obj


@pytest.mark.parametrize("key", [0, 1, 2, 2**31, 2**62, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_forged_key_is_no_object(key: int) -> None:
    obj = Thing()
    with malloc(64) as p, malloc(64) as q:
        q.write(model.header(model.REFERENCE, key))
        with pytest.raises(CorruptObjectError, match="copied or made up"):
            ~q
        assert not q.assigned
        p <<= obj
        (p + 16).write(model.header(model.REFERENCE, key))
        with pytest.raises(CorruptObjectError):
            ~(p + 16)
        assert ~p is obj


REFUSED_STORES: dict[str, Callable[[Any], Any]] = {
    "a store": lambda p: p.move([]),
    "a store in a slot": lambda p: p[0].move([]),
    "a bulk store": lambda p: p.__setitem__(slice(0, 1), [[]]),
    "a bulk store of values and objects": lambda p: p.__setitem__(slice(0, 2), [1, []]),
    "fill": lambda p: p.fill([]),
}


@pytest.mark.parametrize("store", REFUSED_STORES.values(), ids=REFUSED_STORES)
def test_a_refused_store_gives_no_object_to_a_key_that_was_made_up(store: Any) -> None:
    with malloc(16) as p, calloc(2, 8) as array:
        p <<= Thing()
        key = int.from_bytes(p.read(8), sys.byteorder)
        for ahead in range(1, 4):
            # Keys are given out in order: the next store may take this one
            view = array.view()
            view[:] = model.header(model.REFERENCE, key + ahead)
            view.release()
            with pytest.raises(InvalidSizeError):
                store(array)
            with pytest.raises(CorruptObjectError):
                ~array
            with pytest.raises(CorruptObjectError):
                ~(array[0])


def test_a_key_near_a_real_key_is_no_object() -> None:
    obj = Thing()
    with malloc(64) as p, malloc(64) as q:
        (q + 16).move(obj)
        q.write(p.read(8) + struct.pack("=Q", model.REFERENCE))
        for _ in range(20):
            p <<= obj
            (key,) = struct.unpack("=Q", p.read(8))
            for delta in (-1, 1, 2, 1 << 32, 1 << 63):
                q.write(struct.pack("=Q", (key + delta) % 2**64))
                with pytest.raises(CorruptObjectError):
                    ~q
            q.write(struct.pack("=Q", key))
            with pytest.raises(CorruptObjectError):
                ~q
            assert ~p is obj


# Memory without an image


def test_a_load_where_nothing_was_stored_is_no_corruption() -> None:
    for size in (0, 1, 8, 15, 16, 24, 100):
        with malloc(size) as p:
            for offset in {0, size // 2, size}:
                with pytest.raises(DereferenceError, match="nothing was stored") as caught:
                    ~(p + offset)
                assert not isinstance(caught.value, CorruptObjectError)


def test_a_corrupt_image_does_not_keep_realloc_from_cutting_it() -> None:
    for size in (0, 1, 16, 20, 64):
        with malloc(40) as p:
            p.write(CORRUPT["bytes of length 9223372036854775808"])
            realloc(p, size)
            assert p.size == size


def test_realloc_refuses_to_cut_an_image() -> None:
    with malloc(64) as p:
        p <<= "text"
        with pytest.raises(InvalidSizeError):
            realloc(p, sizeof("text") - 1)
        assert ~p == "text"
        realloc(p, sizeof("text"))
        assert ~p == "text"
