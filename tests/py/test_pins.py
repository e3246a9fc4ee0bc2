# SPDX-License-Identifier: MIT
"""Lent memory can neither be freed nor moved, whatever object was made of a view of it."""

from __future__ import annotations

import contextlib
import ctypes
import io
import pickle
import socket
import threading
import time
import warnings
from typing import Any, Callable

import cffi
import pytest
from _collecting import collect_all, settled_blocks
from _lending import PYPY, is_pinned

from pointers import (
    Arena,
    FreedMemoryError,
    Guard,
    Pool,
    System,
    calloc,
    free,
    malloc,
    realloc,
)
from pointers._ffi import fast

ffi = cffi.FFI()

np: Any = None
if not PYPY:  # PyPy's NumPy never ends an export: docs/limits.md
    with contextlib.suppress(ImportError):
        import numpy as np

MAKERS: dict[str, Callable[[Any], Any]] = {
    "view": lambda v: v,
    "view of a view": memoryview,
    "slice": lambda v: v[3:-3],
    "slice of no bytes": lambda v: v[:0],
    "steps": lambda v: v[::2],
    "cast": lambda v: v.cast("i")[1:],
    "read-only": lambda v: v.toreadonly(),
    "part of a part, in another format": lambda v: memoryview(v[8:40].cast("h"))[2:].toreadonly(),
    "PickleBuffer": pickle.PickleBuffer,
    "raw PickleBuffer": lambda v: pickle.PickleBuffer(v[:40]).raw(),
    "ctypes array": lambda v: (ctypes.c_int * 4).from_buffer(v),
    "item of a ctypes array": lambda v: (ctypes.c_int * 4 * 2).from_buffer(v, 8)[1],
    "cffi": ffi.from_buffer,
    "memoryview of cffi": lambda v: memoryview(ffi.buffer(ffi.from_buffer("short[]", v))),
}
if np is not None:
    MAKERS.update(
        {
            "frombuffer": lambda v: np.frombuffer(v, "i4"),
            "asarray": np.asarray,
            "ndarray": lambda v: np.ndarray((2, 4), "u1", v, 8),
            "part of an array": lambda v: np.asarray(v).reshape(8, 8)[1:, ::2].T,
            "memoryview of an array": lambda v: memoryview(np.frombuffer(v, "f8")),
            "item of records": lambda v: np.frombuffer(v, "i4,f4")[1:]["f1"],
        }
    )


LENT = ["view", "buffer"] if fast is not None else ["view"]


@pytest.fixture(autouse=True)
def _collects_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have refusals start no collection, which takes PyPy long; the tests collect themselves."""
    monkeypatch.setattr("pointers._collector._FUTILE_ROUNDS", 0)


@pytest.fixture(params=LENT)
def lend(request: Any) -> Callable[[Any], memoryview]:
    """Return a function that lends the memory of a pointer."""
    return memoryview if request.param == "buffer" else lambda ptr: ptr.view()


@pytest.fixture(params=list(MAKERS))
def make(request: Any) -> Callable[[memoryview], Any]:
    """Return a function that makes an object of a view."""
    return MAKERS[request.param]


def refused(operation: Callable[..., object], *arguments: Any) -> None:
    with pytest.raises(BufferError, match="in use by"):
        operation(*arguments)


def test_lent_memory_can_be_neither_freed_nor_moved(lend: Any, make: Any) -> None:
    arena, pool, guard = Arena(), Pool(64), Guard(quarantine=0)
    mark = arena.mark()
    array_ = calloc(4, 16)
    blocks = [arena.malloc(64), pool.malloc(64), guard.malloc(64), malloc(64), array_]
    made = [make(lend(ptr)) for ptr in blocks]
    collect_all()
    for ptr in (array_, blocks[3]):
        refused(realloc, ptr, 16)
        refused(realloc, ptr, 1 << 16)
        refused(free, ptr)
    refused(array_[0].free)
    refused((blocks[3] + 8 - 8).free)
    refused(arena.reset)
    refused(arena.rewind, mark)
    for source, ptr in zip((arena, pool, guard), blocks):
        refused(source.close)
        refused(ptr.free)
    assert not any(ptr.freed for ptr in blocks)
    made.clear()
    collect_all()
    realloc(blocks[3], 1 << 16)
    free(blocks[3])
    realloc(array_, 16)
    free(array_)
    arena.rewind(mark)
    for source in (arena, pool, guard):
        source.close()
    assert all(ptr.freed for ptr in blocks)


def check_empty(made: list[Any]) -> None:
    for one in made:
        with contextlib.suppress(TypeError):  # some of these objects are no buffers
            assert not any(bytes(memoryview(one)))


def test_lent_memory_outlives_its_pointer(lend: Any, make: Any) -> None:
    before = settled_blocks()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = [make(lend(malloc(64))), make(lend(calloc(4, 16)))]
        collect_all()
        assert System().stats().current_blocks == before + 2
        others = [malloc(64) for _ in range(8)]
        for other in others:
            other.write(b"\xff" * 64)
        for other in others:
            free(other)
        check_empty(made)
        made.clear()
        collect_all()
    assert System().stats().current_blocks == before


def test_an_object_made_of_a_view_keeps_the_pin_after_the_view_is_released(
    lend: Any, make: Any, request: pytest.FixtureRequest
) -> None:
    ptr = malloc(64)
    view = lend(ptr)
    made = make(view)
    name = request.node.callspec.params["make"]
    loose = PYPY and ("ctypes" in name or "cffi" in name)  # docs/limits.md
    with contextlib.suppress(BufferError):  # refused while the object holds a buffer of the view
        view.release()
    collect_all()
    if made is not view and not loose:
        refused(free, ptr)
    del made, view
    collect_all()
    free(ptr)


def test_memory_of_no_bytes_is_lent_and_pinned() -> None:
    for ptr in (malloc(0), calloc(0, 16), calloc(4, 0)):
        for make in (
            lambda v: v,
            memoryview,
            lambda v: (ctypes.c_char * 0).from_buffer(v),
            ffi.from_buffer,
            pickle.PickleBuffer,
        ):
            made = make(ptr.view())
            refused(free, ptr)
            del made
        collect_all()
        free(ptr)


def test_memory_is_pinned_while_a_call_waits_for_data() -> None:
    receiver, sender = socket.socketpair()

    def receive(take: Callable[[Any], Any], ptr: Any) -> None:
        receiver.recv_into(take(ptr))

    for take in (lambda p: p.view(), lambda p: p)[: 1 if fast is None else 2]:
        ptr = malloc(64)
        thread = threading.Thread(target=receive, args=(take, ptr), daemon=True)
        thread.start()
        deadline = time.monotonic() + 60
        while not is_pinned(ptr):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        refused(free, ptr)
        sender.send(b"data")
        thread.join()
        collect_all()
        assert ptr.read(4) == b"data"
        free(ptr)
    receiver.close()
    sender.close()


def test_an_out_of_band_pickle_keeps_the_memory_pinned() -> None:
    ptr = malloc(64)
    ptr.write(b"data")
    out: list[Any] = []
    pickled = pickle.dumps([pickle.PickleBuffer(ptr.view())], 5, buffer_callback=out.append)
    collect_all()
    refused(free, ptr)
    (loaded,) = pickle.loads(pickled, buffers=out)
    assert bytes(loaded)[:4] == b"data"
    out[0].release()
    out.clear()
    del loaded
    collect_all()
    free(ptr)
    with pytest.raises(FreedMemoryError):
        ptr.view()


def test_copying_from_a_view_leaves_no_pin() -> None:
    ptr = malloc(64)
    view = ptr.view()
    data = bytearray()
    data += view
    data[:64] = view
    text = b"".join([view, view]) + io.BytesIO(view).getvalue()
    view.release()
    del view
    collect_all()
    free(ptr)
    assert len(data) == 64
    assert len(text) == 192
