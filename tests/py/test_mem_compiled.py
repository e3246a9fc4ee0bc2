# SPDX-License-Identifier: MIT
"""The mem functions with arguments that run code, of unusual types, or at their limits."""

import gc
import threading
from typing import Any, Callable

import pytest
from _collecting import CPYTHON, collect_all

from pointers import (
    FreedMemoryError,
    InvalidSizeError,
    calloc,
    malloc,
    memcmp,
    memcpy,
    memmove,
    memset,
    stack_alloc,
)

# Most tests leave their blocks to the collector, which is not their subject
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

LARGE = 200_000  # so large that a copy lets other threads run meanwhile


@pytest.fixture(scope="module", autouse=True)
def _collect() -> Any:
    """Collect the leaked pointers of this module here, not during a test of a later module."""
    yield
    if not CPYTHON:
        collect_all()


class Bytes(bytearray):
    pass


class Number(int):
    pass


class Index:
    def __init__(self, number: int, act: "Callable[[], object]" = bool) -> None:
        self.number, self.act = number, act

    def __index__(self) -> int:
        self.act()
        return self.number


@pytest.mark.parametrize("size", [0, 1, 16, 64])
@pytest.mark.parametrize("copy", [memcpy, memmove])
def test_copies_take_any_source_of_bytes_and_any_kind_of_int(copy: Any, size: int) -> None:
    data = bytes(range(64))
    a, b = malloc(64), malloc(64)
    b.write(data)
    for source in (
        b,
        data,
        bytearray(data),
        memoryview(data),
        memoryview(data * 2)[::2],
        Bytes(data),
    ):
        memset(a, 0, 64)
        assert copy(a, source, size) is a
        expected = bytes(source)[:size] if source is not b else data[:size]
        assert a.read() == expected + bytes(64 - size)
        assert memcmp(a, source, size) == 0
        assert copy(a, source, Number(size)) is copy(a, source, Index(size)) is a


def test_ranges_copied_without_the_global_lock_are_exact() -> None:
    data = bytes(range(256)) * (LARGE // 256)
    n = len(data)
    a, b = malloc(n + 1), malloc(n)
    assert memcpy(b, data, n).read() == data
    assert memcpy(a, b, n).read(n) == data
    assert memcmp(a, b, n) == memcmp(a, data, n) == 0
    memmove(a + 1, a, n)
    assert (a + 1).read() == data
    memset(a, 255, n)
    assert (memcmp(a, b, n), memcmp(b, a, n), memcmp(a, data, n)) == (1, -1, 1)
    memset(a, 255, n + 1)
    with pytest.raises(ValueError, match=f"the {n} bytes at offsets 0 and 1 overlap: use memmove"):
        memcpy(a + 1, a, n)


def test_memcpy_refuses_overlapping_ranges_but_not_adjacent_ones() -> None:
    ptr = malloc(32)
    ptr.write(bytes(range(32)))
    for at, size in ((0, 1), (0, 32), (1, 2), (15, 16)):
        for dst, src in ((ptr + at, ptr), (ptr, ptr + at)):
            with pytest.raises(ValueError, match="overlap: use memmove"):
                memcpy(dst, src, size)
    assert memcpy(ptr, ptr, 0).read() == bytes(range(32))
    assert memcpy(ptr + 16, ptr, 16).read() == bytes(range(16))


def test_no_function_reaches_beyond_a_slot() -> None:
    array = calloc(4, 16)
    for call in (
        lambda: memset(array[1], 1, 17),
        lambda: memcpy(array[1], bytes(32), 17),
        lambda: memcpy(array[1], array, 17),
        lambda: memcpy(array, array[2], 17),
        lambda: memcmp(array, array[1], 17),
        lambda: memcmp(array[1], bytes(32), 17),
    ):
        with pytest.raises(InvalidSizeError, match="17 bytes reach beyond the 16 that are here"):
            call()
    assert array.read() == bytes(64)
    memset(array, 1, 64)
    array.realloc(16)
    gone = array + 1
    assert memset(gone, 1, 0) is gone
    with pytest.raises(InvalidSizeError, match="1 bytes reach beyond the 0 that are here"):
        memset(gone, 1, 1)


def test_an_argument_that_frees_the_pointer_makes_the_call_fail() -> None:
    calls: list[Any] = [
        lambda ptr: memset(ptr, Index(1, ptr.free), 4),
        lambda ptr: memset(ptr, 1, Index(4, ptr.free)),
        lambda ptr: memcpy(ptr, bytes(8), Index(4, ptr.free)),
        lambda ptr: memcpy(ptr, malloc(8), Index(4, ptr.free)),
        lambda ptr: memcpy(malloc(8), ptr, Index(4, ptr.free)),
        lambda ptr: memcmp(ptr, bytes(8), Index(4, ptr.free)),
        lambda ptr: memcmp(malloc(8), ptr, Index(4, ptr.free)),
    ]
    for call in calls:
        with pytest.raises(FreedMemoryError):
            call(malloc(16))


def test_a_buffer_that_frees_the_pointer_makes_the_call_fail() -> None:
    class Buffer:
        def __buffer__(self, _flags: int) -> memoryview:
            if not self.ptr.freed:
                self.ptr.free()
            return memoryview(bytes(16))

        ptr: Any = None

    try:
        memoryview(Buffer())  # type: ignore[arg-type]
    except TypeError:
        pytest.skip("classes have no buffers before 3.12")
    except AttributeError:
        pass
    for call in (memcpy, memmove, memcmp):
        buffer = Buffer()
        buffer.ptr = malloc(16)
        with pytest.raises(FreedMemoryError):
            call(buffer.ptr, buffer, 8)


def test_a_view_of_the_same_block_is_a_source_and_no_pin_remains() -> None:
    ptr = malloc(32)
    ptr.write(bytes(range(32)))
    with ptr.view() as view:
        memcpy(ptr + 1, view, 31)
        assert memcmp(ptr + 1, view[1:], 31) == 0
    assert ptr.read() == b"\0" + bytes(range(31))
    assert ptr.realloc(8).size == 8  # refused if one of the calls had left a pin


def test_overwriting_a_byte_of_a_held_object_lets_it_go() -> None:
    class Thing:
        def __del__(self) -> None:
            gone.append(1)

    gone: list[int] = []
    empty = malloc(64)
    for overwrite in (
        lambda ptr: memset(ptr, 0, 8),
        lambda ptr: memcpy(ptr, bytes(8), 8),
        lambda ptr: memcpy(ptr, empty, 8),
        lambda ptr: memmove(ptr + 15, empty, 1),
        lambda ptr: memmove(ptr, ptr + 32, 16),
    ):
        gone.clear()
        ptr = malloc(64)
        ptr <<= Thing()
        assert not gone
        overwrite(ptr)
        for _ in range(3):
            gc.collect()
        assert gone == [1]
        ptr.free()


def test_stack_memory_is_refused_once_its_function_has_returned() -> None:
    @stack_alloc(32)
    def inside(ptr: Any) -> None:
        memset(ptr, 7, 32)
        assert memcpy(malloc(32), ptr, 32).read() == b"\7" * 32
        assert memcmp(ptr, b"\7" * 31 + b"\6", 32) == 1
        kept.append(ptr)

    kept: list[Any] = []
    inside()
    for call in (lambda: memset(kept[0], 0, 1), lambda: memcmp(kept[0], b"", 0)):
        with pytest.raises(FreedMemoryError):
            call()


@pytest.mark.parametrize("size", [16, LARGE])
def test_threads_never_see_half_a_copy(size: int) -> None:
    ptr, ones, twos = malloc(size), malloc(size), malloc(size)
    memset(ones, 1, size)
    memset(twos, 2, size)
    memset(ptr, 1, size)
    stop = threading.Event()

    def copy() -> None:
        while not stop.is_set():
            memcpy(ptr, ones, size)
            memcpy(ptr, twos, size)

    threads = [threading.Thread(target=copy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(300):
            assert ptr.read() in (b"\1" * size, b"\2" * size)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
