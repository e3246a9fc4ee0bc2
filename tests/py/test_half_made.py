# SPDX-License-Identifier: MIT
"""Pointers and allocators made by object.__new__: without a block or memory, they refuse all."""

import copy
import ctypes
import pickle
from typing import Any, Callable

import pytest

import pointers
from pointers import (
    AdoptedPointer,
    AllocatedArrayPointer,
    AllocatedPointer,
    Allocator,
    Arena,
    ArraySlotPointer,
    Foreign,
    FreedMemoryError,
    Guard,
    Pointer,
    Pool,
    SlicePointer,
    StackAllocatedPointer,
    StackMemoryError,
    System,
    calloc,
    free,
    malloc,
    memcmp,
    memcpy,
    memmove,
    memset,
    realloc,
    sizeof,
)

POINTERS = [
    AdoptedPointer,
    AllocatedPointer,
    AllocatedArrayPointer,
    ArraySlotPointer,
    SlicePointer,
    StackAllocatedPointer,
]
ALLOCATORS = [Allocator, Arena, Foreign, Guard, Pool, System]
MAKERS: dict[str, Callable[[Any], Any]] = {
    "object": object.__new__,
    "class": lambda kind: kind.__new__(kind),
}


def store_elsewhere(ptr: Any) -> None:
    with malloc(28) as other:
        other.move(ptr)


# Every operation of a pointer: each refuses a pointer without a block
REFUSED: dict[str, Callable[[Any], Any]] = {
    "store": lambda p: p.move(1),
    "store a held object": lambda p: p.move([]),
    "store unsafely": lambda p: p.__ixor__(1),
    "store a held object unsafely": lambda p: p.__ixor__([]),
    "load": lambda p: ~p,
    "size": lambda p: p.size,
    "capacity": lambda p: p.capacity,
    "address": lambda p: p.address,
    "alignment": lambda p: p.alignment,
    "int": int,
    "bytes": bytes,
    "read": lambda p: p.read(),
    "write": lambda p: p.write(b"1"),
    "view": lambda p: p.view(),
    "add": lambda p: p + 0,
    "add from the right": lambda p: 1 + p,
    "subtract": lambda p: p - 0,
    "item": lambda p: p[0],
    "store an item": lambda p: p.__setitem__(0, 1),
    "unpack": lambda p: [*p],
    "slice": lambda p: p.slice(0, 0),
    "readonly": lambda p: p.readonly(),
    "argument": lambda p: p._as_parameter_,
    "cast": lambda p: p.cast(ctypes.c_char),
    "text of C": lambda p: p.string(),
    "store the pointer elsewhere": store_elsewhere,
    "memcpy": lambda p: memcpy(p, b"1", 1),
    "memmove": lambda p: memmove(p, p, 1),
    "memset": lambda p: memset(p, 0, 1),
    "memcmp": lambda p: memcmp(p, b"1", 1),
    "memcmp from the right": lambda p: memcmp(b"1", p, 1),
}
REFUSED_BY_HEAPS: dict[str, Callable[[Any], Any]] = {
    "free": free,
    "free by method": lambda p: p.free(),
    "realloc": lambda p: realloc(p, 100),
    "allocator": lambda p: p.allocator,
    "enter": lambda p: p.__enter__(),
}
REFUSED_BY_ARRAYS: dict[str, Callable[[Any], Any]] = {
    "count": lambda p: p.count,
    "len": len,
    "slots": lambda p: p[0:1],
    "store slots": lambda p: p.__setitem__(slice(0, 1), [1]),
    "fill": lambda p: p.fill(1),
    "tolist": lambda p: p.tolist(),
    "iterate": lambda p: list(iter(p)),
}


@pytest.mark.parametrize("how", MAKERS)
@pytest.mark.parametrize("kind", POINTERS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::ResourceWarning")
def test_a_pointer_without_a_block_refuses_every_operation(kind: type, how: str) -> None:
    refused = dict(REFUSED)
    if kind not in (SlicePointer, StackAllocatedPointer):
        refused.update(REFUSED_BY_HEAPS)
    if kind is AllocatedArrayPointer:
        refused.update(REFUSED_BY_ARRAYS)
    for name, operation in refused.items():
        ptr = MAKERS[how](kind)
        expected = TypeError if name == "memcmp from the right" else FreedMemoryError
        with pytest.raises(expected):
            operation(ptr)
    ptr = MAKERS[how](kind)
    assert repr(ptr) == str(ptr) == f"<{kind.__name__}, freed>"
    assert (ptr.freed, ptr.assigned, ptr.offset, sizeof(ptr)) == (True, False, 0, 16)
    assert ptr == MAKERS[how](kind)
    assert hash(ptr) == hash(MAKERS[how](kind))
    with malloc(8) as other:
        assert ptr != other
        with pytest.raises(ValueError, match="different blocks"):
            other - ptr
    with calloc(2, 28) as array, pytest.raises(FreedMemoryError):
        array[:] = [1, ptr]
    for operation in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot copy or pickle"):
            operation(ptr)
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        ptr.nothing_of_this_name


@pytest.mark.parametrize("how", MAKERS)
def test_a_stack_pointer_without_a_block_cannot_be_freed(how: str) -> None:
    with pytest.raises(StackMemoryError):
        free(MAKERS[how](StackAllocatedPointer))
    with pytest.raises(StackMemoryError):
        realloc(MAKERS[how](StackAllocatedPointer), 100)


@pytest.mark.parametrize("kind", [Pointer, pointers._pointer.heap.HeapPointer])
def test_instances_of_base_classes_have_no_arithmetic(kind: type) -> None:
    ptr = kind.__new__(kind)
    for operation in (lambda: ptr + 1, lambda: 1 + ptr, lambda: ptr - 1, lambda: ptr[0]):
        with pytest.raises(TypeError):
            operation()


@pytest.mark.parametrize("kind", ALLOCATORS)
def test_an_allocator_whose_init_never_ran_refuses_every_operation(kind: type) -> None:
    source = object.__new__(kind)
    assert repr(source) == f"<{kind.__name__} allocator, never made>"
    for operation in (
        lambda: source.malloc(1),
        lambda: source.calloc(1, 1),
        lambda: malloc(1, allocator=source),
        lambda: calloc(1, 1, allocator=source),
        lambda: source.stats(),
        lambda: source.closed,
        lambda: source.close(),
        lambda: source.__enter__(),
        lambda: source.__exit__(None, None, None),
        lambda: Arena(parent=source),
        lambda: Pool(8, parent=source),
    ):
        with pytest.raises(ValueError, match=r"never made|cannot be closed"):
            operation()


def test_operations_of_single_allocators_refuse_one_whose_init_never_ran() -> None:
    for operation in (
        lambda: object.__new__(Arena).reset(),
        lambda: object.__new__(Arena).mark(),
        lambda: object.__new__(Arena).rewind(1),
        lambda: object.__new__(Pool).block_size,
        lambda: object.__new__(Guard).info(),
    ):
        with pytest.raises(ValueError, match="never made"):
            operation()
