# SPDX-License-Identifier: MIT
"""Buffers of compiled pointers, as C code asks for them: by flags, and by what it keeps."""

from __future__ import annotations

import ctypes
import itertools
import sys
from typing import Any

import pytest

from pointers import acquire_stack_alloc, calloc, free, malloc
from pointers._ffi import fast, lib

pytestmark = pytest.mark.skipif(fast is None, reason="only compiled pointers are buffers")

# PyBUF_...: each asks for what it names, and SIMPLE for nothing
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
def test_every_request_is_pinned_until_it_is_released(take: Any) -> None:
    for make in (lambda: malloc(64), lambda: malloc(80) + 16, lambda: calloc(2, 64)[1]):
        ptr = make()
        obj = take(ptr)
        before = n_pins(ptr)
        for shape, more in itertools.product(SHAPES, (0, WRITABLE, FORMAT, WRITABLE | FORMAT)):
            if obj is ptr and shape == ANY_CONTIGUOUS and not more & FORMAT:
                continue
            if obj is not ptr and not shape and more & FORMAT:
                continue  # a memoryview wants a shape with the format
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


def test_who_keeps_the_object_of_a_buffer_keeps_the_pin() -> None:
    """As np.ndarray(buffer=memoryview(ptr)) does, and torch.frombuffer(ptr)."""
    for take in (lambda p: p, lambda p: memoryview(p), lambda p: p.view()):
        ptr = malloc(64)
        obj = take(ptr)
        buffer = get(obj, WRITABLE)
        kept = ctypes.cast(buffer.obj, ctypes.py_object).value
        if isinstance(kept, memoryview):
            kept = kept.obj  # what NumPy looks up
        release(buffer)
        if obj is not ptr:
            obj.release()
        with pytest.raises(BufferError):
            free(ptr)
        del kept, obj
        free(ptr)


@pytest.mark.parametrize("more", [0, WRITABLE])
def test_who_would_keep_the_pointer_alone_is_refused(more: int) -> None:
    with malloc(64) as ptr, calloc(2, 32) as array:
        for place in (ptr, ptr + 8, array, array[1]):
            with pytest.raises(BufferError, match=r"np\.ndarray.*ptr\.view\(\)"):
                get(place, ANY_CONTIGUOUS | more)
            release(get(place.view(), ANY_CONTIGUOUS | more))


def test_who_keeps_the_pointer_alone_and_asks_like_a_reader_has_no_pin() -> None:
    """As np.frombuffer(ptr) of NumPy before 1.22: a limit, in docs/limits.md."""
    ptr = malloc(64)
    buffer = get(ptr, WRITABLE)
    kept = ptr
    release(buffer)
    free(ptr)
    assert kept.freed


def test_what_is_refused_leaves_nothing() -> None:
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


def test_the_object_of_a_buffer_lends_it_again() -> None:
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


def test_one_that_was_made_by_hand_lends_nothing() -> None:
    with malloc(64) as ptr:
        kind: Any = type(memoryview(ptr).obj)
        assert memoryview(kind()).nbytes == 0
        assert memoryview(object.__new__(kind)).nbytes == 0
        assert n_pins(ptr) == 0
        with pytest.raises(TypeError):
            kind(ptr)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python code can ask from 3.12 on")
def test_python_code_that_asks() -> None:
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
