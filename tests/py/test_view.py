# SPDX-License-Identifier: MIT
"""Views of memory, and the pins that they hold."""

import array as arrays
import ctypes
import gc
import io
import sys
import warnings
from typing import Any

import pytest
from _collecting import CPYTHON

from pointers import (
    CorruptObjectError,
    FreedMemoryError,
    System,
    acquire_stack_alloc,
    calloc,
    free,
    malloc,
    memcpy,
    realloc,
)
from pointers._ffi import fast


def test_a_view_shares_the_memory() -> None:
    with malloc(64) as ptr:
        view = ptr.view()
        assert (view.format, view.itemsize, view.nbytes, view.readonly) == ("B", 1, 64, False)
        view[0:3] = b"abc"
        assert ptr.read(3) == b"abc"
        ptr.write(b"xyz")
        assert bytes(view[:3]) == b"xyz"
        view.release()


@pytest.mark.parametrize(("kind", "size"), [("b", 1), ("H", 2), ("i", 4), ("q", 8), ("d", 8)])
def test_a_view_has_items_of_its_format(kind: str, size: int) -> None:
    def use(ptr: Any) -> None:
        with ptr.view(kind) as view:
            assert (view.format, view.itemsize, len(view)) == (kind, size, 64 // size)
            view[1] = 3
            assert view.tolist()[:3] == [0, 3, 0]

    with malloc(64) as ptr:
        use(ptr)
        assert ptr.read(2 * size)[size:] == arrays.array(kind, [3]).tobytes()


def test_a_refused_format_leaves_no_pin() -> None:
    with malloc(63) as ptr:
        for kind in ("i", "d", "H"):
            with pytest.raises(ValueError, match="63 bytes are no whole number"):
                ptr.view(kind)
        for strange in ("no format", "", "ii", "<i", "Z", "\0", "\u0107"):
            for place in (ptr, ptr + 63, ptr + 3):
                with pytest.raises(ValueError, match=r"format|whole number"):
                    place.view(strange)
        for wrong in (None, 5, b"B"):
            with pytest.raises(TypeError, match="format must be a str"):
                ptr.view(wrong)  # type: ignore[arg-type]
        gc.collect()
        realloc(ptr, 10)  # refused if a pin were left


@pytest.mark.parametrize(("kind", "error"), [("i", ValueError), ("no", ValueError), (5, TypeError)])
def test_an_error_that_is_kept_keeps_no_pin(kind: Any, error: "type[Exception]") -> None:
    ptr = malloc(63)
    with pytest.raises(error) as kept:
        ptr.view(kind)
    free(ptr)
    assert kept.value.__traceback__ is not None


def test_read_only_views_show_changes_and_refuse_writes() -> None:
    with malloc(64) as ptr, ptr.view(writable=False) as view:
        assert view.readonly
        with pytest.raises(TypeError):
            view[0] = 1
        ptr.write(b"new")
        assert bytes(view[:3]) == b"new"
        view.release()


def test_views_of_aliases_and_slots_have_their_bounds() -> None:
    with malloc(64) as ptr, (ptr + 40).view() as view:
        assert view.nbytes == 24
        view[0] = 7
        assert ptr.read()[40] == 7
        view.release()
    with calloc(4, 28) as array, array[2].view() as view:
        assert view.nbytes == 28
        view[0] = 9
        assert array.read()[56] == 9
        view.release()
    with malloc(0) as ptr, ptr.view() as view:
        assert view.nbytes == 0
        view.release()


def refuses(ptr: Any) -> None:
    for action in (lambda: free(ptr), lambda: realloc(ptr, 28), lambda: realloc(ptr, 2800)):
        with pytest.raises(BufferError, match="view"):
            action()
    assert not ptr.freed


@pytest.mark.parametrize("make", [lambda: malloc(56), lambda: calloc(2, 28)])
def test_memory_with_a_view_can_be_neither_freed_nor_moved(make: Any) -> None:
    ptr = make()
    view = ptr.view()
    refuses(ptr)
    view[0] = 1
    ptr <<= 5  # a pin does not keep the memory from being used
    assert ~ptr == 5
    view.release()
    realloc(ptr, 2800)
    free(ptr)


def test_every_memoryview_made_of_a_view_holds_the_pin() -> None:
    ptr = malloc(64)
    view = ptr.view()
    part = view[8:16]
    cast = view.cast("i")
    again = memoryview(cast)
    for one in (view, part, cast):
        one.release()
        refuses(ptr)
    again.release()
    free(ptr)


def test_memory_stays_pinned_until_its_last_view_ends() -> None:
    ptr = malloc(64)
    views = [place.view() for place in (ptr, ptr + 8, ptr)]
    while views:
        refuses(ptr)
        views.pop().release()
    free(ptr)


def test_a_view_that_is_gone_holds_no_pin() -> None:
    ptr = malloc(64)
    view = ptr.view()
    refuses(ptr)
    del view
    free(ptr)


@pytest.mark.skipif(
    sys.implementation.name == "pypy", reason="PyPy's arrays never end their pin: docs/limits.md"
)
def test_numpy_arrays_hold_the_pin() -> None:
    numpy = pytest.importorskip("numpy")
    ptr = malloc(64)
    array = numpy.frombuffer(ptr.view(), dtype=numpy.int32)
    array[3] = 77
    part = array[2:]
    del array
    refuses(ptr)
    assert ptr.read()[12] == 77
    del part
    free(ptr)


def test_memory_outlives_its_pointer_while_a_view_lives() -> None:
    gc.collect()
    before = System().stats().current_blocks

    def make() -> memoryview:
        ptr = malloc(64)
        ptr.write(b"still here")
        return ptr.view()

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no ResourceWarning: the view owns the memory
        view = make()
        gc.collect()
        other = malloc(64)
        assert bytes(view[:10]) == b"still here"
        view[0] = 1
        assert System().stats().current_blocks == before + 2
        free(other)
        view.release()
        del view
        gc.collect()
    assert System().stats().current_blocks == before


def test_stack_memory_has_no_views() -> None:
    @acquire_stack_alloc(64)
    def result(ptr: Any) -> str:
        with pytest.raises(BufferError, match="stack memory has no views"):
            ptr.view()
        ptr <<= 5
        return str(ptr)

    assert result == "5"


def test_freed_memory_has_no_views() -> None:
    ptr = malloc(64)
    free(ptr)
    with pytest.raises(FreedMemoryError):
        ptr.view()


def test_objects_that_a_view_overwrote_are_corrupt_or_empty() -> None:
    with malloc(64) as ptr:
        ptr <<= "text"
        with ptr.view() as view:
            view[8] ^= 0xFF
        with pytest.raises(CorruptObjectError):
            ~ptr
        ptr <<= [1]
        with ptr.view("Q") as view:
            view[0] += 1
        with pytest.raises(CorruptObjectError, match="copied or made up"):
            ~ptr


@pytest.mark.skipif(fast is None, reason="only compiled pointers are buffers")
def test_pointers_are_buffers() -> None:
    ptr = malloc(64)
    ptr.write(b"abc")
    with memoryview(ptr) as view:  # type: ignore[arg-type]
        assert bytes(view[:3]) == b"abc"
        refuses(ptr)
        view[0] = 0
    assert bytearray(ptr)[:3] == b"\0bc"  # type: ignore[call-overload]
    with malloc(64) as other:
        memcpy(other, ptr, 64)
        assert other.read() == ptr.read()
    free(ptr)
    with pytest.raises(FreedMemoryError):
        memoryview(ptr)  # type: ignore[arg-type]


@pytest.mark.skipif(fast is not None, reason="compiled pointers are buffers")
@pytest.mark.parametrize("take", [memoryview, io.BytesIO, (ctypes.c_char * 4).from_buffer])
def test_pointers_are_no_buffers(take: Any) -> None:
    said = sys.version_info >= (3, 12) or sys.implementation.name == "pypy"
    with malloc(64) as block, calloc(2, 32) as array:
        for ptr in (block, block + 8, array, array[1]):
            with pytest.raises(TypeError, match=r"ptr\.view\(\)" if said else None):
                take(ptr)


@pytest.mark.skipif(fast is None, reason="the views of a block share a pin")
def test_more_views_than_pins_can_be_counted_are_refused() -> None:
    ptr = malloc(8)
    views = [ptr.view() for _ in range(65535)]
    with pytest.raises(BufferError, match="as many views as there can be"):
        ptr.view()
    assert ~ptr.move(None, unsafe=True) is None if ptr.capacity >= 16 else True
    for view in views:
        view.release()
    del view
    views.clear()
    free(ptr)


def test_views_that_were_released_do_not_count() -> None:
    with malloc(200) as ptr:
        for n in range(3 * 65536):
            ptr.view().release()
            if n % 1000 == 0:
                with pytest.raises(ValueError, match="format"):
                    ptr.view("no format")


@pytest.mark.parametrize("older", [False, True])
def test_a_view_in_a_collected_cycle_holds_no_pin(older: bool) -> None:
    class Holder:
        """Finalised before or after its view."""

        view: memoryview

        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            seen.append(1)

    def lend() -> Any:
        holder = Holder() if older else None
        ptr = malloc(64)
        view = ptr.view()
        holder = holder or Holder()
        holder.view = view
        holder.parts = [view[3:], memoryview(view).cast("i")]  # type: ignore[attr-defined]
        return ptr

    seen: list[int] = []
    for count in (1, 50):
        seen.clear()
        pointers = [lend() for _ in range(count)]
        if CPYTHON:
            gc.collect()
        for ptr in pointers:  # which looks for garbage itself where references are not counted
            free(ptr)
        assert len(seen) == count
