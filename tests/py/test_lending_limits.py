# SPDX-License-Identifier: MIT
"""The limits of lent memory in docs/limits.md exist; no test touches memory that was freed.

A test that fails here may be good news: a limit is gone, and so should be its row in the page.
"""

from __future__ import annotations

import ctypes
import importlib.util
import io
import pickle
from typing import Any

import cffi
import pytest
from _collecting import collect_all
from _lending import PYPY, is_pinned

from pointers import free, malloc

ffi = cffi.FFI()
with_numpy = pytest.mark.skipif(
    importlib.util.find_spec("numpy") is None, reason="there is no NumPy"
)

# For a process of its own, since PyPy's collections take longer once NumPy was imported
NUMPY = """
import gc
import numpy as np
from pointers import free, malloc

def refuses(ptr):
    for _ in range(20):
        gc.collect()
    try:
        free(ptr)
    except BufferError:
        return True
    return False
"""


@pytest.mark.skipif(not PYPY, reason="elsewhere an object made of a view holds the pin")
@pytest.mark.parametrize(
    "make",
    [
        (ctypes.c_char * 8).from_buffer,
        ctypes.c_int.from_buffer,
        ffi.from_buffer,
        lambda view: ffi.from_buffer("int[]", view),
    ],
)
def test_pypy_release_of_a_view_ends_the_pin_of_objects_made_of_it(make: Any) -> None:
    ptr = malloc(64)
    with ptr.view() as view:
        made = make(view)
    free(ptr)
    assert made is not None
    # The page advises to delete the view instead: the object then keeps the pin
    ptr = malloc(64)
    made = make(ptr.view())
    collect_all()
    with pytest.raises(BufferError):
        free(ptr)
    del made
    collect_all()
    free(ptr)


@with_numpy
@pytest.mark.skipif(not PYPY, reason="elsewhere an array that is gone ends its export")
@pytest.mark.parametrize(
    "make", ["np.asarray(view)", "np.array(view)", "np.frombuffer(view, 'u1')"]
)
def test_pypy_numpy_never_ends_its_pin(run_python: Any, make: str) -> None:
    code = (
        f"ptr = malloc(64)\nview = ptr.view()\nmade = {make}\ndel made, view\nprint(refuses(ptr))"
    )
    done = run_python(NUMPY + code, "-W", "ignore::ResourceWarning")
    assert (done.stdout, done.stderr) == ("True\n", "")


@with_numpy
@pytest.mark.skipif(not PYPY, reason="elsewhere an array that is gone ends its export")
def test_pypy_release_ends_the_pin_that_frombuffer_keeps_but_not_that_of_asarray(
    run_python: Any,
) -> None:
    code = """
ptr = malloc(64)
with ptr.view() as view:
    made = np.frombuffer(view, "u1")
print(refuses(ptr))  # `made` points to freed memory from here on
ptr = malloc(64)
with ptr.view() as view:
    made = np.asarray(view)
print(refuses(ptr))
made = np.frombuffer(ptr.read(), "u1")
"""
    done = run_python(NUMPY + code, "-W", "ignore::ResourceWarning")
    assert (done.stdout, done.stderr) == ("False\nTrue\n", "")


@with_numpy
def test_releasing_the_base_of_an_array_ends_its_pin(run_python: Any) -> None:
    code = """
ptr = malloc(64)
made = np.frombuffer(ptr.view(), "u1")
before = refuses(ptr)
made.base.release()
print(before, refuses(ptr), made.shape)
"""
    done = run_python(NUMPY + code)
    assert (done.stdout, done.stderr) == ("True False (64,)\n", "")


@pytest.mark.skipif(not PYPY, reason="elsewhere a buffer keeps the ctypes object")
@pytest.mark.parametrize("wrap", [memoryview, pickle.PickleBuffer])
def test_pypy_buffer_of_a_ctypes_object_does_not_keep_the_object(wrap: Any) -> None:
    ptr = malloc(64)
    made = wrap((ctypes.c_char * 8).from_buffer(ptr.view()))
    collect_all()
    free(ptr)
    assert made is not None


def test_releasing_the_memoryview_of_a_ctypes_object_ends_its_pin() -> None:
    ptr = malloc(64)
    made = (ctypes.c_char * 8).from_buffer(ptr.view())
    collect_all()
    assert is_pinned(ptr)
    made._objects["ffffffff"].release()
    collect_all()
    free(ptr)
    assert len(made) == 8


def test_cffi_writes_to_read_only_views_unless_told_to_ask() -> None:
    with malloc(64) as ptr:
        view = ptr.view(writable=False)
        data = ffi.from_buffer(view)
        data[0] = b"\7"
        assert ptr.read(1) == b"\7"
        with pytest.raises((BufferError, TypeError)):
            ffi.from_buffer(view, require_writable=True)
        if PYPY:
            numbers = (ctypes.c_uint8 * 8).from_buffer(view)
            numbers[0] = 8
            assert ptr.read(1) == b"\10"
            del numbers
        else:
            with pytest.raises(TypeError, match="not writable"):
                (ctypes.c_uint8 * 8).from_buffer(view)
        del data, view
        collect_all()


def test_memory_that_a_buffered_reader_hands_out_is_pinned_only_for_the_call() -> None:
    kept = []

    class Keeps(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            kept.append(buffer)
            return len(buffer)

    ptr = malloc(64)
    with ptr.view() as view:
        assert io.BufferedReader(Keeps(), 16).readinto(view) == 64
    collect_all()
    free(ptr)
    assert kept
