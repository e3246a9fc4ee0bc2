# SPDX-License-Identifier: MIT
"""A slice, and every pointer made of it, stays within a part of its block."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Iterator
from typing import Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointers import (
    Arena,
    DereferenceError,
    FreedMemoryError,
    InvalidSizeError,
    ReadOnlyError,
    SlicePointer,
    StackAllocatedPointer,
    calloc,
    free,
    malloc,
    memcmp,
    memcpy,
    memmove,
    memset,
    realloc,
    sizeof,
    stack_alloc,
)

SIZE = 64
BYTES = bytes(range(SIZE))


@contextlib.contextmanager
def of_the_heap() -> Iterator[Any]:
    with malloc(SIZE) as ptr:
        yield ptr


@contextlib.contextmanager
def of_an_alias() -> Iterator[Any]:
    with malloc(SIZE + 8) as ptr:
        yield ptr + 8


@contextlib.contextmanager
def of_an_array() -> Iterator[Any]:
    with calloc(4, SIZE // 4) as array:
        yield array


@contextlib.contextmanager
def of_a_slot() -> Iterator[Any]:
    with calloc(3, SIZE) as array:
        yield array[1]


@contextlib.contextmanager
def of_an_arena() -> Iterator[Any]:
    with Arena() as arena:
        yield arena.malloc(SIZE)


@contextlib.contextmanager
def of_a_slice() -> Iterator[Any]:
    with malloc(SIZE * 2) as ptr:
        yield ptr.slice(10, SIZE + 9).slice(3, SIZE)


SOURCES = [of_the_heap, of_an_alias, of_an_array, of_a_slot, of_an_arena, of_a_slice]


@pytest.fixture(params=SOURCES)
def ptr(request: pytest.FixtureRequest) -> Iterator[Any]:
    with request.param() as made:
        made.write(BYTES)
        yield made


def test_a_slice_has_the_bytes_from_start_to_start_plus_size(ptr: Any) -> None:
    part = ptr.slice(8, 16)
    assert type(part) is SlicePointer
    assert (part.size, part.capacity, part.offset) == (16, 16, ptr.offset + 8)
    assert part.address == ptr.address + 8
    assert part.read() == bytes(part) == part.view().tobytes() == BYTES[8:24]
    assert part == ptr.slice(8, 4)
    assert part.slice(0, 16).read() == BYTES[8:24]
    assert part.slice(15, 1).read() == BYTES[23:24]
    assert part.slice(16, 0).read() == b""


@pytest.mark.parametrize(
    ("start", "size", "error"),
    [
        (0, SIZE + 1, InvalidSizeError),
        (SIZE + 1, 0, InvalidSizeError),
        (SIZE, 1, InvalidSizeError),
        (1, SIZE, InvalidSizeError),
        (2**62, 2**62, InvalidSizeError),
        (2**63 - 1, 1, InvalidSizeError),
        (2**64, 0, InvalidSizeError),
        (0, 2**64, InvalidSizeError),
        (-1, 1, ValueError),
        (0, -1, ValueError),
        (-(2**64), 0, ValueError),
        ("1", 1, TypeError),
        (0, 1.0, TypeError),
        (None, None, TypeError),
    ],
)
def test_a_slice_beyond_its_pointer_is_refused(
    ptr: Any, start: Any, size: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        ptr.slice(start, size)
    with pytest.raises(TypeError):
        ptr.slice(0)
    with pytest.raises(TypeError):
        ptr.slice(0, 1, 2)
    assert ptr.slice(size=3, start=1).read() == BYTES[1:4]
    assert ptr.slice(True, True).read() == BYTES[1:2]


@pytest.mark.parametrize("size", [64, 200_000])  # large ranges let other threads run meanwhile
def test_the_mem_functions_stay_within_slices_on_either_side(size: int) -> None:
    n = size // 2
    with malloc(size) as a, malloc(size) as b:
        part, other = a.slice(8, n), b.slice(4, n + 4)
        assert memset(part, 1, n) is part
        assert a.read(n + 16) == bytes(8) + b"\1" * n + bytes(8)
        assert memcpy(other, part, n) is other
        assert b.read(n + 8) == bytes(4) + b"\1" * n + bytes(4)
        assert memcmp(part, other, n) == memcmp(part, b"\1" * n, n) == 0
        assert memmove(part + 1, part, n - 1).read() == b"\1" * (n - 1)
        assert memcpy(part, b"\2" * n, n).read() == b"\2" * n
        assert (memcmp(a, other, n), memcmp(other, a, n)) == (-1, 1)
        with pytest.raises(ValueError, match="overlap"):
            memcpy(part + 1, part, 2)
        too_many: list[Callable[[], Any]] = [
            lambda: memset(part, 0, n + 1),
            lambda: memcpy(part, b, n + 1),
            lambda: memcpy(b, part, n + 1),
            lambda: memmove(part, part, n + 1),
            lambda: memcmp(part, b, n + 1),
            lambda: memcmp(b, part, n + 1),
            lambda: memcmp(part, bytes(n + 1), n + 1),
            lambda: memcpy(part, bytes(n + 1), n + 1),
        ]
        for call in too_many:
            with pytest.raises(InvalidSizeError, match=f"{n + 1} bytes reach beyond the {n} that"):
                call()
        fixed = part.readonly()
        refused: list[Callable[[], Any]] = [
            lambda: memset(fixed, 0, 1),
            lambda: memcpy(fixed, b, 1),
            lambda: memcpy(fixed, b"x", 1),
        ]
        for call in refused:
            with pytest.raises(ReadOnlyError):
                call()
        part.move(["object"])
        memset(part, 0, 16)
        with pytest.raises(DereferenceError):
            ~part


def test_no_operation_reaches_beyond_a_slice(ptr: Any) -> None:
    part = ptr.slice(8, 16)
    refused: list[Callable[[], Any]] = [
        lambda: part.read(17),
        lambda: part.write(bytes(17)),
        lambda: part.cast(ctypes.c_char * 17),
        lambda: memset(part, 1, 17),
        lambda: memcpy(part, bytes(17), 17),
        lambda: memmove(part, ptr, 17),
        lambda: memcpy(ptr.slice(40, 24), part, 17),
        lambda: memmove(ptr, part, 17),
        lambda: memcmp(part, ptr, 17),
        lambda: memcmp(ptr, part, 17),
        lambda: memcmp(part, bytes(17), 17),
        lambda: part.write_string("x" * 16),
        part.string,  # there is no NUL within the slice
        lambda: part.move(1),
        lambda: part.move("text"),
        lambda: part.move((1, 2)) and (part + 1).move((1, 2)),
    ]
    for operation in refused:
        with pytest.raises(InvalidSizeError):
            operation()
    part.write(BYTES[8:24])
    assert ptr.read() == BYTES
    assert len(memoryview(part.view())) == ctypes.sizeof(part._as_parameter_) == 16
    memset(part, 0, 16)
    assert ptr.read() == BYTES[:8] + bytes(16) + BYTES[24:]


def test_steps_beyond_a_slice_are_refused(ptr: Any) -> None:
    part = ptr.slice(8, 16)
    end = part + 16
    assert (end.size, (end - 16).size, (end - 1).read()) == (0, 16, BYTES[23:24])
    assert end - part == 16 and part < end and part[3].read(1) == BYTES[11:12]
    assert type(end - 3) is type(part[2]) is type(1 + part) is SlicePointer
    for step in (-1, 17, 2**62, 2**64, -(2**64)):
        with pytest.raises(IndexError):
            part + step
        with pytest.raises(IndexError):
            part - -step
        with pytest.raises(IndexError):
            part[step]
        with pytest.raises(IndexError):
            part[step] = 1
    with pytest.raises(IndexError):
        end + 1
    with pytest.raises(IndexError):
        (part + 8) - 9


def test_stores_are_bounded_by_the_slice() -> None:
    with malloc(200) as ptr:
        part = ptr.slice(20, sizeof("text"))
        part <<= "text"
        assert (~part, part.dereference(), *part, str(part)) == ("text",) * 4
        assert ~(ptr + 20) == "text" and part.assigned
        with pytest.raises(InvalidSizeError, match="only"):
            part <<= "longer"
        with pytest.raises(InvalidSizeError):
            part[1] = "text"
        part[0] = 5
        assert ~(ptr + 20) == 5
        held = ["object"]
        part.move(held)
        assert ~part is held
        ptr.move(part)
        assert ~ptr is held
        with pytest.raises(DereferenceError):
            ~(part + 20)


def test_an_object_that_reaches_beyond_the_slice_is_not_loaded() -> None:
    with malloc(200) as ptr:
        (ptr + 20).move("secret")
        part = ptr.slice(20, sizeof("secret") - 1)
        for operation in (lambda: ~part, part.dereference, lambda: [*part], lambda: ptr.move(part)):
            with pytest.raises(InvalidSizeError, match=r"str object .* takes"):
                operation()
        assert not part.assigned
        assert "secret" not in str(part) and str(part) == repr(part)
        (ptr + 20).move([1])
        with pytest.raises(InvalidSizeError):
            ~ptr.slice(20, 15)
        assert ~ptr.slice(20, 16) == [1]


def test_compiled_pointers_lend_as_much_as_their_slices() -> None:
    with malloc(64) as ptr:
        part = ptr.slice(8, 16)
        try:
            view = memoryview(part)
        except TypeError:
            return  # the reference path's pointers are no buffers
        assert view.nbytes == 16
        view.release()
        ptr.realloc(10)
        with pytest.raises(InvalidSizeError):
            memoryview(part)


def test_a_slice_can_neither_free_nor_resize_its_block() -> None:
    with malloc(64) as ptr:
        for part in (ptr.slice(0, 64), ptr.slice(0, 0), ptr.slice(8, 8)):
            for operation in (
                part.free,
                part.release,
                lambda part=part: part.realloc(8),
                lambda part=part: free(part),
                lambda part=part: realloc(part, 8),
            ):
                with pytest.raises(ValueError, match="slice"):
                    operation()
            assert not hasattr(part, "__enter__")
        assert not ptr.freed


def test_a_slice_keeps_its_block_alive() -> None:
    part = malloc(64).slice(8, 8)
    gc.collect()
    part.write(b"12345678")
    assert part.read() == b"12345678"
    root: Any = part._root
    root.free()
    with pytest.raises(FreedMemoryError):
        part.read()


def test_a_slice_of_read_only_memory_is_read_only(ptr: Any) -> None:
    for part in (ptr.readonly().slice(8, 16), ptr.slice(8, 16).readonly()):
        assert type(part) is SlicePointer and part.size == 16
        for operation in (
            lambda part=part: part.write(b"x"),
            lambda part=part: part.move(None),
            lambda part=part: (part + 1).write(b"x"),
            lambda part=part: part.slice(0, 1).write(b"x"),
            lambda part=part: memset(part, 0, 1),
        ):
            with pytest.raises(ReadOnlyError):
                operation()
        with pytest.raises(IndexError):
            part - 1
        assert part.view().readonly
    assert ptr.read() == BYTES


def test_a_slice_of_stack_memory_is_dead_when_the_function_has_returned() -> None:
    @stack_alloc(64)
    def function(ptr: StackAllocatedPointer[Any]) -> Any:
        part = ptr.slice(8, 40)
        part <<= 7
        assert ~(ptr + 8) == 7
        with pytest.raises(InvalidSizeError):
            part.write(bytes(41))
        with pytest.raises(BufferError):
            part.view()
        with pytest.raises(ValueError, match="slice"):
            free(part)
        return part

    part = function()
    with pytest.raises(FreedMemoryError):
        ~part


def test_c_functions_write_into_a_slice() -> None:
    libc = ctypes.CDLL(None)
    with malloc(64) as ptr:
        ptr.write(BYTES)
        libc.memset(ptr.slice(8, 16), 0, 16)
        gc.collect()
        assert ptr.read() == BYTES[:8] + bytes(16) + BYTES[24:]
        array = ptr.slice(8, 16).cast(ctypes.c_int * 4)
        array[3] = -1
        del array
        assert ptr.read(24)[20:] == b"\xff" * 4


def test_unsafe_stores_are_warned_of_at_the_end_of_a_slice() -> None:
    with malloc(64) as ptr:
        part = ptr.slice(0, 8)
        with pytest.warns(RuntimeWarning, match="8 are left"):
            part ^= 1
        assert ~ptr == 1


steps = st.integers(-70, 70)


@given(st.lists(st.tuples(steps, steps), max_size=6), steps)
def test_slices_of_slices_agree_with_those_of_a_memoryview(
    parts: list[tuple[int, int]], step: int
) -> None:
    with malloc(SIZE) as ptr:
        ptr.write(BYTES)
        part: Any = ptr
        model = memoryview(BYTES)
        for start, size in parts:
            if start >= 0 and size >= 0 and start + size <= len(model):
                part, model = part.slice(start, size), model[start : start + size]
            else:
                with pytest.raises(ValueError, match=r"reach beyond|negative"):
                    part.slice(start, size)
            assert (part.read(), part.size) == (model.tobytes(), len(model))
            if 0 <= step <= len(model):
                moved = part + step
                assert moved.read() == model[step:].tobytes()
                assert (moved - step).read() == model.tobytes()
                with pytest.raises(IndexError):
                    moved - (step + 1)
            else:
                with pytest.raises(IndexError):
                    part + step
