# SPDX-License-Identifier: MIT
"""The state of compiled pointers cannot be forged from Python."""

import contextlib
import gc
import sys
import weakref
from typing import Any

import pytest

import pointers
from pointers import (
    AllocatedArrayPointer,
    AllocatedPointer,
    ArraySlotPointer,
    FreedMemoryError,
    InvalidSizeError,
    Pointer,
    StackAllocatedPointer,
    System,
    calloc,
    malloc,
)
from pointers._ffi import fast
from pointers._pointer.held import HeldObjects

pytestmark = pytest.mark.skipif(fast is None, reason="the fast path is off")

CYCLES = 100_000
CLASSES = [AllocatedPointer, AllocatedArrayPointer, ArraySlotPointer, StackAllocatedPointer]


def blocks() -> int:
    return System().stats().current_blocks


FIELDS = ("_block", "_offset", "_bound", "_root", "_owned", "_held", "_index", "_n_empty")


@pytest.mark.parametrize("name", FIELDS)
def test_fields_are_read_only(name: str) -> None:
    with malloc(64) as ptr, calloc(3, 28) as array:
        for one in (ptr, ptr + 3, array, array[1]):
            before = getattr(one, name)
            for value in (0, -1, None, 2**62, one):
                with pytest.raises(AttributeError):
                    setattr(one, name, value)
            with pytest.raises(AttributeError):
                delattr(one, name)
            with pytest.raises(AttributeError):
                object.__setattr__(one, name, 1)
            assert getattr(one, name) is before or getattr(one, name) == before


def test_pointers_made_without_a_block_reach_no_memory() -> None:
    for kind in (Pointer, fast.PointerBase, *CLASSES):
        bare: Any = object.__new__(kind)
        assert bare._block == 0
        for use in (
            lambda p: ~p,
            lambda p: p.__ilshift__(1),
            lambda p: p + 1,
            lambda p: p[0],
            lambda p: memoryview(p),
        ):
            if kind in (Pointer, fast.PointerBase):
                continue  # base classes, which lack these operators
            with pytest.raises((FreedMemoryError, TypeError, BufferError)):
                use(bare)
        del bare


def test_internal_functions_refuse_wrong_arguments() -> None:
    with malloc(64) as ptr:
        for wrong in (
            lambda: fast.new_owner(int, 1),
            lambda: fast.new_owner(5, 1),
            lambda: fast.new_owner(AllocatedPointer, "1"),
            lambda: fast.new_owner(AllocatedPointer, 2**70),
            lambda: fast.new_alias(5, 0),
            lambda: fast.new_alias(ptr, -1),
            lambda: fast.new_slot(AllocatedPointer, object(), 0),
            lambda: fast.new_array(AllocatedArrayPointer, 0, -1, 0),
            lambda: fast.new_slot(
                ArraySlotPointer, ptr, 2
            ),  # slots would have sys.maxsize bytes each
            lambda: fast.disown(5),
            lambda: fast.own_held(5, HeldObjects),
            lambda: fast.install(5),
            lambda: fast.is_direct(5),
            lambda: fast.is_direct(int),
            lambda: fast.StackFunction(-1, 16, print),
            lambda: fast.StackFunction(8, 0, print),
            lambda: fast.call_once(8, -1, print),
            lambda: fast.set_stack_needs(1, 1, 0),
        ):
            with pytest.raises((TypeError, ValueError, OverflowError)):
                wrong()
        fast.disown(ptr)  # is ignored while the block is live
        assert ptr._owned


def test_an_alias_far_beyond_the_block_reaches_no_memory() -> None:
    with malloc(64) as ptr:
        far = fast.new_alias(ptr, sys.maxsize)
        with pytest.raises(InvalidSizeError):
            far.move(1)
        with pytest.raises(pointers.DereferenceError):
            ~far
        with pytest.raises(IndexError):
            far + 1
        assert far.size == 0
        with pytest.raises(InvalidSizeError):
            far.read()
        assert memoryview(far).nbytes == 0


def test_a_changed_class_reaches_no_other_memory() -> None:
    with malloc(64) as ptr:
        for kind in CLASSES:
            alias: Any = ptr + 8
            with contextlib.suppress(TypeError):  # Python refuses most changes of a class
                alias.__class__ = kind
            for use in (
                lambda p: p.move(1),
                lambda p: ~p,
                lambda p: p + 1,
                lambda p: p[1],
                lambda p: p.tolist(),
                lambda p: list(p),
                lambda p: p.read(),
            ):
                with contextlib.suppress(TypeError, ValueError, IndexError, AttributeError):
                    use(alias)
                assert not ptr.freed
        ptr <<= "still here"
        assert ~ptr == "still here"


def test_subclasses_may_add_attributes_and_override_operators() -> None:
    class Mine(AllocatedPointer[Any]):
        extra = None

    class Adding(AllocatedPointer[Any]):
        __slots__ = ("note",)

        def __add__(self, n: int) -> Any:
            return "added"

    with malloc(64) as ptr:
        for kind in (Mine, Adding):
            mine = fast.new_stack(kind, ptr._block)
            mine <<= 5
            assert ~ptr == 5
            assert type(mine - 0) is kind
            setattr(mine, "extra" if kind is Mine else "note", [mine])
            reference = weakref.ref(mine)
            del mine
            gc.collect()
            assert reference() is None
        adding = fast.new_stack(Adding, ptr._block)
        assert adding + 1 == adding[1] == "added"


def test_the_operations_cannot_be_installed_twice() -> None:
    with pytest.raises(RuntimeError, match="has been installed"):
        fast.install({})


def test_installing_without_the_classes_of_pointers_is_refused(run_python: Any) -> None:
    done = run_python(
        """
    import sys, types
    # The package without the module that installs the fast path
    sys.modules["pointers._fast"] = types.ModuleType("pointers._fast")
    import pointers
    from pointers._ffi import fast
    one = {"AllocatedPointer": pointers.AllocatedPointer}
    for namespace in ({}, {"AllocatedPointer": int}, one):
        try:
            fast.install(namespace)
        except (LookupError, TypeError) as error:
            print(type(error).__name__, error)
    """
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "LookupError the fast path needs AllocatedPointer, which is not there"
    assert lines[1].startswith("TypeError AllocatedPointer must be a class of pointers")
    assert lines[2].startswith("LookupError the fast path needs AllocatedArrayPointer")
