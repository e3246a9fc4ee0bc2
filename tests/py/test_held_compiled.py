# SPDX-License-Identifier: MIT
"""Held objects: many, stored in random order, and visible to the collector."""

import gc
import random
import sys
import weakref
from typing import Any

import pytest
from _collecting import CPYTHON, collect_all

from pointers import CorruptObjectError, calloc, free, malloc, memcpy, memset
from pointers._ffi import fast

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module", autouse=True)
def _collect() -> Any:
    """Collect the leaked pointers of this module, so that they do not warn in another module."""
    yield
    if not CPYTHON:
        collect_all()


# Bytes of a slot: just a header (16), and more
STRIDES = [16, 24, 28, 64, 1024]


class Thing:
    pass


def dead(refs: "list[Any]") -> bool:
    if not CPYTHON:
        collect_all()
    return all(ref() is None for ref in refs)


@pytest.mark.parametrize("seed", range(12))
def test_random_stores_hold_exactly_the_objects_whose_image_stands(seed: int) -> None:
    """Stores and writes at random offsets, which may overlap."""
    rng = random.Random(seed)
    size = 400
    ptr = malloc(size)
    model: dict[int, Any] = {}  # by offset
    images: dict[int, bytes] = {}

    def wipe(start: int, end: int) -> None:
        # A write of the same bytes destroys no image
        for offset in [at for at in model if at < end and at + 16 > start]:
            if (ptr + offset).read(16) != images[offset]:
                del model[offset]

    for step in range(600):
        at = rng.randrange(size - 64)
        act = rng.randrange(6)
        if act < 3:
            thing = Thing()
            (ptr + at).move(thing)
            wipe(at, at + 16)
            model[at], images[at] = thing, (ptr + at).read(16)
        elif act == 3:
            (ptr + at).move(step)
            wipe(at, at + 28)
        elif act == 4:
            n = rng.randrange(1, 64)
            memset(ptr + at, 255, n)
            wipe(at, at + n)
        else:
            n = rng.randrange(1, 64)
            (ptr + at).write(b"\xff" * n)
            wipe(at, at + n)
        assert len(ptr._held or ()) == len(model)
        if step % 20 == 0:
            for offset, thing in model.items():
                assert ~(ptr + offset) is thing
    refs = [weakref.ref(thing) for thing in model.values()]
    model.clear()
    del thing
    assert len(refs) == len(ptr._held or ())
    ptr.free()
    assert dead(refs)


@pytest.mark.parametrize("stride", STRIDES)
def test_an_array_of_a_thousand_objects_holds_and_releases_them(stride: int) -> None:
    count = 1000
    array = calloc(count, stride)
    for _ in range(3):
        things = [Thing() for _ in range(count)]
        refs = [weakref.ref(thing) for thing in things]
        array[:] = things
        assert all(a is b for a, b in zip(array.tolist(), things))
        assert len(array._held or ()) == count
        del things
    array[::] = [None] * count
    assert len(array._held or ()) == 0
    assert dead(refs)
    array.fill(refs)
    assert all(obj is refs for obj in array.tolist())
    n = sys.getrefcount(refs) if CPYTHON else 0
    memset(array, 0, stride * count // 2)
    if CPYTHON:
        assert n - sys.getrefcount(refs) == count // 2
    free(array)


def test_a_mixed_list_is_stored_completely_or_not_at_all() -> None:
    array = calloc(4, 64)
    thing, other = Thing(), Thing()
    array[:] = [1, thing, "text", other]
    n = sys.getrefcount(thing) if CPYTHON else 0
    with pytest.raises(ValueError, match="value 3, a str, takes 141 bytes"):
        array[:] = [thing, thing, thing, "x" * 100]
    assert array.tolist() == [1, thing, "text", other]
    assert len(array._held or ()) == 2
    if CPYTHON:
        assert sys.getrefcount(thing) == n
    array[:] = [array[1], [], thing, None]
    assert array.tolist() == [thing, [], thing, None]
    free(array)


def test_a_key_that_was_copied_as_bytes_is_no_object() -> None:
    p, q = malloc(64), malloc(64)
    thing = Thing()
    p <<= thing
    memcpy(q, p, 16)
    memcpy(p + 32, p, 16)
    for place in (q, p + 32):
        with pytest.raises(CorruptObjectError, match="copied or made up as raw bytes"):
            ~place
    image = p.read(16)
    p <<= None
    p.write(image)
    with pytest.raises(CorruptObjectError):
        ~p
    q <<= Thing()
    with pytest.raises(CorruptObjectError):
        ~(q.write(image), q)[1]
    p.free()
    q.free()


def test_the_collector_sees_held_objects() -> None:
    refs = []
    for n in (1, 3, 4, 5, 100):
        array = calloc(n, 16)
        for slot in array:
            thing: Any = Thing()
            thing.array = array
            refs.append(weakref.ref(thing))
            slot <<= thing
        if fast is not None:
            assert [type(each) for each in gc.get_referents(array._held)].count(Thing) == n
        del array, slot, thing
    for _ in range(3):
        gc.collect()
    assert dead(refs)


def test_a_long_chain_of_blocks_is_freed_without_recursion() -> None:
    last = malloc(16)
    last <<= None
    for _ in range(50_000):
        ptr = malloc(16)
        ptr.move([last])
        last = ptr
    del ptr, last
    gc.collect()


class Acts:
    """An object whose finalizer calls a function."""

    def __init__(self, act: Any) -> None:
        self.act = act

    def __del__(self) -> None:
        self.act()


@pytest.mark.skipif(not CPYTHON, reason="finalizers run later without reference counts")
@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 200])
def test_finalizers_may_use_the_block_that_releases_their_objects(count: int) -> None:
    """While many objects are released, a finalizer stores, overwrites or frees the block."""
    array = calloc(count, 16)
    done: list[Any] = []
    for act in (
        lambda: array[len(done) % count].move(Thing()) and done.append(0),
        lambda: done.append(memset(array, 255, 16)),
        lambda: done.append([slot for slot in array if slot.assigned]),
        lambda: done.append(array[:].__len__()),
        lambda: done.append(array.freed or array.free()),
    ):
        done.clear()
        array[:] = [Acts(act) for _ in range(count)]
        memset(array, 0, 16 * count)
        assert len(done) == count
        assert array.freed or len(array._held or ()) == sum(
            type(slot.assigned and ~slot) is Thing for slot in array
        )
    assert array.freed


@pytest.mark.skipif(not CPYTHON, reason="finalizers run later without reference counts")
def test_a_finalizer_may_store_into_or_free_the_block_that_releases_its_object() -> None:
    done: list[int] = []
    ptr = malloc(64)

    def store() -> None:
        with pytest.raises(ValueError, match="freed"):
            ptr.move([])
        done.append(1)

    ptr <<= Acts(store)
    ptr.free()
    assert done == [1]
    other = malloc(64)
    other <<= Acts(lambda: other.free())
    other <<= [1]  # the old object's finalizer frees the block after the store
    assert other.freed


def test_an_object_that_claims_to_be_a_pointer_is_dereferenced() -> None:
    from pointers import Pointer

    class Liar:
        @property
        def __class__(self) -> Any:
            return Pointer

        def dereference(self) -> str:
            return "lied"

    class Broken:
        @property
        def __class__(self) -> Any:
            raise KeyError("class")

    with malloc(64) as ptr:
        ptr <<= Liar()  # type: ignore[misc]
        assert ~ptr == "lied"
        with pytest.raises(KeyError):
            ptr <<= Broken()
        assert ~ptr == "lied"
    array = calloc(3, 64)
    array[:] = [Thing, Liar(), 3]
    assert array.tolist() == [Thing, "lied", 3]
    with pytest.raises(KeyError):
        array[:] = [Thing, Broken(), 3]
    assert array.tolist() == [Thing, "lied", 3]
    array.free()


def test_subclasses_of_values_are_held() -> None:
    class Number(int):
        pass

    class Text(str):
        __slots__ = ()

    with malloc(64) as ptr:
        for value in (Number(5), Text("text"), int, ..., NotImplemented, {}, len):
            ptr <<= value
            assert ~ptr is value
            (ptr + 16)[0] = value
            assert ~(ptr + 16) is value


def test_a_store_that_does_not_fit_holds_nothing() -> None:
    thing = Thing()
    ref = weakref.ref(thing)
    with malloc(20) as ptr, calloc(2, 8) as array:
        for place in (ptr + 5, array[0]):
            with pytest.raises(ValueError, match="Thing object takes 16 bytes"):
                place.move(thing)
            assert len(place._root._held or ()) == 0
        with pytest.raises(ValueError, match="takes 16 bytes, but a slot has 8"):
            array[:] = [thing, thing]
        ptr <<= [1]
        ptr.realloc(100)
        (ptr + 84).move(thing)
        ptr.realloc(16)
        assert ~ptr == [1]
        del thing, place
        assert dead([ref])
