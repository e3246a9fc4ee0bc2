# SPDX-License-Identifier: MIT
"""Writes take bytes from every object that has a buffer, and from no other."""

from __future__ import annotations

import mmap
from typing import Any

import pytest
from _raw_bytes import NO_SOURCES, PATTERN, SIZE, SOURCES, filled

from pointers import InvalidSizeError, memcmp, memcpy, memmove, memset


@pytest.mark.parametrize("name", SOURCES)
def test_write_copies_a_source_and_no_more(name: str) -> None:
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


def test_a_write_leaves_no_export_of_its_source() -> None:
    source = bytearray(b"source")
    with filled() as p:
        p.write(source)
        source.extend(b"!")  # raises BufferError while an export of it lives
        p.write(source)
        assert p.read(7) == b"source!"


def test_a_mapped_file_is_a_source() -> None:
    with mmap.mmap(-1, 16) as source, filled() as p:
        source.write(b"0123456789abcdef")
        p.write(source)
        assert p.read(16) == b"0123456789abcdef"


@pytest.mark.parametrize("source", NO_SOURCES, ids=repr)
def test_a_source_without_a_buffer_is_refused(source: Any) -> None:
    with filled() as p:
        match = f"not {type(source).__name__}"
        with pytest.raises(TypeError, match=match):
            p.write(source)
        for function in (memcpy, memmove, memcmp):
            for n in (0, 1):
                with pytest.raises(TypeError, match=match):
                    function(p, source, n)
        assert p.read() == PATTERN


def test_write_refuses_a_pointer_and_names_memcpy() -> None:
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
def test_write_beyond_the_block_changes_nothing(n: int) -> None:
    with filled() as p:
        for source in (bytes(n), bytearray(n), memoryview(bytes(2 * n))[::2]):
            with pytest.raises(InvalidSizeError, match=f"{n} bytes reach beyond the {SIZE}"):
                p.write(source)
        assert p.read() == PATTERN


def test_write_at_the_end_takes_no_bytes_alone() -> None:
    with filled() as p:
        end = p + SIZE
        end.write(b"")
        with pytest.raises(InvalidSizeError):
            end.write(b"x")
        assert p.read() == PATTERN
