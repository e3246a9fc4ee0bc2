# SPDX-License-Identifier: MIT
"""Buffers of compiled pointers, as C code requests them: every flag, and each way to keep a pin."""

from __future__ import annotations

import ctypes
import itertools
import sys
from typing import Any

import pytest

from pointers import acquire_stack_alloc, calloc, free, malloc
from pointers._ffi import fast, lib

pytestmark = pytest.mark.skipif(fast is None, reason="only compiled pointers are buffers")

# PyBUF_...: flags for the fields of the buffer that are wanted; 0 is PyBUF_SIMPLE
WRITABLE, FORMAT, ND, STRIDES = 1, 4, 8, 0x18
C_CONTIGUOUS, F_CONTIGUOUS, ANY_CONTIGUOUS, INDIRECT = 0x38, 0x58, 0x98, 0x118
SHAPES = (0, ND, STRIDES, C_CONTIGUOUS, F_CONTIGUOUS, ANY_CONTIGUOUS, INDIRECT)


class Buffer(ctypes.Structure):
    """``Py_buffer``."""

    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
        ("strides", ctypes.POINTER(ctypes.c_ssize_t)),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    ]


def get(obj: Any, flags: int) -> Buffer:
    buffer = Buffer()
    ctypes.pythonapi.PyObject_GetBuffer(
        ctypes.py_object(obj), ctypes.byref(buffer), ctypes.c_int(flags)
    )
    return buffer


def release(buffer: Buffer) -> None:
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))


def n_pins(ptr: Any) -> int:
    return int(lib.ptrs_access_pins_of(ptr._block))


@pytest.mark.parametrize("take", [lambda p: p, lambda p: memoryview(p), lambda p: p.view()])
def test_every_buffer_pins_the_block_until_it_is_released(take: Any) -> None:
    for make in (lambda: malloc(64), lambda: malloc(80) + 16, lambda: calloc(2, 64)[1]):
        ptr = make()
        obj = take(ptr)
        before = n_pins(ptr)
        for shape, more in itertools.product(SHAPES, (0, WRITABLE, FORMAT, WRITABLE | FORMAT)):
            if obj is ptr and shape == ANY_CONTIGUOUS and not more & FORMAT:
                continue
            if obj is not ptr and not shape and more & FORMAT:
                continue  # a memoryview refuses to give the format without the shape
            buffer = get(obj, shape | more)
            assert (buffer.buf, buffer.len, buffer.itemsize) == (ptr.address, 64, 1)
            assert not buffer.readonly
            with pytest.raises(BufferError):
                free(ptr if ptr._root is None else ptr._root)
            assert n_pins(ptr) == max(1, before)
            release(buffer)
            assert n_pins(ptr) == before
        del obj
        free(ptr if ptr._root is None else ptr._root)


def test_the_object_of_a_buffer_keeps_the_pin() -> None:
    """np.ndarray(buffer=memoryview(ptr)) and torch.frombuffer(ptr) keep only that object."""
    for take in (lambda p: p, lambda p: memoryview(p), lambda p: p.view()):
        ptr = malloc(64)
        obj = take(ptr)
        buffer = get(obj, WRITABLE)
        kept = ctypes.cast(buffer.obj, ctypes.py_object).value
        if isinstance(kept, memoryview):
            kept = kept.obj  # as NumPy does
        release(buffer)
        if obj is not ptr:
            obj.release()
        with pytest.raises(BufferError):
            free(ptr)
        del kept, obj
        free(ptr)


@pytest.mark.parametrize("more", [0, WRITABLE])
def test_a_request_that_would_keep_no_pin_is_refused(more: int) -> None:
    with malloc(64) as ptr, calloc(2, 32) as array:
        for place in (ptr, ptr + 8, array, array[1]):
            with pytest.raises(BufferError, match=r"np\.ndarray.*ptr\.view\(\)"):
                get(place, ANY_CONTIGUOUS | more)
            release(get(place.view(), ANY_CONTIGUOUS | more))


def test_a_kept_pointer_without_its_buffer_has_no_pin() -> None:
    """np.frombuffer(ptr) before NumPy 1.22 keeps no buffer: a limit that docs/limits.md lists."""
    ptr = malloc(64)
    buffer = get(ptr, WRITABLE)
    kept = ptr
    release(buffer)
    free(ptr)
    assert kept.freed


def test_a_refused_request_leaves_no_reference_and_no_pin() -> None:
    with malloc(64) as ptr:
        before = sys.getrefcount(ptr)
        for _ in range(100):
            with pytest.raises(BufferError):
                get(ptr, ANY_CONTIGUOUS)
            buffer = get(ptr, WRITABLE)
            release(buffer)
            assert buffer.obj is None
        assert sys.getrefcount(ptr) == before

    @acquire_stack_alloc(64)
    def result(ptr: Any) -> None:
        for flags in (0, WRITABLE, ANY_CONTIGUOUS, FORMAT | INDIRECT):
            with pytest.raises(BufferError):
                get(ptr, flags)


def test_a_buffer_can_be_requested_from_the_object_of_a_buffer() -> None:
    ptr = malloc(64) + 8
    ptr.write(b"data")
    owner = memoryview(ptr).obj
    assert n_pins(ptr) == 1
    again = memoryview(owner)
    assert (bytes(again[:4]), again.nbytes) == (b"data", 56)
    del owner
    assert n_pins(ptr) == 1
    again.release()
    assert n_pins(ptr) == 0
    ptr._root.free()


def test_an_object_of_a_buffer_that_was_made_by_hand_lends_no_bytes() -> None:
    with malloc(64) as ptr:
        kind: Any = type(memoryview(ptr).obj)
        assert memoryview(kind()).nbytes == 0
        assert memoryview(object.__new__(kind)).nbytes == 0
        assert n_pins(ptr) == 0
        with pytest.raises(TypeError):
            kind(ptr)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python code can ask from 3.12 on")
def test_python_code_can_request_and_release_a_buffer() -> None:
    with malloc(64) as ptr:
        any_ptr: Any = ptr
        view = any_ptr.__buffer__(WRITABLE)
        assert n_pins(ptr) == 1
        with pytest.raises(ValueError, match="not this object"):
            any_ptr.__release_buffer__(view)
        assert n_pins(ptr) == 1
        view.release()
        assert n_pins(ptr) == 0
        with pytest.raises(BufferError, match=r"ptr\.view\(\)"):
            any_ptr.__buffer__(ANY_CONTIGUOUS)
