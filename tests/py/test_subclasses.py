# SPDX-License-Identifier: MIT
"""Users' classes that are derived from pointers: their leaked blocks are freed, with a warning."""

import sys
import warnings
from typing import Any, Callable

import pytest
from _collecting import collect_all, settled_blocks

from pointers import (
    AllocatedArrayPointer,
    AllocatedPointer,
    ArraySlotPointer,
    StackAllocatedPointer,
    System,
    acquire_stack_alloc,
    calloc,
    free,
    malloc,
)
from pointers._ffi import fast, lib
from pointers._pointer.base import new_array, new_owner

PYPY = sys.implementation.name == "pypy"
CLASSES = [AllocatedPointer, AllocatedArrayPointer, ArraySlotPointer, StackAllocatedPointer]


class Plain(AllocatedPointer[Any]):
    __slots__ = ()


class Forgetful(AllocatedPointer[Any]):
    __slots__ = ()

    def __del__(self) -> None:
        pass


class ForgetfulArray(AllocatedArrayPointer[Any]):
    note = None  # without __slots__, instances have a dict

    def __del__(self) -> None:
        pass


class Mixin:
    def __del__(self) -> None:
        pass


class Mixed(Mixin, AllocatedPointer[Any]):
    pass


class Dutiful(AllocatedPointer[Any]):
    def __del__(self) -> None:
        getattr(super(), "__del__", int)()


def new_block(size: int = 100) -> int:
    return int(lib.ptrs_access_new_block(lib.ptrs_system_allocator(), size, lib.PTRS_ALIGN_DEFAULT))


def make(kind: Any) -> Any:
    if issubclass(kind, AllocatedArrayPointer):
        return new_array(kind, new_block(), 50, 2)
    return new_owner(kind, new_block())


def dropped(drop: "Callable[[], None]") -> "list[str]":
    """Return the warnings of the pointers that a call leaks, and check that no block is left."""
    before = settled_blocks()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        drop()
        collect_all(rounds=2)
        messages = [str(warning.message) for warning in caught]
    caught.clear()  # warnings keep their pointers alive
    collect_all(rounds=2)
    assert System().stats().current_blocks == before
    return messages


KINDS = [Plain, Forgetful, ForgetfulArray, Mixed, Dutiful]


@pytest.mark.parametrize("kind", KINDS)
def test_a_leaked_block_warns_and_is_freed_whatever_del_does(kind: Any) -> None:
    message = f"{kind.__name__} to 100 bytes was dropped without free()"
    assert dropped(lambda: make(kind) and None) == [message]

    def cycle() -> None:
        ptr = make(kind)
        ptr <<= [ptr]

    assert dropped(cycle) == [message]
    assert dropped(lambda: make(kind).free()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_subclass_works_as_a_pointer(kind: Any) -> None:
    ptr = make(kind)
    ptr <<= "text"
    assert ~ptr == "text"
    assert type(ptr + 0) is kind or isinstance(ptr, AllocatedArrayPointer)
    with ptr:
        pass
    assert ptr.freed


def test_a_leaked_block_is_freed_where_the_class_gets_a_del_later() -> None:
    class Later(AllocatedPointer[Any]):
        pass

    def drop() -> None:
        ptr = make(Later)
        Later.__del__ = lambda _self: None  # type: ignore[assignment, misc]
        del ptr

    # PyPy itself warns that __del__ was added to a class, too
    assert dropped(drop)[-1:] == ["Later to 100 bytes was dropped without free()"]


def test_a_block_is_freed_where_del_fails_or_keeps_the_pointer(run_python: Any) -> None:
    done = run_python(
        """
        import gc
        from pointers import *
        from pointers._pointer.base import new_owner
        from pointers._ffi import lib

        kept = []
        class Kept(AllocatedPointer):
            def __del__(self):
                kept.append(self)
        class Failing(AllocatedPointer):
            def __del__(self):
                raise ZeroDivisionError

        def make(kind):
            source = lib.ptrs_system_allocator()
            block = lib.ptrs_access_new_block(source, 8, lib.PTRS_ALIGN_DEFAULT)
            return new_owner(kind, block)
        def collect():
            for _ in range(5):
                gc.collect()

        make(Failing)
        collect()
        assert System().stats().current_blocks == 0
        make(Kept)
        collect()
        (ptr,) = kept
        if not ptr.freed:  # without reference counts, it was freed already
            ptr.write(b"12345678")
        del ptr
        kept.clear()
        collect()
        kept.clear()
        collect()
        assert System().stats().current_blocks == 0
        """,
        "-W",
        "ignore",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("ZeroDivisionError") == 1


@pytest.mark.parametrize("kind", [*CLASSES, Plain, Forgetful, int, object])
def test_the_class_of_a_pointer_cannot_be_changed(kind: Any) -> None:
    def check(ptr: Any) -> None:
        before = type(ptr)
        for change in (
            lambda: setattr(ptr, "__class__", kind),
            lambda: object.__setattr__(ptr, "__class__", kind),
            lambda: delattr(ptr, "__class__"),
        ):
            with pytest.raises(TypeError, match=f"cannot change the class of {before.__name__}"):
                change()
        assert type(ptr) is ptr.__class__ is before

    with malloc(64) as ptr, calloc(2, 28) as array:
        for one in (ptr, ptr + 8, array, array[1]):
            check(one)
        acquire_stack_alloc(64)(check)
    mine = make(Plain)
    check(mine)
    free(mine)


@pytest.mark.skipif(
    fast is None and sys.version_info < (3, 10) and not PYPY,
    reason="3.9 runs these finalizers once Python code can no longer run",
)
def test_an_exit_with_leaked_pointers_prints_nothing(run_python: Any) -> None:
    """Up to 3.9, objects in gc.garbage end once Python code can no longer run."""
    done = run_python(
        """
        import gc
        from pointers import *

        class Mine(AllocatedPointer):
            def __del__(self):
                pass

        from pointers._pointer.base import new_owner
        from pointers._ffi import lib

        def make(kind):
            source = lib.ptrs_system_allocator()
            block = lib.ptrs_access_new_block(source, 8, lib.PTRS_ALIGN_DEFAULT)
            return new_owner(kind, block)

        gc.garbage += [malloc(8), calloc(2, 8), malloc(64), make(Mine), make(AllocatedPointer)]
        gc.garbage += [gc.garbage[1][1], gc.garbage[0] + 1, iter(gc.garbage[1])]
        gc.garbage[2] <<= "text"
        gc.garbage.append(malloc(64).move(gc.garbage[2]))
        """,
        "-W",
        "ignore::ResourceWarning",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
