# SPDX-License-Identifier: MIT
"""Addresses, sizes and NaNs on 32-bit machines, and that 64-bit machines do the same."""

from __future__ import annotations

import ctypes
import struct
import sys
from typing import Any

import _image_model as model
import pytest

from pointers import Arena, Guard, InvalidSizeError, malloc, sizeof

NARROW = sys.maxsize < 2**32
CPYTHON = sys.implementation.name == "cpython"


@pytest.mark.parametrize("size", [28, 1 << 20, 100 << 20])
def test_high_addresses_are_not_negative(size: int) -> None:
    # From 1 MiB on, memory comes from mmap, which on 32-bit Linux returns high addresses first
    with malloc(size) as ptr:
        ptr.write(b"some bytes")
        assert 0 < ptr.address < 2 ** (32 if NARROW else 64)
        assert int(ptr + 5) == ptr.address + 5
        assert ctypes.string_at(ptr.address, 10) == b"some bytes"


def test_large_blocks_know_their_allocator_at_any_address() -> None:
    for source in (Arena(chunk_size=64 << 20), Guard()):
        with source:
            ptr = source.malloc(32 << 20)
            assert ptr.allocator is source
            assert ctypes.string_at(ptr.address, 4) == bytes(4)


@pytest.mark.skipif(not (CPYTHON and NARROW), reason="about the objects of 32-bit CPython")
@pytest.mark.parametrize("obj", [None, 1, 1.5, b"bytes", "text", "\u0107"])
def test_getsizeof_is_too_small_for_the_image_on_32_bits(obj: Any) -> None:
    assert sys.getsizeof(obj) < sizeof(obj)
    with malloc(sys.getsizeof(obj)) as ptr, pytest.raises(InvalidSizeError):
        ptr <<= obj


def test_a_signalling_nan_is_kept_or_made_quiet_as_by_the_processor() -> None:
    with malloc(24) as ptr, malloc(24) as copy:
        ptr <<= 1.5
        (ptr + 16).write(struct.pack("=Q", 0x7FF0000000000001))
        number = ~ptr
        assert number != number
        copy <<= number
        quiet = 0 if model.KEEPS_NANS else 1 << 51
        assert copy.read()[16:] == struct.pack("=Q", 0x7FF0000000000001 | quiet)
