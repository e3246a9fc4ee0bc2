# SPDX-License-Identifier: MIT
"""The memory decides which objects are held, also where no operation saw that it changed.

An object whose image was destroyed may be let go by any later operation on its block, also by
one that fails.  Until then, and never after that, its bytes bring it back.
"""

from __future__ import annotations

import ctypes
from typing import Any, Callable

import pytest
from _watched import gone, is_gone, put

from pointers import (
    CorruptObjectError,
    FreedMemoryError,
    InvalidSizeError,
    calloc,
    free,
    malloc,
    memset,
    realloc,
)


def poke(p: Any, offset: int, data: bytes) -> None:
    """Write as C does that has the address."""
    ctypes.memmove(p.address + offset, data, len(data))


def refused(p: Any) -> None:
    with pytest.raises(InvalidSizeError):
        (p + 49).move([])


# On 64 bytes; the object stood at offset 48
LATER: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda _p: None,
    "a load": lambda p: str(p + 48),
    "a store that is refused": refused,
    "a store elsewhere": lambda p: p.move([]),
    "a store near it": lambda p: (p + 40).move(None),
    "a write of nothing": lambda p: (p + 50).write(b""),
    "a shrink": lambda p: realloc(p, 48),
    "a growth": lambda p: realloc(p, 5000),
}


@pytest.mark.parametrize("name", LATER)
def test_an_object_whose_image_was_destroyed_unseen(name: str) -> None:
    for at in range(48, 64):
        with malloc(64) as p:
            ref = put(p + 48)
            image = p.read()[48:]
            poke(p, at, bytes([image[at - 48] ^ 0x40]))
            LATER[name](p)
            if p.size < 64:
                assert gone(ref)
                continue
            # It may be held still, or not
            poke(p, 48, image)
            if is_gone(ref):
                with pytest.raises(CorruptObjectError, match="carry no references"):
                    ~(p + 48)
            else:
                assert ~(p + 48) is ref()
            memset(p, 0, 64)
            assert gone(ref)
            poke(p, 48, image)
            with pytest.raises(CorruptObjectError, match="carry no references"):
                ~(p + 48)


@pytest.mark.parametrize("end", ["free", "store", "write", "shrink"])
def test_what_was_destroyed_unseen_goes_with_its_place(end: str) -> None:
    with malloc(64) as p:
        ref = put(p + 32)
        poke(p, 40, b"\0")
        {
            "free": lambda: free(p),
            "store": lambda: (p + 32).move(None),
            "write": lambda: (p + 47).write(b"x"),
            "shrink": lambda: realloc(p, 32),
        }[end]()
        assert gone(ref)


def test_what_was_destroyed_does_not_keep_a_block_from_shrinking() -> None:
    with malloc(64) as p:
        put(p + 32)
        with pytest.raises(InvalidSizeError):
            realloc(p, 40)
        poke(p, 40, bytes(8))
        realloc(p, 40)
        assert p.size == 40


def test_a_bulk_store_that_fails_may_let_go() -> None:
    with calloc(2, 16) as array:
        ref = put(array[1])
        image = array.read()[16:]
        poke(array, 16, bytes(16))
        with pytest.raises(InvalidSizeError):
            array[:] = [[], "too long for its slot"]
        poke(array, 16, image)
        if is_gone(ref):
            with pytest.raises(CorruptObjectError):
                ~array[1]
        else:
            assert ~array[1] is ref()


def test_an_object_is_not_brought_back_by_its_bytes_in_another_block() -> None:
    p, q = malloc(16), malloc(16)
    ref = put(p)
    poke(q, 0, p.read())
    with pytest.raises(CorruptObjectError, match="carry no references"):
        ~q
    free(p)
    assert gone(ref)
    with pytest.raises(FreedMemoryError):
        ~p
    q <<= []
    free(q)
