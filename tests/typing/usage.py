# SPDX-License-Identifier: MIT
"""How the package looks to a type checker.  Checked by mypy --strict, never run."""

from typing import Any

from typing_extensions import assert_type

from pointers import (
    AllocatedArrayPointer,
    AllocatedPointer,
    ArraySlotPointer,
    StackAllocatedPointer,
    acquire_stack_alloc,
    calloc,
    free,
    malloc,
    memcpy,
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
    number <<= "text"  # type: ignore[arg-type]
    free(number)

    anything = malloc(28)
    anything <<= "text"
    assert_type(~anything, Any)
    with malloc(8) as managed:
        assert_type(managed, AllocatedPointer[Any])


def arrays() -> None:
    array: AllocatedArrayPointer[int] = calloc(4, 28)
    assert_type(array[0], ArraySlotPointer[int])
    assert_type(array[0:2], list[ArraySlotPointer[int]])
    assert_type(array.tolist(), list[int])
    for slot in array:
        slot <<= 1
        assert_type(~slot, int)
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
assert_type(at_once, float)
