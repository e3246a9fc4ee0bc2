# SPDX-License-Identifier: MIT
"""Neither a read-only pointer, nor any alias or view of it, can change the memory."""

import copy
import ctypes
import gc
from typing import Any, Callable

import pytest

import pointers
from pointers import (
    FreedMemoryError,
    InvalidSizeError,
    PointersError,
    ReadOnlyError,
    acquire_stack_alloc,
    calloc,
    free,
    from_address,
    malloc,
    memcmp,
    memcpy,
    memmove,
    memset,
    realloc,
)

BUFFER = (ctypes.c_char * 96)()

MAKERS: "dict[str, Callable[[], Any]]" = {
    "block": lambda: malloc(96).move("stored"),
    "array": lambda: calloc(2, 48).fill("stored"),
    "adopted": lambda: from_address(ctypes.addressof(BUFFER), 96).move("stored"),
}

# Ways to get an alias of a read-only pointer
ALIASES: "dict[str, Callable[[Any], Any]]" = {
    "itself": lambda r: r,
    "readonly of it": lambda r: r.readonly(),
    "a step and back": lambda r: (r + 1) - 1,
    "no bytes on": lambda r: r + 0,
    "item 0": lambda r: r[0],
    "from the right": lambda r: 0 + r,
}

CHANGES: "dict[str, Callable[[Any], Any]]" = {
    "move": lambda r: r.move(None),
    "move of an object": lambda r: r.move([]),
    "move of a pointer": lambda r: r.move(r),
    "<<=": lambda r: r.__ilshift__(1),
    "^=": lambda r: r.__ixor__(1),
    "move, unsafe": lambda r: r.move(1, unsafe=True),
    "item": lambda r: r.__setitem__(0, None),
    "write": lambda r: r.write(b"x"),
    "write nothing": lambda r: r.write(b""),
    "write_string": lambda r: r.write_string("x"),
    "memset": lambda r: memset(r, 0, 1),
    "memcpy": lambda r: memcpy(r, b"x", 1),
    "memcpy of a pointer": lambda r: memcpy(r, malloc_once(), 1),
    "memmove": lambda r: memmove(r, r + 0, 1),
    "free": lambda r: free(r),
    "free()": lambda r: r.free(),
    "realloc": lambda r: realloc(r, 96),
    "realloc()": lambda r: r.realloc(96),
    "release": lambda r: r.release(),
    "with": lambda r: r.__enter__(),
    "cast": lambda r: r.cast(ctypes.c_int),
    "argument": lambda r: r._as_parameter_,
}

OTHER = malloc(8)


def malloc_once() -> Any:
    return OTHER


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", MAKERS)
def test_no_operation_changes_the_memory(kind: str, change: str) -> None:
    ptr = MAKERS[kind]()
    before, address = ptr.read(), ptr.address
    for name, make in ALIASES.items():
        alias = make(ptr.readonly())
        # Adopted memory cannot be resized at all, and realloc may say that instead
        refused = kind == "adopted" and "realloc" in change
        with pytest.raises((ReadOnlyError, ValueError) if refused else ReadOnlyError):
            CHANGES[change](alias)
        assert (ptr.read(), ptr.address, ~ptr) == (before, address, "stored"), name
        del alias
    free(ptr)


def test_slots_of_a_read_only_array_can_be_loaded_and_not_stored() -> None:
    with calloc(3, 28).fill(7) as array:
        view = array.readonly()
        assert view.tolist() == [7, 7, 7]
        assert (len(view), view.count, view.slot_size, ~view) == (3, 3, 28, 7)
        assert view == array
        changes: list[Callable[[], Any]] = [
            lambda: view.fill(1),
            lambda: view.__setitem__(slice(0, 3), [1, 2, 3]),
            lambda: view.__setitem__(slice(0, 0), []),
            lambda: view.__setitem__(1, 1),
            *(lambda slot=slot: slot.move(1) for slot in view),  # type: ignore[misc]
            *(lambda slot=slot: slot.move(1) for slot in view[1:]),  # type: ignore[misc]
            lambda: (view + 2).move(1),
            lambda: (view + 2 - 2).fill(1),
            lambda: (view[2] - 2).move(1),
        ]
        for change in changes:
            with pytest.raises(ReadOnlyError):
                change()
        back = view + 1 - 1
        assert type(back) is type(array)
        assert len(back) == 3
        assert array.tolist() == [7, 7, 7]


def test_an_augmented_assignment_is_refused() -> None:
    with calloc(2, 28).fill(7) as array:
        slots = array.readonly()
        with pytest.raises(ReadOnlyError):
            slots[0] <<= 1
        alias = array[1].readonly()
        with pytest.raises(ReadOnlyError):
            alias <<= 1
        assert array.tolist() == [7, 7]


def test_stores_by_the_writable_pointer_are_seen() -> None:
    with malloc(64) as ptr, malloc(64) as other:
        seen = ptr.readonly()
        ptr <<= "first"
        assert ~seen == "first"
        ptr <<= ["an object"]
        assert ~seen is ~ptr
        assert [*seen] == [["an object"]]
        realloc(ptr, 200)
        assert seen.size == 200
        ptr.write_string("text")
        assert seen.string() == "text"
        assert memcmp(seen, ptr, 200) == 0
        memcpy(other, seen, 64)
        assert other.read() == seen.read(64)
        other <<= 5
        assert seen.address == ptr.address
    assert seen.freed
    with pytest.raises(FreedMemoryError):
        ~seen


@pytest.mark.parametrize("kind", MAKERS)
def test_a_dead_pointer_has_no_read_only_alias(kind: str) -> None:
    ptr = MAKERS[kind]()
    dead = [ptr, ptr + 0, ptr + 1, ptr.readonly(), ptr.slice(0, 8), ptr.readonly().slice(0, 8) + 1]
    free(ptr)
    for pointer in dead:
        for make in (lambda p: p.readonly(), lambda p: p + 0, lambda p: p.slice(0, 0)):
            with pytest.raises(FreedMemoryError):
                make(pointer)


def test_a_slice_that_was_cut_has_no_read_only_alias() -> None:
    with malloc(64) as ptr:
        part = ptr.slice(8, 16)
        realloc(ptr, 20)
        with pytest.raises(InvalidSizeError):
            part.readonly()
        realloc(ptr, 24)
        assert part.readonly().size == 16


def test_views_are_read_only() -> None:
    with malloc(64) as ptr:
        seen = ptr.readonly()
        for view in (seen.view(), seen.view("i"), seen.view("B", True), seen.view(writable=False)):
            assert view.readonly
            with pytest.raises(TypeError):
                view[0] = 1
            view.release()
        view = ptr.view()
        assert not view.readonly
        view.release()
        del view
        gc.collect()


def test_stack_memory_can_be_read_only() -> None:
    def use(ptr: Any) -> None:
        ptr <<= 5
        seen = ptr.readonly()
        assert ~seen == 5
        for change in ("move", "write_string"):
            with pytest.raises(ReadOnlyError):
                getattr(seen, change)("x")
        with pytest.raises(ReadOnlyError):
            _ = seen._as_parameter_

    acquire_stack_alloc(64)(use)


def test_a_read_only_pointer_equals_its_origin_and_says_read_only() -> None:
    with malloc(64) as ptr:
        seen = ptr.readonly()
        assert seen == ptr
        assert hash(seen) == hash(ptr)
        assert repr(seen).endswith("64 bytes, empty, read-only>")
        assert type(seen) is type(ptr)
        with pytest.raises(AttributeError):
            seen.readonly = False  # type: ignore[method-assign,assignment]
        with pytest.raises(TypeError):
            copy.copy(seen)
    assert issubclass(ReadOnlyError, PointersError)
    assert issubclass(ReadOnlyError, TypeError)
    assert repr(seen) == "<AllocatedPointer, freed>"


def test_a_read_only_pointer_keeps_the_block_alive() -> None:
    def make() -> Any:
        return malloc(64).move("kept").readonly()

    seen = make()
    gc.collect()
    assert ~seen == "kept"
    assert not seen.freed
    kept = [seen]
    del seen

    def drop() -> None:
        kept.clear()
        for _ in range(3):
            gc.collect()

    with pytest.warns(ResourceWarning, match="dropped without free"):
        drop()


@pytest.mark.skipif(pointers._ffi.fast is None, reason="the fast path is off")
def test_a_read_only_pointer_cannot_be_made_writable() -> None:
    with malloc(64) as ptr:
        seen: Any = ptr.readonly()
        with pytest.raises(AttributeError):
            seen._readonly = False
        with pytest.raises(TypeError):
            pointers._ffi.fast.new_readonly(5)
