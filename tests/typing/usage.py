# SPDX-License-Identifier: MIT
"""The types that users get.  mypy --strict and pyright check this file; no test runs it."""

import ctypes
from collections.abc import Callable
from typing import Any

from typing_extensions import assert_type

from pointers import (
    AdoptedPointer,
    AllocatedArrayPointer,
    AllocatedPointer,
    Arena,
    ArraySlotPointer,
    BlockInfo,
    Limit,
    Pointer,
    SlicePointer,
    StackAllocatedPointer,
    System,
    acquire_stack_alloc,
    calloc,
    free,
    from_address,
    live_blocks,
    malloc,
    memcpy,
    numpy_allocator,
    realloc,
    stack_alloc,
)


def pointers() -> None:
    number: AllocatedPointer[int] = malloc(28)
    number <<= 1
    number ^= 2
    assert_type(number, AllocatedPointer[int])
    assert_type(~number, int)
    assert_type(number + 4, AllocatedPointer[int])
    assert_type(number[4], AllocatedPointer[int])
    assert_type(number - number, int)
    assert_type(realloc(number, 32), AllocatedPointer[int])
    assert_type(memcpy(number, b"", 0), AllocatedPointer[int])
    assert_type(number.read(), bytes)
    number <<= "text"  # type: ignore[arg-type]  # pyright: ignore[reportOperatorIssue]
    free(number)

    anything = malloc(28)
    anything <<= "text"
    assert_type(~anything, Any)
    with malloc(8) as managed:
        assert_type(managed, AllocatedPointer[Any])


def allocators() -> None:
    with numpy_allocator(Arena()) as arena, numpy_allocator(arena, process_wide=True) as same:
        assert_type(arena, Arena)
        assert_type(same, Arena)
        assert_type([info.size for info in arena.blocks()], list[int])
    assert_type(next(live_blocks()), BlockInfo)
    budget = Limit(System(), 1 << 20)
    assert_type(budget.limit, int | None)
    budget.limit = 2 << 20
    with Arena(parent=budget, limit=1 << 16) as limited:
        assert_type(limited.release_unused(), int)
    numpy_allocator(5)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]


def arrays() -> None:
    array: AllocatedArrayPointer[int] = calloc(4, 28)
    assert_type(array[0], ArraySlotPointer[int])
    assert_type(array[0:2], list[ArraySlotPointer[int]])
    assert_type(array.tolist(), list[int])
    for slot in array:
        slot <<= 1
        assert_type(~slot, int)
    assert_type(array - array[1], int)
    place = array + 1
    place <<= 5
    assert_type(~place, int)
    assert_type(place.index, int)
    a_slot: ArraySlotPointer[int] = array + 1
    assert_type(~a_slot, int)
    moved = array
    moved += 1
    moved -= 1
    assert_type([~slot for slot in moved], list[int])
    array[0] = 5
    array[1:3] = [1, 2]
    assert_type(array.fill(5), AllocatedArrayPointer[int])


@stack_alloc(28)
def on_stack(ptr: StackAllocatedPointer[int], more: int) -> str:
    ptr <<= more
    return str(~ptr)


@acquire_stack_alloc(28)
def at_once(ptr: StackAllocatedPointer[int]) -> float:
    return ~ptr + 0.5


assert_type(on_stack(5), str)
assert_type(on_stack(more=5), str)
assert_type(at_once, float)
on_stack("5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
on_stack(5, 6)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
on_stack(malloc(28))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
assert_type(on_stack.__name__, str)


@stack_alloc(28, align=64)
def with_defaults(
    ptr: Pointer[int], /, a: int, *rest: str, b: float = 0.5, **others: bytes
) -> AllocatedPointer[int]:
    return malloc(a)


assert_type(with_defaults(1, "x", b=2.0, c=b""), AllocatedPointer[int])
with_defaults(1, 2)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@stack_alloc(28)
def of_anything(ptr: Any, more: int) -> int:
    return more


assert_type(of_anything(5), int)


assert_type(malloc(16).cast(ctypes.c_int), ctypes.c_int)
_numbers = malloc(16).cast(ctypes.c_int * 4)
_numbers[0] = 1
malloc(16).cast(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class Holder:
    @stack_alloc(28)
    def method(self, ptr: StackAllocatedPointer[int], more: int) -> str:
        return str(more)

    @stack_alloc(28)
    def empty(self, ptr: StackAllocatedPointer[int]) -> int:
        return 1

    @stack_alloc(28)
    def chained(self, ptr: StackAllocatedPointer[Any], *more: int) -> "Holder":
        return self

    def caller(self) -> str:
        return self.method(5)


assert_type(Holder().method(5), str)
assert_type(Holder().method(more=5), str)
assert_type(Holder.method(Holder(), 5), str)
assert_type(Holder().empty(), int)
assert_type(Holder().chained(1, 2).chained(), Holder)
Holder().method("5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Holder().method()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
callback: Callable[[int], str] = Holder().method
plain: Callable[[int], str] = on_stack


def no_pointer() -> None: ...


def too_many(ptr: StackAllocatedPointer[int], more: int) -> None: ...


stack_alloc(28)(no_pointer)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
acquire_stack_alloc(28)(too_many)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

# Memory of C
assert_type(from_address(1, 8), AdoptedPointer[Any])
assert_type(malloc(8).release(), int)
from_address("1", 8)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
assert_type(malloc(8).readonly(), AllocatedPointer[Any])
assert_type(malloc(8).slice(0, 4), SlicePointer[Any])
assert_type(calloc(2, 8)[1].slice(0, 4).slice(1, 1).read(), bytes)
