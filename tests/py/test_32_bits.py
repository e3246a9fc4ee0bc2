# SPDX-License-Identifier: MIT
"""What differs where addresses have 32 bits, and what does not."""

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
def test_addresses_are_those_of_the_memory_wherever_it_is(size: int) -> None:
    # From 1 MiB on it comes from mmap, which 32-bit Linux begins at the upper end with
    with malloc(size) as ptr:
        ptr.write(b"some bytes")
        assert 0 < ptr.address < 2 ** (32 if NARROW else 64)
        assert int(ptr + 5) == ptr.address + 5
        assert ctypes.string_at(ptr.address, 10) == b"some bytes"


def test_allocators_are_found_wherever_they_are() -> None:
    for source in (Arena(chunk_size=64 << 20), Guard()):
        with source:
            ptr = source.malloc(32 << 20)
            assert ptr.allocator is source
            assert ctypes.string_at(ptr.address, 4) == bytes(4)


@pytest.mark.skipif(not (CPYTHON and NARROW), reason="about the objects of 32-bit CPython")
@pytest.mark.parametrize("obj", [None, 1, 1.5, b"bytes", "text", "\u0107"])
def test_objects_are_smaller_than_their_images(obj: Any) -> None:
    assert sys.getsizeof(obj) < sizeof(obj)
    with malloc(sys.getsizeof(obj)) as ptr, pytest.raises(InvalidSizeError):
        ptr <<= obj


def test_signalling_nans_are_loaded_as_the_processor_moves_them() -> None:
    with malloc(24) as ptr, malloc(24) as copy:
        ptr <<= 1.5
        (ptr + 16).write(struct.pack("=Q", 0x7FF0000000000001))
        number = ~ptr
        assert number != number
        copy <<= number
        quiet = 0 if model.KEEPS_NANS else 1 << 51
        assert copy.read()[16:] == struct.pack("=Q", 0x7FF0000000000001 | quiet)
