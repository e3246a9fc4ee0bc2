# SPDX-License-Identifier: MIT
"""What pointers tell of themselves, compiled: as Python's functions tell it, in every case."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from pointers import (
    AllocatedArrayPointer,
    AllocatedPointer,
    FreedMemoryError,
    ReadOnlyError,
    System,
    calloc,
    free,
    malloc,
    realloc,
    stack_alloc,
)
from pointers._ffi import fast

pytestmark = pytest.mark.skipif(fast is None, reason="without the compiled path")


def test_a_pointer_to_an_object() -> None:
    ptr: AllocatedPointer[Any] = malloc(64).move(12345)
    address = ptr.address
    assert repr(ptr) == f"<AllocatedPointer at 0x{address:x}, 64 bytes, assigned>"
    assert (
        repr(ptr.readonly())
        == f"<AllocatedPointer at 0x{address:x}, 64 bytes, assigned, read-only>"
    )
    assert repr(ptr + 8) == f"<AllocatedPointer at 0x{address + 8:x}, 56 bytes, empty>"
    assert (int(ptr), int(ptr + 8)) == (address, address + 8)
    assert bytes(ptr) == ptr.read() and len(bytes(ptr + 60)) == 4
    assert ptr.assigned and not (ptr + 8).assigned
    assert ptr.allocator is System()
    ptr <<= [1]
    assert ptr.assigned and [*ptr] == [[1]]
    free(ptr)
    assert repr(ptr) == "<AllocatedPointer, freed>" and not ptr.assigned
    for ask in (int, bytes, lambda p: p.allocator):
        with pytest.raises(FreedMemoryError):
            ask(ptr)  # type: ignore[no-untyped-call]


def test_an_array_and_its_slots() -> None:
    array = calloc(4, 28)
    array[:] = [1, 2, 3, 4]
    slot = array[2]
    assert (len(array), array.count, array.slot_size, slot.slot_size) == (4, 4, 28, 28)
    assert (array.index, slot.index, (slot + 1).index) == (0, 2, 3)
    assert repr(slot) == f"<ArraySlotPointer at 0x{slot.address:x}, 28 bytes, assigned>"
    assert bytes(slot) == slot.read() and len(bytes(slot)) == 28
    realloc(array, 28)
    assert (len(array), array.count) == (1, 1)
    free(array)
    with pytest.raises(FreedMemoryError):
        len(array)
    with pytest.raises(FreedMemoryError):
        array.count
    empty = calloc(3, 0)
    assert (len(empty), empty.count, empty.slot_size) == (3, 3, 0)
    free(empty)


def test_distances() -> None:
    ptr, other, array = malloc(64), malloc(64), calloc(4, 16)
    assert ((ptr + 8) - ptr, ptr - (ptr + 8)) == (8, -8)
    assert (array[3] - array[1], array - array[3], array[3] - array) == (2, -3, 3)
    for a, b in ((ptr, other), (ptr, array), (array, ptr)):
        with pytest.raises(ValueError, match="different blocks"):
            a - b  # type: ignore[operator]
    for each in (ptr, other, array):
        free(each)
    assert ptr - ptr == 0  # freed or not


def test_subclasses_may_tell_otherwise() -> None:
    class Mine(AllocatedPointer[Any]):
        __slots__ = ()

        @property
        def address(self) -> int:
            return 5

        def read(self, n: int | None = None) -> bytes:
            return b"mine"

        def dereference(self) -> Any:
            raise FreedMemoryError

    assert fast is not None
    ptr = malloc(64).move(1)
    mine = fast.new_stack(Mine, ptr._block)
    assert (int(mine), bytes(mine), mine.assigned) == (5, b"mine", False)
    assert repr(mine) == "<Mine at 0x5, 64 bytes, empty>"
    free(ptr)


def test_slices_tell_of_their_part() -> None:
    ptr: AllocatedPointer[Any] = malloc(64).move(5)
    part = ptr.slice(0, 40)
    assert repr(part) == f"<SlicePointer at 0x{ptr.address:x}, 40 bytes, assigned>"
    assert (int(part), len(bytes(part)), part.assigned) == (ptr.address, 40, True)
    assert ((part + 8) - part, (part + 8) - ptr, [*part]) == (8, 8, [5])
    assert not ptr.slice(0, 8).assigned
    free(ptr)


def test_stack_memory_tells_the_same() -> None:
    @stack_alloc(64)
    def use(ptr: Any) -> Any:
        ptr <<= 5
        assert ptr.assigned and int(ptr) == ptr.address and [*ptr] == [5]
        return repr(ptr) == f"<StackAllocatedPointer at 0x{ptr.address:x}, 64 bytes, assigned>"

    assert use()


@pytest.mark.parametrize("name", ["N" * 500, "\u540d" * 20, ""])
def test_classes_may_have_any_name(name: str) -> None:
    ptr = malloc(64).move(5)
    before = AllocatedPointer.__name__
    AllocatedPointer.__name__ = name
    try:
        assert repr(ptr) == f"<{name} at 0x{ptr.address:x}, 64 bytes, assigned>"
    finally:
        AllocatedPointer.__name__ = before
    free(ptr)


def test_an_iterator_gives_its_object_once() -> None:
    ptr: AllocatedPointer[Any] = malloc(64).move([1])
    iterator = iter(ptr)
    assert next(iterator) is ~ptr
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(iterator)
    gone: weakref.ref[Any] = weakref.ref(held := {1})
    ptr <<= held
    held.add(iter(ptr))  # a circle
    del held
    free(ptr)
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    "wrong", ["p.__bytes__(1)", "p.__int__(1)", "a.__len__(1)", "a.__len__(x=1)"]
)
def test_arguments_are_refused(wrong: str) -> None:
    names = {"p": malloc(8), "a": calloc(1, 8)}
    with pytest.raises(TypeError):
        eval(wrong, names)
    free(names["p"])
    free(names["a"])


def test_no_memory(run_python: Any) -> None:
    pytest.importorskip("_testcapi")
    done = run_python(
        """
        import _testcapi
        from pointers import *

        ptr, array = malloc(64).move(12345), calloc(300, 28)
        array[:] = [7] * 300

        def slots(p):
            return array[10:40]

        def string(p):
            ptr.write_string("hello world")
            return ptr.string()
        for ask in (repr, bytes, int, lambda p: p.assigned, lambda p: [*p], slots, string):
            for target in (ptr, array):
                if ask.__name__ == "<lambda>" and target is array:
                    continue
                usual = ask(target)
                for n in range(12):
                    _testcapi.set_nomemory(n)
                    try:
                        found = ask(target)
                    except MemoryError:
                        found = usual
                    finally:
                        _testcapi.remove_mem_hooks()
                    assert found == usual, (ask, n)
        print(len(array), array.count)
        """,
        "-W",
        "ignore",
    )
    assert (done.returncode, done.stdout) == (0, "300 300\n"), done.stderr


def test_compiled_methods_have_the_texts_of_python() -> None:
    assert AllocatedArrayPointer.__len__.__doc__ == "Return how many slots the array has."


def test_slots_of_a_slice() -> None:
    array = calloc(5, 28)
    array[:] = range(5)
    for of in (array, array[3]):
        for key in (slice(None), slice(0, 5), slice(2, None), slice(None, 2), slice(5, 5)):
            slots = of[key]
            assert type(slots) is list
            assert [(slot.index, ~slot) for slot in slots] == [*zip(range(5), range(5))][key]
    assert [slot.index for slot in array[1:4:1]] == [1, 2, 3]
    for key, error in (
        (slice(0, 6), IndexError),
        (slice(3, 2), IndexError),
        (slice(-1, 2), IndexError),
        (slice(0, 4, 2), ValueError),
        (slice("a", 4), TypeError),
    ):
        with pytest.raises(error):
            array[key]
    assert all(slot.readonly() == slot for slot in array.readonly()[1:3])
    with pytest.raises(ReadOnlyError):
        array.readonly()[1:3][0].move(1)
    free(array)
    with pytest.raises(FreedMemoryError):
        array[0:2]
