# SPDX-License-Identifier: MIT
"""Arrays of NumPy that take their data from allocators: all the ways to make them."""

import gc
import io
import pickle
import weakref
from pathlib import Path
from typing import Any

import pytest
from _handlers import HEAD, MAKERS, live, make_source, name_of, np, taken
from _sanitized import ADDRESS_SANITIZER

from pointers import Allocator, Arena, Pool, numpy_allocator

__all__ = ["make_source"]


def test_data_comes_from_the_allocator(source: Allocator) -> None:
    before = source.stats()
    array = taken(source, lambda: np.arange(100.0))
    after = source.stats()
    assert after.current_blocks - before.current_blocks == 1
    assert after.current_bytes - before.current_bytes == 800 + HEAD
    assert name_of() == "default_allocator"
    assert array.sum() == 4950
    del array
    assert source.stats().current_bytes == before.current_bytes


def test_zeros_are_zero_in_memory_that_was_used(source: Allocator) -> None:
    for size in (1, 100, 1000, 8000):
        full = taken(source, lambda size=size: np.full(size, 7.5))
        del full
        assert not taken(source, lambda size=size: np.zeros(size)).any()


@pytest.mark.skipif(ADDRESS_SANITIZER, reason="a sanitizer fills the memory itself")
def test_large_zeros_touch_no_memory(run_python: Any) -> None:
    done = run_python(
        """
        import resource
        import numpy as np
        from pointers import Arena, System, numpy_allocator

        for source in (System(), Arena()):
            with numpy_allocator(source):
                array = np.zeros(1 << 30, "u1")
            array[1 << 29] = 1
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1 << 19  # KiB
        """,
        OPENBLAS_NUM_THREADS="1",
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shape", [(), 0, (0, 5), (3, 0, 7), 1])
def test_shapes_without_items(source: Allocator, shape: Any) -> None:
    before = live(source)
    for make in (np.empty, np.zeros):
        array = taken(source, lambda make=make: make(shape))
        assert array.shape == np.empty(shape).shape
        del array
        assert live(source) == before


def test_resize_in_and_outside_of_the_block(source: Allocator) -> None:
    array = np.arange(10.0)
    with numpy_allocator(source):
        ours = np.arange(10.0)
        ours.resize(1000)
        array.resize(1000)
    assert name_of(array) == "default_allocator"
    kept = 10
    for size in (2000, 3, 50):
        ours.resize(size)
        kept = min(kept, size)
        assert name_of(ours).startswith("pointers")
        assert ours[:kept].tolist() == list(range(kept))
        assert not ours[kept:].any()
    for size in (0, 50):
        ours.resize(size)
        assert not ours.any()


def test_views_keep_the_data(source: Allocator) -> None:
    before = live(source)
    array = taken(source, lambda: np.arange(24))
    view = array.reshape(4, 6)[1:3, ::2].T
    del array
    assert view.tolist() == [[6, 12], [8, 14], [10, 16]]
    assert live(source) == before + 1
    del view
    assert live(source) == before


def test_pickles(source: Allocator) -> None:
    array = taken(source, lambda: np.arange(50.0))
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        image = pickle.dumps(array, protocol)
        assert (pickle.loads(image) == array).all()
        if protocol < 5:
            assert (taken(source, lambda image=image: pickle.loads(image)) == array).all()
        with numpy_allocator(source):
            assert (pickle.loads(image) == array).all()  # from 5 on, over the bytes of the pickle
    assert name_of(pickle.loads(pickle.dumps(array, 4))) == "default_allocator"


def test_files(source: Allocator, tmp_path: Path) -> None:
    array = taken(source, lambda: np.arange(50.0))
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", array=array)
    array.tofile(tmp_path / "raw")
    np.savetxt(tmp_path / "text", array)
    for make in (
        lambda: np.load(tmp_path / "a.npy"),
        lambda: np.fromfile(tmp_path / "raw"),
        lambda: np.fromfile(tmp_path / "raw", count=1000),  # too many: the array is cut
    ):
        assert (taken(source, make) == array).all()
    with numpy_allocator(source), np.load(tmp_path / "a.npz") as archive:
        assert (archive["array"] == array).all()
    with numpy_allocator(source):
        assert (np.loadtxt(tmp_path / "text") == array).all()
        assert (np.load(io.BytesIO((tmp_path / "a.npy").read_bytes())) == array).all()
        mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert (mapped == array).all()


def test_objects(source: Allocator) -> None:
    class Thing:
        pass

    thing = Thing()
    ref = weakref.ref(thing)
    array = taken(source, lambda: np.array([ref(), "text", None, [1]], dtype=object))
    del thing
    assert ref() is array[0]
    array.resize(2)
    assert array[1] == "text"
    del array
    assert ref() is None


def make_in_many_ways() -> "list[Any]":
    made: list[Any] = [
        np.fromiter((i * 0.5 for i in range(1000)), float),
        np.concatenate([np.ones(3), np.zeros(4)]),
        np.sort(np.array([3, 1, 2] * 100), kind="stable"),
        np.unique([1, 2, 2, 3]),
        np.array(["a", "bcd"]),
        np.arange(12).reshape(3, 4).astype("f4"),
        np.linspace(0, 1, 50) ** 2,
        np.dot(np.eye(20), np.ones((20, 20))),
        np.rec.array([(1, 2.0), (3, 4.0)], dtype=[("a", "i1"), ("b", "f8")]),
        np.arange(10, dtype=np.longdouble) * 2,
        np.frombuffer(b"1234", "u1").copy(),
        np.pad(np.ones((2, 2)), 3),
    ]
    return [*made, np.lib.stride_tricks.sliding_window_view(made[0], 5).sum(axis=1)]


def test_other_ways_to_make_arrays(source: Allocator) -> None:
    expected = make_in_many_ways()  # first, since NumPy keeps some arrays of its own
    before = live(source)
    with numpy_allocator(source):
        made = make_in_many_ways()
    for one, other in zip(made, expected):
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()
    assert name_of(made[7]).startswith("pointers")
    del made, one
    gc.collect()
    assert live(source) == before


def test_no_memory_is_numpy_s_error() -> None:
    with numpy_allocator(Pool(1000)):
        np.empty(1000 - HEAD, "u1")
        for make in (np.empty, np.zeros):
            with pytest.raises(MemoryError, match="Unable to allocate"):
                make(1000 - HEAD + 1, "u1")
        array = np.ones(984, "u1")
        with pytest.raises(MemoryError):
            array.resize(985)
        assert array.sum() == 984
    for maker in MAKERS.values():
        with numpy_allocator(maker()), pytest.raises(MemoryError):
            np.empty(2**62, "u1")


def test_an_allocator_that_is_closed_inside_has_no_memory() -> None:
    arena = Arena()
    with numpy_allocator(arena):
        arena.close()
        with pytest.raises(MemoryError):
            np.empty(10)
    np.empty(10)
