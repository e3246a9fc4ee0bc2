# SPDX-License-Identifier: MIT
"""Texts of C, compiled: what is short or ASCII as well as what Python reads and writes."""

from __future__ import annotations

import weakref
from typing import Any

import pytest

from pointers import (
    AllocatedPointer,
    FreedMemoryError,
    InvalidSizeError,
    ReadOnlyError,
    calloc,
    free,
    malloc,
)
from pointers._ffi import fast

pytestmark = pytest.mark.skipif(fast is None, reason="without the compiled path")

TEXTS = [
    "",
    "a",
    "hello world",
    "x" * 254,
    "x" * 255,
    "x" * 256,
    "x" * 1000,
    "\xe9t\xe9",
    "\u540d" * 90,
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_of_c(text: str) -> None:
    data = text.encode() + b"\0"
    ptr: AllocatedPointer[Any] = malloc(len(data) + 8)
    ptr.write(b"\xff" * (len(data) + 8))
    ptr.write_string(text)
    assert ptr.read() == data + b"\xff" * 8 and ptr.string() == text
    held: set[int] = set()
    gone: weakref.ref[Any] = weakref.ref(held)
    ptr.realloc(2000)
    ptr <<= held
    del held
    ptr.write_string(text)  # over the image
    assert gone() is None and ptr.string() == text
    exact: AllocatedPointer[Any] = malloc(len(data))
    exact.write_string(text)
    assert exact.string() == text == exact.readonly().string()
    with pytest.raises(InvalidSizeError):
        exact.write_string(text + "x")
    assert exact.read() == data
    exact.write(b"x" * len(data))
    with pytest.raises(InvalidSizeError, match="no NUL"):
        exact.string()
    with pytest.raises(ReadOnlyError):
        exact.readonly().write_string("")
    free(ptr)
    free(exact)
    for ask in (exact.string, lambda: exact.write_string("")):
        with pytest.raises(FreedMemoryError):
            ask()


def test_texts_of_c_that_are_refused() -> None:
    ptr: AllocatedPointer[Any] = malloc(64)
    ptr.write(b"ab\xff\0")
    with pytest.raises(UnicodeDecodeError) as caught:
        ptr.string()
    assert (caught.value.object, caught.value.start) == (b"ab\xff", 2)
    assert ptr.string("latin-1") == "ab\xff" and ptr.string(errors="replace") == "ab\ufffd"
    for text in ("a\0b", "\0"):
        with pytest.raises(ValueError, match="NUL"):
            ptr.write_string(text)
    with pytest.raises(UnicodeEncodeError):
        ptr.write_string("\ud800")
    with pytest.raises(TypeError, match="text must be a str"):
        ptr.write_string(b"ab")  # type: ignore[arg-type]
    assert ptr.read(4) == b"ab\xff\0"
    array = calloc(2, 4)
    array[0].write_string("abc")
    with pytest.raises(InvalidSizeError):
        array[0].write_string("abcd")
    array[0].write(b"abcd")
    with pytest.raises(InvalidSizeError, match="in the 4 bytes"):
        array[0].string()
    free(array)
    free(ptr)
