# SPDX-License-Identifier: MIT
"""The memory decides which objects are held, even if it was changed past all checks.

An object whose image was destroyed may be let go by any later operation on its block, even by
one that fails.  Before that, writing its image back makes it loadable again; after that, never.
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
    """Write by address, as C code does."""
    ctypes.memmove(p.address + offset, data, len(data))


def refused(p: Any) -> None:
    with pytest.raises(InvalidSizeError):
        (p + 49).move([])


# Operations on a block of 64 bytes, after the image of an object at offset 48 was destroyed
LATER: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda _p: None,
    "a load": lambda p: str(p + 48),
    "a store that is refused": refused,
    "a store at another offset": lambda p: p.move([]),
    "a store over the first bytes": lambda p: (p + 40).move(None),
    "a write of nothing": lambda p: (p + 50).write(b""),
    "a shrink": lambda p: realloc(p, 48),
    "a growth": lambda p: realloc(p, 5000),
}


@pytest.mark.parametrize("name", LATER)
def test_a_destroyed_image_that_is_written_back_loads_its_object_or_none(name: str) -> None:
    for at in range(48, 64):
        with malloc(64) as p:
            ref = put(p + 48)
            image = p.read()[48:]
            poke(p, at, bytes([image[at - 48] ^ 0x40]))
            LATER[name](p)
            if p.size < 64:
                assert gone(ref)
                continue
            # The object may still be held, or not
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
def test_an_object_with_a_destroyed_image_goes_when_its_bytes_are_overwritten(end: str) -> None:
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


def test_a_destroyed_image_does_not_keep_a_block_from_shrinking() -> None:
    with malloc(64) as p:
        put(p + 32)
        with pytest.raises(InvalidSizeError):
            realloc(p, 40)
        poke(p, 40, bytes(8))
        realloc(p, 40)
        assert p.size == 40


def test_a_failed_bulk_store_may_let_go_of_a_destroyed_object() -> None:
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


def test_an_image_written_into_another_block_is_no_object() -> None:
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
