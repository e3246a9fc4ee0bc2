# SPDX-License-Identifier: MIT
"""Pointers as objects: arithmetic, equality, text, classes, and the uses that are refused."""

import copy
import pickle
import re
import sys
import types
import typing
from typing import Any

import pytest

import pointers
from pointers import (
    AllocatedArrayPointer,
    AllocatedPointer,
    Arena,
    DereferenceError,
    FreedMemoryError,
    InvalidSizeError,
    Pointer,
    PointersError,
    StackAllocatedPointer,
    StackMemoryError,
    allocator,
    malloc,
    realloc,
)
from pointers._pointer import base


def test_arithmetic_counts_bytes_and_stays_inside_the_block() -> None:
    with malloc(64) as ptr:
        assert (ptr + 8).offset == (8 + ptr).offset == ptr[8].offset == 8
        assert (ptr + 8).address == ptr.address + 8
        assert (ptr + 8 - 8) == ptr
        assert (ptr + 40) - (ptr + 8) == 32
        assert (ptr + 8) - (ptr + 40) == -32
        assert (ptr + 64).offset == 64
        for outside in (-1, 65, 2**62, 2**64, -(2**64)):
            with pytest.raises(IndexError):
                ptr + outside
            with pytest.raises(IndexError):
                ptr[outside]
        with pytest.raises(IndexError):
            ptr - 1
        for wrong in (1.5, "1", None, ptr):
            with pytest.raises(TypeError):
                ptr + wrong  # type: ignore[operator]
        with malloc(8) as other, pytest.raises(ValueError, match="different blocks"):
            ptr - other


def test_assignment_to_an_item_stores_there() -> None:
    with malloc(100) as ptr:
        ptr[40] = "abc"
        ptr[0] <<= 5
        ptr[40] <<= "abd"
        assert (~ptr, ~ptr[40]) == (5, "abd")
        ptr[40] = ptr
        assert ~ptr[40] == 5


def test_equality_and_hash_go_by_place_and_outlive_realloc_and_free() -> None:
    with malloc(64) as ptr, malloc(64) as other:
        alias = ptr + 8 - 8
        seen = {ptr: 1}
        assert ptr == alias
        assert hash(ptr) == hash(alias)
        assert ptr != other
        assert ptr != ptr + 8
        assert ptr != 5
        realloc(ptr, 100_000)
        assert seen[alias] == 1
    assert seen[ptr] == 1
    assert ptr == alias


def test_str_is_the_value_and_repr_is_the_state() -> None:
    with malloc(64) as ptr:
        empty = rf"<AllocatedPointer at 0x{ptr.address:x}, 64 bytes, empty>"
        assert (repr(ptr), str(ptr)) == (empty, empty)
        ptr <<= "abc"
        assert str(ptr) == f"{ptr}" == "abc"
        assert repr(ptr) == f"<AllocatedPointer at 0x{ptr.address:x}, 64 bytes, assigned>"
        ptr.write(b"\xff" * 64)
        assert re.fullmatch("<AllocatedPointer at .*, empty>", str(ptr))
    assert repr(ptr) == str(ptr) == "<AllocatedPointer, freed>"


def test_str_never_raises() -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise KeyError("no")

        __repr__ = __str__

    with malloc(64) as ptr:
        ptr <<= Unprintable()
        assert str(ptr).startswith("<AllocatedPointer")
        ptr <<= [ptr]
        assert "AllocatedPointer" in str(ptr)


@pytest.mark.parametrize("action", [copy.copy, copy.deepcopy, pickle.dumps])
def test_pointers_cannot_be_copied(action: Any) -> None:
    with malloc(8) as ptr, pytest.raises(TypeError, match=r"copy or pickle .*PickleBuffer\(ptr"):
        action(ptr)


@pytest.mark.parametrize(
    "name", ["address", "size", "capacity", "alignment", "freed", "assigned", "offset", "allocator"]
)
def test_properties_are_read_only(name: str) -> None:
    with malloc(8) as ptr:
        before = getattr(ptr, name)
        with pytest.raises(AttributeError):
            setattr(ptr, name, 1)
        with pytest.raises(AttributeError):
            delattr(ptr, name)
        assert getattr(ptr, name) == before


def test_int_gives_the_address_but_a_pointer_is_no_index() -> None:
    with malloc(8) as ptr:
        assert int(ptr) == ptr.address
        assert bytes(ptr) == bytes(8)
        with pytest.raises(TypeError):
            range(ptr)  # type: ignore[call-overload]
        with pytest.raises(AttributeError):
            ptr.other = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [AllocatedPointer, Pointer, pointers.StackAllocatedPointer])
def test_pointer_classes_cannot_be_called(kind: Any) -> None:
    with pytest.raises(TypeError, match="malloc"):
        kind(1, 2)


def test_forged_private_state_reaches_no_memory() -> None:
    with malloc(28) as ptr:
        ptr <<= 1
        for block in (0, -1, 1, 2**62, ptr._block + (1 << 31), ptr._block + (1 << 40)):
            forged = base.new_stack(AllocatedPointer, block)
            with pytest.raises(FreedMemoryError):
                ~forged
            with pytest.raises(FreedMemoryError):
                forged.read(1)
            with pytest.raises(FreedMemoryError):
                forged.free()
        forged = base.new_alias(ptr, 20)
        with pytest.raises(InvalidSizeError):
            forged <<= 1
        assert ~ptr == 1


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (pointers.AllocationError, MemoryError),
        (pointers.InvalidSizeError, ValueError),
        (pointers.FreedMemoryError, ValueError),
        (pointers.DereferenceError, ValueError),
        (pointers.CorruptObjectError, DereferenceError),
        (StackMemoryError, ValueError),
        (pointers.StackExhaustedError, MemoryError),
    ],
)
def test_errors_are_pointers_errors_and_builtin_ones(
    error: "type[Exception]", base: "type[Exception]"
) -> None:
    assert issubclass(error, PointersError)
    assert issubclass(error, base)
    assert error.__module__ == "pointers"


def test_a_subscripted_class_has_its_origin() -> None:
    assert AllocatedPointer[int].__origin__ is AllocatedPointer


def test_the_class_of_a_pointer_cannot_be_changed() -> None:
    with malloc(28) as ptr:
        for kind in (StackAllocatedPointer, AllocatedArrayPointer):
            with pytest.raises((AttributeError, TypeError)):
                ptr.__class__ = kind  # type: ignore[assignment]
        assert type(ptr) is ptr.__class__ is AllocatedPointer


# Generic classes and annotations, which the package has without an import of typing


def test_an_import_does_not_import_typing(run_python: Any) -> None:
    code = "import sys; before = set(sys.modules); import pointers; print({*sys.modules} - before)"
    done = run_python(code)
    assert "'pointers._pointer.pointer'" in done.stdout, done.stderr
    assert "'typing'" not in done.stdout


def test_every_name_of_all_exists_and_says_its_module(run_python: Any) -> None:
    done = run_python("""
        import pointers
        assert set(pointers.__all__) <= set(dir(pointers))
        for name in pointers.__all__:
            value = getattr(pointers, name)
            if isinstance(value, type):
                assert value.__module__ == "pointers", name
        try:
            pointers.nothing
        except AttributeError as error:
            print(error)
    """)
    assert done.stdout == "module 'pointers' has no attribute 'nothing'\n", done.stderr


def test_classes_can_be_subscripted_and_derived_from() -> None:
    assert typing.get_origin(AllocatedPointer[int]) is AllocatedPointer
    assert typing.get_args(Pointer[int]) == (int,)

    class Mine(AllocatedPointer[int]):
        __slots__ = ()

    assert issubclass(Mine, AllocatedPointer)
    assert typing.get_origin(Mine[str]) is Mine


@pytest.mark.skipif(sys.version_info < (3, 10), reason="`int | None` cannot be evaluated")
@pytest.mark.parametrize("name", sorted(set(pointers.__all__) - {"__version__"}))
def test_annotations_can_be_evaluated(name: str) -> None:
    value = getattr(pointers, name)
    functions = vars(value).values() if isinstance(value, type) else [value]
    for function in functions:
        if isinstance(function, types.FunctionType):
            assert "return" in typing.get_type_hints(function) or not function.__annotations__


def test_a_default_allocator_may_be_nested() -> None:
    with Arena() as outer, Arena() as inner:
        default = allocator(outer)
        with default, allocator(inner), default as again:
            assert again is outer
            with malloc(8) as ptr:
                assert ptr.allocator is outer
        with malloc(8) as ptr:
            assert ptr.allocator is not outer
