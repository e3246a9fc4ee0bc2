# SPDX-License-Identifier: MIT
"""Compiled operations repeated many times leak no reference and no block."""

import contextlib
import gc
import sys
from typing import Any

import pytest

from pointers import (
    AllocatedArrayPointer,
    AllocatedPointer,
    ArraySlotPointer,
    InvalidSizeError,
    StackAllocatedPointer,
    System,
    calloc,
    free,
    malloc,
    stack_alloc,
)
from pointers._ffi import fast

pytestmark = pytest.mark.skipif(fast is None, reason="the fast path is off")

CYCLES = 100_000
CLASSES = [AllocatedPointer, AllocatedArrayPointer, ArraySlotPointer, StackAllocatedPointer]


def blocks() -> int:
    return System().stats().current_blocks


def counted(operation: Any, *watched: Any) -> None:
    """Assert that many calls leave the reference counts of `watched` and all blocks unchanged."""
    for _ in range(3):
        operation()
    gc.collect()
    before = [sys.getrefcount(obj) for obj in watched]
    balance = blocks()
    for _ in range(CYCLES):
        operation()
    gc.collect()
    after = [sys.getrefcount(obj) for obj in watched]
    assert all(abs(b - a) < 50 for a, b in zip(before, after)), (before, after)
    assert blocks() == balance


class Thing:
    pass


def test_compiled_operations_leak_no_reference_and_no_block() -> None:
    thing, text, data, number = Thing(), "text" * 3, b"bytes" * 3, 10**6
    with malloc(128) as ptr, calloc(4, 64) as array:

        def values() -> None:
            for value in (text, data, number, 2**70, 1.5, 2j, None, True):
                ptr.move(value)
                ~ptr
                array[1] = value

        def steps() -> None:
            ptr + 8
            ptr[8]
            array[1]
            array + 1
            array[2] - array[1]
            ptr == array
            hash(ptr)
            for slot in array:
                slot <<= 1

        def errors() -> None:
            for wrong in (lambda: ptr + 200, lambda: array[4], lambda: ptr.move(text * 50)):
                with contextlib.suppress(IndexError, InvalidSizeError):
                    wrong()

        def raw() -> None:
            ptr.write(data)
            ptr.read(8)
            ptr.read()

        counted(values, text, data, number, ptr, array)
        counted(steps, ptr, array, ArraySlotPointer, AllocatedPointer)
        counted(raw, data, ptr)
        counted(lambda: memoryview(ptr).release(), ptr)
        counted(lambda: ptr.view().release(), ptr)
        array[:] = range(4)
        counted(lambda: array.tolist(), array)
        counted(lambda: array.__setitem__(slice(0, 4), [text, data, number, None]), text, data)
        if sys.gettrace() is None:
            counted(errors, ptr, array, text)
    counted(lambda: free(malloc(28)), AllocatedPointer)
    counted(lambda: free(calloc(4, 28)), AllocatedArrayPointer)
    result = stack_alloc(28)(lambda ptr, obj, *, key: obj)
    counted(lambda: result(thing, key=text), thing, text, StackAllocatedPointer)
