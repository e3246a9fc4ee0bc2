# SPDX-License-Identifier: MIT
"""The compiled fast path of CPython: its types look and behave like the Python classes."""

import gc
import inspect
import sys
import warnings
import weakref
from typing import Any

import pytest

from pointers import (
    AllocatedArrayPointer,
    AllocatedPointer,
    ArraySlotPointer,
    FreedMemoryError,
    Pointer,
    StackAllocatedPointer,
    System,
    calloc,
    free,
    malloc,
    stack_alloc,
)
from pointers._ffi import fast

pytestmark = pytest.mark.skipif(fast is None, reason="the fast path is off")

CYCLES = 100_000
CLASSES = [AllocatedPointer, AllocatedArrayPointer, ArraySlotPointer, StackAllocatedPointer]


def blocks() -> int:
    return System().stats().current_blocks


# The choice of the path


def test_the_environment_chooses_the_path(run_python: Any) -> None:
    code = "import pointers._ffi; print(pointers._ffi.fast is not None)"
    for value, expected in (("0", "False"), ("1", "True"), ("", "True")):
        assert run_python(code, POINTERS_FAST=value).stdout.strip() == expected


def test_the_reference_path_is_python(run_python: Any) -> None:
    done = run_python(
        """
        import types, pointers
        for function in (pointers.malloc, pointers.free, pointers.Pointer.move,
                         pointers.Pointer.__invert__, pointers.AllocatedPointer.__add__):
            assert type(function) is types.FunctionType, function
        print("python")
        """,
        POINTERS_FAST="0",
    )
    assert done.stdout == "python\n", done.stderr


@pytest.mark.skipif(sys.version_info < (3, 12), reason="isolated interpreters are refused before")
def test_the_fast_path_is_loaded_only_once() -> None:
    from pointers._ffi import _load_fast

    assert _load_fast() is None  # a second time, the reference path is used


# Docstrings, signatures and keywords


def test_docstrings_and_signatures_are_those_of_the_python_code() -> None:
    for function in (
        malloc,
        calloc,
        free,
        Pointer.move,
        Pointer.view,
        AllocatedArrayPointer.tolist,
    ):
        assert function.__doc__, function
        assert inspect.signature(function).parameters
    assert str(inspect.signature(malloc)) == "(size, *, align=None, allocator=None)"
    assert str(inspect.signature(Pointer.read)) in ("(self, n=None)", "(self, /, n=None)")
    assert malloc.__module__ == "pointers._alloc.functions"
    assert (malloc.__doc__ or "").startswith("Allocate a block of memory, as malloc(3)")


def test_compiled_functions_take_the_keywords_of_the_python_code() -> None:
    ptr = malloc(size=64, align=None)
    assert ~ptr.move(obj=5) == 5
    ptr.write(data=b"abc")
    assert ptr.read(n=3) == b"abc"
    ptr.view(format="i", writable=False).release()
    free(ptr=ptr)
    for wrong in (
        lambda: malloc(),  # type: ignore[call-arg]
        lambda: malloc(1, 2),  # type: ignore[misc]
        lambda: malloc(sise=1),  # type: ignore[call-arg]
        lambda: free(),  # type: ignore[call-arg]
        lambda: ptr.move(),  # type: ignore[call-arg]
        lambda: ptr.move(1, 2),  # type: ignore[misc]
        lambda: ptr.dereference(1),  # type: ignore[call-arg]
        lambda: ptr.read(*range(20)),  # type: ignore[call-arg, arg-type]
        lambda: ptr.write(),  # type: ignore[call-arg]
        lambda: ptr.free(1),  # type: ignore[call-arg]
    ):
        with pytest.raises(TypeError):
            wrong()  # type: ignore[no-untyped-call]


# The collector


def test_pointers_are_tracked_and_traversed() -> None:
    with malloc(64) as ptr:
        thing = [1]
        ptr <<= thing
        alias = ptr + 16
        assert gc.is_tracked(ptr)
        assert AllocatedPointer in gc.get_referents(ptr)
        assert ptr in gc.get_referents(alias)
        assert ptr._held in gc.get_referents(ptr)


@pytest.mark.skipif(sys.maxsize < 2**32, reason="pointers of 32 bits take less")
def test_the_pointer_of_a_block_takes_64_bytes() -> None:
    with malloc(28) as ptr:
        assert sys.getsizeof(ptr) == 64


def test_cycles_are_collected_with_their_blocks() -> None:
    class Thing:
        pass

    gc.collect()
    before = blocks()
    things = []
    for _ in range(20):
        ptr = malloc(64)
        thing = Thing()
        thing.pointers = [ptr, ptr + 16, thing]  # type: ignore[attr-defined]
        ptr <<= thing
        things.append(weakref.ref(thing))
    del ptr, thing
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()
    assert len(caught) == 20
    caught.clear()  # warnings keep their source, the pointer
    gc.collect()
    assert all(reference() is None for reference in things)
    assert blocks() == before


def test_pointers_have_weak_references() -> None:
    ptr = malloc(64)
    dead: list[Any] = []
    references = [weakref.ref(ptr, dead.append), weakref.ref(ptr + 0, dead.append)]
    assert references[0]() is ptr
    assert dead == [references[1]]
    free(ptr)
    del ptr
    assert dead == references[::-1]
    function = stack_alloc(8)(print)
    reference = weakref.ref(function)
    del function
    assert reference() is None


def test_a_pointer_revived_by_its_warning_is_freed() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        malloc(64)
    warning = caught.pop()
    assert warning.category is ResourceWarning
    # The warning keeps the pointer object, whose block is freed
    revived: Any = warning.source
    del warning
    assert type(revived) is AllocatedPointer
    assert revived.freed
    with pytest.raises(FreedMemoryError):
        ~revived
    reference = weakref.ref(revived)
    del revived
    assert reference() is None  # deleted without a second warning


def test_a_leak_amid_an_exception_warns_and_keeps_the_exception() -> None:
    def fail() -> None:
        ptr = malloc(48)
        ptr <<= 1
        raise KeyError("the reason")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(KeyError, match="the reason"):
            fail()
        gc.collect()
    (warning,) = caught
    assert warning.category is ResourceWarning
    assert str(warning.message) == "AllocatedPointer to 48 bytes was dropped without free()"
    assert type(warning.source) is AllocatedPointer


def test_a_reused_pointer_object_has_no_state_of_its_former_block() -> None:
    for _ in range(300):
        ptr = malloc(64)
        ptr <<= [1]
        slot = calloc(3, 28)[2]
        free(ptr)
        slot._root.free()
        del ptr, slot
        fresh = malloc(64)
        assert (fresh._offset, fresh._root, fresh._held, fresh._index) == (0, None, None, 0)
        assert (fresh._bound, fresh._owned, type(fresh)) == (sys.maxsize, True, AllocatedPointer)
        free(fresh)


# Buffers


@pytest.mark.parametrize("make", [lambda: malloc(56), lambda: calloc(2, 28)])
def test_pointers_are_buffers_in_every_version(make: Any) -> None:
    ptr = make()
    ptr.write(b"abc")
    with memoryview(ptr) as view:
        assert (view.nbytes, view.format, view.readonly) == (56, "B", False)
        view[0] = ord("x")
        assert ptr.read(3) == b"xbc"
        with pytest.raises(BufferError):
            free(ptr)
        part = view[1:3]
    with pytest.raises(BufferError):
        free(ptr)
    assert bytes(part) == b"bc"
    part.release()
    assert bytearray(ptr)[:3] == b"xbc"
    free(ptr)
    for use in (memoryview, bytearray):
        with pytest.raises(FreedMemoryError):
            use(ptr)


def test_buffers_of_slots_and_aliases_have_their_part_of_the_block() -> None:
    with malloc(64) as ptr, memoryview(ptr + 60) as view:
        assert view.nbytes == 4
        view.release()
    with calloc(4, 28) as array, memoryview(array[2]) as view:
        assert view.nbytes == 28
        view[0] = 9
        view.release()
        assert array.read()[56] == 9


def test_stack_memory_is_no_buffer() -> None:
    @stack_alloc(64)
    def function(ptr: Any) -> None:
        with pytest.raises(BufferError, match="stack memory has no views"):
            memoryview(ptr)

    function()


# Stack functions


def test_stack_functions_look_like_their_functions() -> None:
    @stack_alloc(28)
    def function(ptr: Any, a: int, b: int = 2, *, c: int = 3) -> Any:
        """Add."""
        return a + b + c

    assert function(1) == 6
    assert function(*[1, 2], c=4) == 7
    assert (function.__name__, function.__doc__) == ("function", "Add.")
    assert function.__wrapped__(None, 1) == 6  # type: ignore[attr-defined]
    function.note = 5  # type: ignore[attr-defined]
    assert function.__dict__["note"] == 5
    with pytest.raises(TypeError, match="unexpected keyword"):
        function(1, d=5)
    many = stack_alloc(28)(lambda ptr, *args, **keywords: (args, keywords))
    for n in (0, 1, 7, 8, 9, 100):
        names = {f"k{i}": i for i in range(n)}
        assert many(*range(n), **names) == (tuple(range(n)), names)
        assert type(many).__call__(many, *range(n)) == (tuple(range(n)), {})


def test_arguments_of_a_stack_method_are_passed_on_unchanged() -> None:
    def method(self: Any, ptr: Any, *args: Any) -> Any:
        return args

    class Holder:
        pass

    Holder.method = stack_alloc(28)(method)  # type: ignore[attr-defined]
    holder = Holder()
    values = [object() for _ in range(5)]
    assert holder.method(*values) == tuple(values)  # type: ignore[attr-defined]
    assert [holder.method(v) for v in values] == [(v,) for v in values]  # type: ignore[attr-defined]
