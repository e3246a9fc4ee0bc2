# SPDX-License-Identifier: MIT
"""Pointers as arguments of C functions, and ctypes objects over their memory: all pin the block."""

import ctypes
import gc
import os
import threading
from typing import Any

import pytest

from pointers import (
    FreedMemoryError,
    InvalidSizeError,
    calloc,
    free,
    malloc,
    memset,
    realloc,
    stack_alloc,
)
from pointers._ffi import COUNTS_REFERENCES, ffi

LIBC: Any = ctypes.CDLL(None)

counted = pytest.mark.skipif(not COUNTS_REFERENCES, reason="a call's end cannot be noticed there")


def function(name: str, *argtypes: Any, restype: Any = ctypes.c_int) -> Any:
    made = ctypes.CDLL(None)[name]
    if argtypes:
        made.argtypes = argtypes
    made.restype = restype
    return made


WAYS: "dict[str, tuple[Any, ...]]" = {
    "no argtypes": (),
    "c_void_p": (ctypes.c_void_p, ctypes.c_char_p),
    "c_char_p": (ctypes.c_char_p, ctypes.c_char_p),
    "POINTER(c_char)": (ctypes.POINTER(ctypes.c_char), ctypes.c_char_p),
}


@pytest.mark.parametrize("way", WAYS)
def test_c_functions_write_and_read_the_memory(way: str) -> None:
    copy = function("strcpy", *WAYS[way], restype=ctypes.c_void_p)
    length = function("strlen", *WAYS[way][:1], restype=ctypes.c_size_t)
    with malloc(64) as ptr, calloc(4, 16) as array:
        for target in (ptr, ptr + 8, array, array[2]):
            copy(target, b"hello")
            assert target.string() == "hello"
            assert length(target) == 5
        assert ptr.read(16) == b"hello\0\0\0hello\0\0\0"
        assert array.read(48)[32:] == b"hello" + bytes(11)


def test_an_argument_has_the_address_and_size_of_its_pointer() -> None:
    with malloc(64) as ptr:
        for target in (ptr, ptr + 5, ptr + 64):
            passed = target._as_parameter_
            assert ctypes.addressof(passed) == target.address
            assert ctypes.sizeof(passed) == target.size
            del passed
        gc.collect()


def test_a_block_without_bytes_can_be_an_argument() -> None:
    with malloc(0) as ptr:
        assert function("memcmp")(ptr, ptr, 0) == 0


def test_a_block_is_pinned_during_a_call() -> None:
    compare_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    refused: list[str] = []

    def compare(_a: int, _b: int) -> int:
        gc.collect()
        for act in (lambda: free(ptr), lambda: realloc(ptr, 8)):
            try:
                act()
            except BufferError as error:
                refused.append(str(error))
            else:
                refused.clear()
        return 0

    ptr = malloc(64)
    function("qsort")(ptr, 2, 4, compare_type(compare))
    assert refused  # how often qsort() compares differs by C library
    # After the call, the block is no longer pinned
    free(realloc(ptr, 8))


def test_a_thread_cannot_free_memory_that_another_thread_reads_into() -> None:
    reading, writing = os.pipe()
    ptr = malloc(64)
    read = function("read", ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
    started = threading.Event()
    counts: list[int] = []

    def wait() -> None:
        started.set()
        counts.append(read(reading, ptr, 64))

    thread = threading.Thread(target=wait)
    thread.start()
    started.wait()
    try:
        refused = False
        # The call begins some time after `started` is set
        for _ in range(10_000):
            try:
                realloc(ptr, 64)
            except BufferError:
                refused = True
                break
        if refused:
            with pytest.raises(BufferError):
                free(ptr)
    finally:
        os.write(writing, b"arrived")
        thread.join()
        os.close(reading)
        os.close(writing)
    assert counts == [7]
    assert ptr.read(7) == b"arrived"
    free(ptr)


def test_freed_memory_is_refused() -> None:
    ptr = malloc(64)
    free(ptr)
    with pytest.raises(FreedMemoryError):
        _ = ptr._as_parameter_
    for way in WAYS.values():
        # ctypes turns each exception of an argument into an ArgumentError
        with pytest.raises((ctypes.ArgumentError, FreedMemoryError), match="was freed"):
            function("strlen", *way[:1])(ptr)
    with pytest.raises(FreedMemoryError):
        ptr.cast(ctypes.c_int)


def test_a_pointer_to_ints_takes_a_cast() -> None:
    compare_type = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int)
    )
    sort = function("qsort", ctypes.POINTER(ctypes.c_int), ctypes.c_size_t, ctypes.c_size_t)
    with malloc(16) as ptr:
        numbers = ptr.cast(ctypes.c_int * 4)
        numbers[:] = [3, 1, 2, 0]
        with pytest.raises((ctypes.ArgumentError, TypeError)):
            sort(ptr, 4, 4, compare_type(lambda a, b: 0))
        sort(numbers, 4, 4, compare_type(lambda a, b: a[0] - b[0]))
        assert ptr.read() == bytes((ctypes.c_int * 4)(0, 1, 2, 3))
        del numbers
        gc.collect()


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double)]


class Either(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("point", Point)]


@pytest.mark.parametrize(
    "kind", [ctypes.c_int, ctypes.c_double * 3, Point, Point * 2, Either, ctypes.c_void_p]
)
def test_a_cast_shares_the_memory_and_pins_it(kind: Any) -> None:
    size = ctypes.sizeof(kind)
    ptr = malloc(size)
    made = ptr.cast(kind)
    assert type(made) is kind
    assert ctypes.addressof(made) == ptr.address
    ctypes.memset(ctypes.addressof(made), 1, size)
    assert ptr.read() == bytes(made) == b"\1" * size
    for act in (free, lambda p: realloc(p, size + 1)):
        with pytest.raises(BufferError):
            act(ptr)
    del made
    free(ptr)


def test_a_cast_keeps_the_memory() -> None:
    """A function can return a ctypes object that owns memory of malloc()."""

    def make() -> Any:
        return malloc(16).cast(ctypes.c_int * 4)

    numbers = make()
    gc.collect()
    numbers[:] = [1, 2, 3, 4]
    assert list(numbers) == [1, 2, 3, 4]


class WithObject(Point):
    _fields_ = [("thing", ctypes.py_object * 2)]


REFUSED: "dict[str, tuple[Any, type[Exception], str]]" = {
    "too large": (ctypes.c_int * 5, InvalidSizeError, "takes 20 bytes, but there are only 16"),
    "a pointer type": (ctypes.POINTER(ctypes.c_int), TypeError, "c_int \\* n"),
    "a function type": (ctypes.CFUNCTYPE(None), TypeError, "an address to go to"),
    "a pointer to text": (ctypes.c_char_p, TypeError, "c_void_p"),
    "an object": (ctypes.py_object, TypeError, "references to Python objects"),
    "objects": (ctypes.py_object * 2, TypeError, "references to Python objects"),
    "a field of objects": (WithObject, TypeError, "references to Python objects"),
    "an instance": (ctypes.c_int(), TypeError, "a type of ctypes"),
    "a class that is no type of ctypes": (int, TypeError, "and not int"),
    "a number": (5, TypeError, "and not 5"),
    "an object without a hash": ([], TypeError, "a type of ctypes"),
    "None": (None, TypeError, "None"),
    "a base of arrays": (ctypes.Array, TypeError, "no size"),
    "a base of structures": (ctypes.Structure, TypeError, "_fields_"),
    "a base of unions": (ctypes.Union, TypeError, "_fields_"),
    "a base of pointers": (ctypes._Pointer, TypeError, "an address to go to"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_cast_to_another_kind_of_type_is_refused(name: str) -> None:
    kind, error, message = REFUSED[name]
    ptr = malloc(16)
    with pytest.raises(error, match=message):
        ptr.cast(kind)
    # A refused cast leaves no pin
    free(ptr)


def test_a_structure_may_get_its_fields_after_a_refused_cast() -> None:
    class Later(ctypes.Structure):
        pass

    ptr = malloc(64)
    with pytest.raises(TypeError):
        ptr.cast(Later)
    Later._fields_ = [("thing", ctypes.py_object)]
    with pytest.raises(TypeError, match="references to Python objects"):
        ptr.cast(Later)
    free(ptr)


def test_a_cast_at_a_wrong_alignment_is_refused() -> None:
    ptr = malloc(64)
    with pytest.raises(ValueError, match="multiple of 8"):
        (ptr + 4).cast(ctypes.c_double)
    assert (ptr + 4).cast(ctypes.c_int).value == 0
    gc.collect()
    free(ptr)


@counted
def test_stack_memory_is_an_out_parameter() -> None:
    @stack_alloc(32)
    def copied(ptr: Any, text: bytes) -> str:
        for way in WAYS.values():
            memset(ptr, 0, 32)
            function("strcpy", *way, restype=None)(ptr, text)
            assert ptr.string() == text.decode()
        function("strcpy", restype=None)(ptr + 8, b"here")
        assert ptr.read(13) == text[:8].ljust(8, b"\0") + b"here\0"
        # A call that only reads leaves the held object as it is
        ptr <<= ["an object"]
        assert function("strlen", restype=ctypes.c_size_t)(ptr) < 32
        assert ~ptr == ["an object"]
        return "done"

    assert copied(b"hello") == "done"


@counted
def test_an_argument_that_outlives_its_stack_memory_reaches_nothing() -> None:
    kept: list[Any] = []

    @stack_alloc(32)
    def keep(ptr: Any) -> None:
        ptr.write(b"text")
        kept.append(ptr._as_parameter_)

    keep()
    assert bytes(kept[0])[:4] == b"text"
    kept[0][0] = b"T"
    kept.clear()


@pytest.mark.skipif(COUNTS_REFERENCES, reason="calls can tell when they have ended")
def test_stack_memory_is_refused_where_nothing_tells_when_a_call_ends() -> None:
    @stack_alloc(32)
    def use(ptr: Any) -> None:
        with pytest.raises((BufferError, ctypes.ArgumentError), match="malloc"):
            function("strlen")(ptr)

    use()


def test_stack_memory_cannot_be_cast() -> None:
    @stack_alloc(32)
    def use(ptr: Any) -> None:
        with pytest.raises(BufferError, match="stack memory"):
            ptr.cast(ctypes.c_int)

    use()


def test_cffi_uses_a_pinned_buffer_or_a_bare_address() -> None:
    with malloc(16) as ptr:
        buffer = ffi.from_buffer("int[]", ptr.view())
        buffer[0] = 7
        assert ffi.cast("int *", int(ptr))[0] == 7
        with pytest.raises(BufferError):
            free(ptr)
        ffi.release(buffer)
        del buffer
        gc.collect()


def test_arguments_and_casts_of_a_thousand_sizes() -> None:
    length = function("strlen", restype=ctypes.c_size_t)
    with malloc(2000) as ptr:
        for offset in range(1000):
            assert length(ptr + offset) == 0
            assert len((ptr + offset).cast(ctypes.c_char * (offset + 1))) == offset + 1
        gc.collect()


MADE_OF_ARGUMENTS: "dict[str, Any]" = {
    "the array": lambda array: array,
    "a view": memoryview,
    "a pointer of ctypes": ctypes.pointer,
    "its target": lambda array: ctypes.pointer(array).contents,
    "a reference": ctypes.byref,
    "a cast": lambda array: ctypes.cast(array, ctypes.c_void_p),
    "an array over it": (ctypes.c_int * 4).from_buffer,
}


if not COUNTS_REFERENCES:  # PyPy's views do not keep objects of ctypes: docs/limits.md
    del MADE_OF_ARGUMENTS["a view"]


@pytest.mark.parametrize("name", MADE_OF_ARGUMENTS)
def test_whatever_is_made_of_an_argument_keeps_the_pin(name: str) -> None:
    """Also of the second argument of a size, and later, which are made in another way."""
    for _ in range(3):
        ptr = malloc(61)
        array: Any = ptr._as_parameter_
        assert (ctypes.addressof(array), len(array)) == (ptr.address, 61)
        kept = MADE_OF_ARGUMENTS[name](array)
        del array
        with pytest.raises(BufferError):
            free(ptr)
        with pytest.raises(BufferError):
            realloc(ptr, 10)
        ptr.write(b"still there")
        del kept
        gc.collect()
        free(ptr)


@pytest.mark.parametrize("first", [True, False])
def test_an_argument_does_not_show_its_pin(first: bool) -> None:
    size = 83 if first else 84
    with malloc(size) as ptr:
        array: Any = ptr._as_parameter_
        if not first:  # the compiled path makes this one
            array = ptr._as_parameter_
        assert not hasattr(array, "_pin")
        with pytest.raises(AttributeError):
            del array._pin
        with pytest.raises(BufferError):
            free(ptr)
        del array
        gc.collect()


def test_an_argument_is_as_large_as_the_memory_is_now() -> None:
    with malloc(67) as ptr:
        for size in (67, 67, 31, 31, 67, 68, 67):
            realloc(ptr, size)
            assert len(ptr._as_parameter_) == size
            gc.collect()
