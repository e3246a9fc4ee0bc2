# SPDX-License-Identifier: MIT
"""A view with a format is as a cast of a view without one, on both paths."""

import io
import struct
from typing import Any

import pytest
from _collecting import CPYTHON

from pointers import FreedMemoryError, Pointer, calloc, malloc, stack_alloc

FORMATS = "cbB?hHiIlLqQnNfdP"


def check_as_cast(owner: Any, offset: int, format_: str, writable: bool) -> None:
    owner.write(bytes(range(48)))
    ptr = owner + offset
    cast = ptr.view().cast(format_)  # type: ignore[call-overload]
    expected = cast if writable else cast.toreadonly()
    view = ptr.view(format_, writable)
    for name in (
        "format", "itemsize", "nbytes", "ndim", "shape", "strides", "readonly", "contiguous",
        "c_contiguous", "f_contiguous", "suboffsets",
    ):  # fmt: skip
        assert getattr(view, name) == getattr(expected, name), name
    assert view.tobytes() == expected.tobytes()
    if format_ != "f":  # some of these bytes are NaN as floats, which does not equal itself
        assert view.tolist() == expected.tolist()
    if writable:
        view[0] = view[1]
        assert cast[0] == cast[1]
    else:
        with pytest.raises(TypeError, match="read-only"):
            view[0] = view[1]
    for each in (view, expected, cast):
        each.release()


@pytest.mark.parametrize("offset", [0, 8, 16])
def test_a_view_with_a_format_equals_a_cast(offset: int) -> None:
    # One block for all, since on PyPy its free() has to look for garbage
    with malloc(48) as owner:
        for format_ in FORMATS:
            check_as_cast(owner, offset, format_, True)
            check_as_cast(owner, offset, format_, False)


@pytest.mark.parametrize("format_", ["i", "d", "q"])
def test_bytes_that_are_no_whole_number_of_items_are_refused(format_: str) -> None:
    for size in (1, 13):
        with malloc(size) as ptr:
            with pytest.raises(ValueError, match=f"{size} bytes are no whole number of items"):
                ptr.view(format_)
            assert ptr.realloc(size + 1).size == size + 1  # refused if a pin were left


@pytest.mark.parametrize("format_", ["", "e", "ii", "@i", "<i", "x", "s", "\0", "é", "∑", "i\0"])
def test_formats_that_a_cast_refuses_are_refused(format_: str) -> None:
    with malloc(16) as ptr:
        try:
            expected = ptr.view().cast(format_)  # type: ignore[call-overload]
        except (ValueError, RuntimeError):
            with pytest.raises(ValueError, match="is none of a view's"):
                ptr.view(format_)
        else:
            with ptr.view(format_) as view:
                assert view.format == expected.format
            expected.release()


def test_a_format_must_be_a_str_and_writable_may_be_any_object() -> None:
    class Text(str):
        __slots__ = ()

    with malloc(16) as ptr:
        assert ptr.view(Text("i")).format == "i"
        assert ptr.view("i", []).readonly  # type: ignore[arg-type]
        assert not ptr.view("i", [0]).readonly  # type: ignore[arg-type]
        assert ptr.view("i", writable=False).readonly
        assert ptr.view(format="i").shape == (4,)
        for wrong in (5, b"i", None):
            with pytest.raises(TypeError, match="format must be a str, not"):
                ptr.view(wrong)  # type: ignore[arg-type]


def test_a_slot_beyond_a_shrunk_array_has_a_view_of_no_items() -> None:
    array = calloc(3, 12)
    assert len(array[1].view("i")) == 3
    assert array.view("i").shape == (9,)
    slot = array[2]
    array.realloc(24)
    assert slot.view().nbytes == 0
    with slot.view("i") as view:
        assert (view.shape, view.format) == ((0,), "i")
    array.free()
    with pytest.raises(FreedMemoryError):
        slot.view("i")


def test_stack_memory_has_no_views_with_formats() -> None:
    @stack_alloc(16)
    def inside(ptr: "Pointer[Any]") -> None:
        with pytest.raises(BufferError, match="stack memory has no views"):
            ptr.view("i")

    inside()


def test_a_view_with_a_format_serves_functions_that_take_bytes() -> None:
    with malloc(16) as ptr:
        ptr.write(bytes(range(16)))
        with ptr.view("i") as view:
            assert bytes(view) == bytes(view.obj) == bytes(range(16))  # type: ignore[arg-type]
            assert struct.unpack_from("3b", view, 1) == (1, 2, 3)
            assert io.BytesIO(b"abcd" * 4).readinto(view) == 16
            assert view[0] == struct.unpack("i", b"abcd")[0]
        with ptr.view("i", False) as view, pytest.raises((TypeError, BufferError)):
            io.BytesIO(b"abcd" * 4).readinto(view)


@pytest.mark.skipif(not CPYTHON, reason="PyPy's NumPy never ends its pin: docs/lending.md")
def test_numpy_arrays_have_the_items_of_a_view() -> None:
    numpy = pytest.importorskip("numpy")
    with malloc(16) as ptr:
        view = ptr.view("i")
        for array in (numpy.asarray(view), numpy.frombuffer(view, "i"), numpy.asarray(view[1:])):
            assert array.dtype == numpy.intc and array.ndim == 1
            array[-1] = 7
            assert view[3] == 7
        same = numpy.ndarray(4, numpy.intc, buffer=view)
        view.release()
        same[0] = 5
        with pytest.raises(BufferError):
            ptr.realloc(8)
        del same, array
