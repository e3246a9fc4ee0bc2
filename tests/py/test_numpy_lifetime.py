# SPDX-License-Identifier: MIT
"""Arrays on allocators in threads, children and exits, and the allocators that they keep."""

import contextvars
import os
import threading
import weakref
from typing import Any

import pytest
from _handlers import HEAD, live, make_source, name_of, np, taken

from pointers import Allocator, Arena, System, numpy_allocator

__all__ = ["make_source"]


def test_arrays_outlive_block_and_object() -> None:
    before = System().stats().current_blocks
    source = Arena()
    ref = weakref.ref(source)
    with numpy_allocator(source):
        array = np.arange(1000)
    del source
    assert ref() is None
    assert array.sum() == 499500
    del array
    assert System().stats().current_blocks == before


def test_an_allocator_that_has_arrays_is_not_closed(source: Allocator) -> None:
    if isinstance(source, System):
        pytest.skip("it is never closed")
    array = taken(source, lambda: np.arange(10))
    with pytest.raises(BufferError, match="delete the arrays"):
        source.close()
    if isinstance(source, Arena):
        mark = source.mark()
        with pytest.raises(BufferError):
            source.reset()
        with pytest.raises(BufferError):
            source.rewind(mark)
    assert not source.closed
    assert array.sum() == 45
    del array
    source.close()
    with pytest.raises(ValueError, match="closed"), numpy_allocator(source):
        pass


def test_an_exception_passes_an_allocator_that_has_arrays(source: Allocator) -> None:
    if isinstance(source, System):
        pytest.skip("it is never closed")
    kept = []

    def fail() -> None:
        with source, numpy_allocator(source):
            kept.append(np.arange(10.0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert source.closed
    assert kept[0].sum() == 45
    with pytest.raises(MemoryError):
        kept[0].resize(20)
    kept[0].resize(5)
    assert kept[0].sum() == 10
    kept.clear()
    assert live(source) == 0


def test_threads_make_and_free_arrays_at_once(source: Allocator) -> None:
    before = live(source)
    wrong = []
    exchanged: list[Any] = []

    def work(number: int) -> None:
        with numpy_allocator(source):
            for i in range(200):
                array = np.full(1 + i % 50, number, "i4")
                array.resize(array.size * 2, refcheck=False)
                exchanged.append(array)
                got = exchanged.pop(0)
                half = got[: got.size // 2]
                if half.size and (half != half[0]).any():
                    wrong.append(got)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    exchanged.clear()
    assert live(source) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_of_a_fork_has_the_arrays(source: Allocator) -> None:
    array = taken(source, lambda: np.arange(100))
    child = os.fork()
    if not child:
        status = 1
        try:
            with numpy_allocator(source):
                status = int(np.concatenate([array, np.ones(3, int)]).sum() != 4953)
            array.resize(5, refcheck=False)
            del array
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert array.sum() == 4950


GUARDED = """
    import ctypes, sys
    import numpy as np
    from pointers import Guard, numpy_allocator, report_faults

    report_faults()
    with numpy_allocator(Guard(underflow={underflow})):
        array = np.zeros({size}, "{kind}")
    ctypes.memset(array.ctypes.data, 1, array.nbytes)
    print(array[-1], flush=True)
    ctypes.memset(array.ctypes.data + ({offset}), 1, 1)
"""


@pytest.mark.parametrize(
    ("size", "kind", "underflow", "offset"),
    [(5, "u1", False, 5), (3, "f8", False, 24), (16, "u1", True, -17), (7, "i2", False, 14)],
)
def test_code_that_leaves_a_guarded_array_dies(
    run_python: Any, size: int, kind: str, underflow: bool, offset: int
) -> None:
    done = run_python(
        GUARDED.format(size=size, kind=kind, underflow=underflow, offset=offset),
        OPENBLAS_NUM_THREADS="1",
    )
    assert done.returncode < 0, done
    assert done.stdout
    assert f"block of {array_bytes(size, kind) + HEAD} bytes" in done.stderr


def array_bytes(size: int, kind: str) -> int:
    return int(np.dtype(kind).itemsize) * size


@pytest.mark.parametrize("fast", ["0", "1"])
def test_arrays_that_live_at_the_end_of_the_program(run_python: Any, fast: str) -> None:
    done = run_python(
        """
        import numpy as np
        from pointers import Arena, Guard, Pool, numpy_allocator

        arrays, blocks = [], []
        for source in (Arena(), Guard(), Pool(4096)):
            block = numpy_allocator(source)
            block.__enter__()
            blocks.append(block)
            arrays += [np.arange(10), np.array([arrays], dtype=object)]
        cycle = np.empty(1, object)
        cycle[0] = cycle
        """,
        "-X",
        "dev",
        POINTERS_FAST=fast,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_blocks_that_never_end_are_no_burden() -> None:
    arena = Arena()

    def enter() -> None:
        for _ in range(20000):
            numpy_allocator(arena).__enter__()
        assert name_of(np.ones(3)) == "pointers arena"

    contextvars.Context().run(enter)
    arena.close()
