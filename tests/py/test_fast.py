# SPDX-License-Identifier: MIT
"""The compiled fast path of CPython: a type that behaves, and that nobody can forge."""

import contextlib
import gc
import inspect
import sys
import warnings
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
    free,
    malloc,
    stack_alloc,
)
from pointers._ffi import fast
from pointers._references import References

pytestmark = pytest.mark.skipif(fast is None, reason="the fast path is off")

CYCLES = 100_000
CLASSES = [AllocatedPointer, AllocatedArrayPointer, ArraySlotPointer, StackAllocatedPointer]


def blocks() -> int:
    return System().stats().current_blocks


# Which path


def test_the_environment_chooses(run_python: Any) -> None:
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
def test_it_is_loaded_once() -> None:
    from pointers._ffi import _load_fast

    assert _load_fast() is None  # and says so by falling back


# What it looks like


def test_documentation_and_signatures_are_those_of_the_python_code() -> None:
    for function in (malloc, calloc, free, Pointer.move, Pointer.view, AllocatedArrayPointer.tolist):
        assert function.__doc__, function
        assert inspect.signature(function).parameters
    assert str(inspect.signature(malloc)) == "(size, *, align=None, allocator=None)"
    assert str(inspect.signature(Pointer.read)) in ("(self, n=None)", "(self, /, n=None)")
    assert malloc.__module__ == "pointers._allocators"
    assert (malloc.__doc__ or "").startswith("Allocate a block of memory, as malloc(3)")


def test_keywords_are_those_of_the_python_code() -> None:
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


# Nobody can forge it

FIELDS = ("_block", "_offset", "_room", "_home", "_owned", "_references", "_index", "_n_empty")


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
    for kind in (Pointer, fast.Place, *CLASSES):
        bare: Any = object.__new__(kind)
        assert bare._block == 0
        for use in (
            lambda p: ~p,
            lambda p: p.__ilshift__(1),
            lambda p: p + 1,
            lambda p: p[0],
            lambda p: memoryview(p),
        ):
            if kind in (Pointer, fast.Place):
                continue  # which nobody has, and which have no such operators
            with pytest.raises((FreedMemoryError, TypeError, BufferError)):
                use(bare)
        del bare


def test_factories_take_no_wrong_arguments() -> None:
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
            lambda: fast.new_slot(ArraySlotPointer, ptr, 2),  # of sys.maxsize bytes each
            lambda: fast.disown(5),
            lambda: fast.own_references(5, References),
            lambda: fast.give("References", int),
            lambda: fast.give("AllocatedPointer", AllocatedPointer),
            lambda: fast.give("nothing", 5),
            lambda: fast.substitute(Pointer, "size", None),
            lambda: fast.StackFunction(-1, 16, print),
            lambda: fast.StackFunction(8, 0, print),
            lambda: fast.call_once(8, -1, print),
            lambda: fast.set_stack_needs(0, 1),
        ):
            with pytest.raises((TypeError, ValueError, OverflowError)):
                wrong()
        fast.disown(ptr)  # which it does not believe
        assert ptr._owned


def test_an_alias_of_an_offset_that_is_not_there_reaches_no_memory() -> None:
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


def test_another_class_makes_no_other_memory() -> None:
    with malloc(64) as ptr:
        for kind in CLASSES:
            alias: Any = ptr + 8
            with contextlib.suppress(TypeError):  # most often it is refused
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


def test_subclasses() -> None:
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


# The collector


def test_pointers_are_tracked_and_traversed() -> None:
    with malloc(64) as ptr:
        thing = [1]
        ptr <<= thing
        alias = ptr + 16
        assert gc.is_tracked(ptr)
        assert AllocatedPointer in gc.get_referents(ptr)
        assert ptr in gc.get_referents(alias)
        assert ptr._references in gc.get_referents(ptr)


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
    assert all(reference() is None for reference in things)
    assert blocks() == before


def test_weak_references() -> None:
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


def test_a_pointer_can_be_revived_by_what_it_warns() -> None:
    kept: list[Any] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *args, **_kw: kept.append(message)  # type: ignore[assignment]
        malloc(64)
    assert isinstance(kept[0], ResourceWarning)

    def revive(*args: Any, **keywords: Any) -> None:
        kept.append(keywords["source"])

    # In place of warnings.warn: the pointer itself is kept
    from pointers._allocated import warn_dropped

    defaults = warn_dropped.__defaults__
    warn_dropped.__defaults__ = (revive,)
    try:
        malloc(64)
    finally:
        warn_dropped.__defaults__ = defaults
    revived = kept.pop()
    assert type(revived) is AllocatedPointer
    assert revived.freed
    with pytest.raises(FreedMemoryError):
        ~revived
    reference = weakref.ref(revived)
    del revived
    assert reference() is None  # and now it goes for good, without a warning


def test_warnings_name_their_source_and_spare_the_exception_that_is_under_way() -> None:
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


def test_used_again_pointers_are_as_new() -> None:
    for _ in range(300):
        ptr = malloc(64)
        ptr <<= [1]
        slot = calloc(3, 28)[2]
        free(ptr)
        slot._home.free()
        del ptr, slot
        fresh = malloc(64)
        assert (fresh._offset, fresh._home, fresh._references, fresh._index) == (0, None, None, 0)
        assert (fresh._room, fresh._owned, type(fresh)) == (sys.maxsize, True, AllocatedPointer)
        free(fresh)


# References are counted exactly


def counted(operation: Any, *watched: Any) -> None:
    """Assert that many calls change no reference count, no block and no type."""
    for _ in range(3):
        operation()
    gc.collect()
    before = [sys.getrefcount(obj) for obj in watched]
    balance = blocks()
    for _ in range(CYCLES):
        operation()
    gc.collect()
    after = [sys.getrefcount(obj) for obj in watched]
    assert all(abs(b - a) < 50 for a, b in zip(before, after)), (before, after)
    assert blocks() == balance


class Thing:
    pass


def test_reference_counts_are_exact() -> None:
    thing, text, data, number = Thing(), "text" * 3, b"bytes" * 3, 10**6
    with malloc(128) as ptr, calloc(4, 64) as array:

        def values() -> None:
            for value in (text, data, number, 2**70, 1.5, 2j, None, True):
                ptr.move(value)
                ~ptr
                array[1] = value

        def steps() -> None:
            ptr + 8
            ptr[8]
            array[1]
            array + 1
            array[2] - array[1]
            ptr == array
            hash(ptr)
            for slot in array:
                slot <<= 1

        def errors() -> None:
            for wrong in (lambda: ptr + 200, lambda: array[4], lambda: ptr.move(text * 50)):
                try:
                    wrong()
                except (IndexError, InvalidSizeError):
                    pass

        def raw() -> None:
            ptr.write(data)
            ptr.read(8)
            ptr.read()

        counted(values, text, data, number, ptr, array)
        counted(steps, ptr, array, ArraySlotPointer, AllocatedPointer)
        counted(raw, data, ptr)
        counted(lambda: memoryview(ptr).release(), ptr)
        counted(lambda: ptr.view().release(), ptr)
        array[:] = range(4)
        counted(lambda: array.tolist(), array)
        counted(lambda: array.__setitem__(slice(0, 4), [text, data, number, None]), text, data)
        if sys.gettrace() is None:
            counted(errors, ptr, array, text)
    counted(lambda: free(malloc(28)), AllocatedPointer)
    counted(lambda: free(calloc(4, 28)), AllocatedArrayPointer)
    result = stack_alloc(28)(lambda ptr, obj, *, key: obj)
    counted(lambda: result(thing, key=text), thing, text, StackAllocatedPointer)


# Buffers


@pytest.mark.parametrize("make", [lambda: malloc(56), lambda: calloc(2, 28)])
def test_pointers_are_buffers_in_every_version(make: Any) -> None:
    ptr = make()
    ptr.write(b"abc")
    with memoryview(ptr) as view:
        assert (view.nbytes, view.format, view.readonly, view.obj) == (56, "B", False, ptr)
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


def test_buffers_of_slots_and_aliases() -> None:
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
    assert function(*[1, 2], **{"c": 4}) == 7
    assert (function.__name__, function.__doc__) == ("function", "Add.")
    assert function.__wrapped__(None, 1) == 6  # type: ignore[attr-defined]
    function.note = 5  # type: ignore[attr-defined]
    assert function.__dict__["note"] == 5
    assert function(1, *range(0), **{f"{'c'}": 1}) == 4
    with pytest.raises(TypeError, match="unexpected keyword"):
        function(1, d=5)
    many = stack_alloc(28)(lambda ptr, *args, **keywords: (args, keywords))
    for n in (0, 1, 7, 8, 9, 100):
        names = {f"k{i}": i for i in range(n)}
        assert many(*range(n), **names) == (tuple(range(n)), names)
        assert type(many).__call__(many, *range(n)) == (tuple(range(n)), {})


def test_arguments_come_back_as_they_were() -> None:
    def method(self: Any, ptr: Any, *args: Any) -> Any:
        return args

    class Holder:
        pass

    Holder.method = stack_alloc(28)(method)  # type: ignore[attr-defined]
    holder = Holder()
    values = [object() for _ in range(5)]
    assert holder.method(*values) == tuple(values)  # type: ignore[attr-defined]
    assert [holder.method(v) for v in values] == [(v,) for v in values]  # type: ignore[attr-defined]
