# SPDX-License-Identifier: MIT
"""NUL-terminated text is read and written within the block; formats show text or address."""

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointers import FreedMemoryError, InvalidSizeError, calloc, free, malloc, stack_alloc

ENCODINGS = ["utf-8", "latin-1", "ascii", "cp1252"]


@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",))), st.data())
def test_a_text_that_was_written_is_read_again(text: str, data: st.DataObject) -> None:
    n = len(text.encode()) + 1
    with malloc(n + 9) as ptr:
        ptr.write(b"x" * (n + 9))
        at = ptr + data.draw(st.integers(0, 9))
        at.write_string(text)
        assert at.string() == text
        assert at.read(n) == text.encode() + b"\0"
        # The bytes before and behind the text are unchanged
        assert ptr.read(at.offset) + at.read()[n:] == b"x" * 9


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_with_a_nul_of_one_byte_work(encoding: str) -> None:
    with malloc(64) as ptr:
        ptr.write_string("text", encoding)
        assert ptr.string(encoding) == "text"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-7"])
def test_a_wider_nul_is_refused(encoding: str) -> None:
    with malloc(64) as ptr:
        ptr.write(b"text\0")
        with pytest.raises(ValueError, match=f"the NUL of {encoding} is no single zero byte"):
            ptr.string(encoding)
        with pytest.raises(ValueError, match="encode"):
            ptr.write_string("other", encoding)
        assert ptr.string() == "text"


def test_an_unknown_encoding_is_refused() -> None:
    with malloc(8) as ptr, pytest.raises(LookupError, match="no-such"):
        ptr.string("no-such")


# Sizes around those of the pieces in which string() reads
@pytest.mark.parametrize("n", [0, 1, 255, 256, 257, 1023, 1024, 4095, 4096, 100_000])
def test_a_nul_is_found_at_any_distance(n: int) -> None:
    with malloc(n + 1) as ptr:
        ptr.write_string("a" * n)
        assert ptr.string() == "a" * n
        ptr.write(b"a" * (n + 1))
        with pytest.raises(InvalidSizeError, match=f"no NUL in the {n + 1} bytes"):
            ptr.string()


def test_the_text_ends_at_the_bound_of_a_slot() -> None:
    with calloc(2, 4) as array:
        array.write(b"full")
        (array + 1).write(b"abc\0")
        assert (array + 1).string() == "abc"
        with pytest.raises(InvalidSizeError, match="no NUL in the 4 bytes"):
            array[1].write(b"full"), array[1].string()


def test_a_text_that_does_not_fit_writes_nothing() -> None:
    with malloc(4) as ptr:
        ptr.write_string("abc")
        with pytest.raises(InvalidSizeError):
            ptr.write_string("four")
        with pytest.raises(InvalidSizeError):
            ptr.write_string("\u00e4\u00e4")  # each takes two bytes
        assert ptr.string() == "abc"


def test_a_nul_inside_is_refused() -> None:
    with malloc(16) as ptr:
        ptr.write_string("old")
        with pytest.raises(ValueError, match="NUL at byte 2, where C would end it"):
            ptr.write_string("\u00e4\0b")
        assert ptr.string() == "old"


def test_bytes_that_do_not_decode_are_refused_or_replaced() -> None:
    with malloc(8) as ptr:
        ptr.write(b"a\xff\0")
        with pytest.raises(UnicodeDecodeError):
            ptr.string()
        assert ptr.string(errors="replace") == "a\ufffd"
        assert ptr.string("latin-1") == "a\xff"


@pytest.mark.parametrize("text", [b"bytes", 1, None, ["a"]])
def test_a_text_that_is_no_str_is_refused(text: object) -> None:
    with malloc(8) as ptr, pytest.raises(TypeError, match="text must be a str"):
        ptr.write_string(text)  # type: ignore[arg-type]


def test_text_of_a_freed_block_is_refused() -> None:
    ptr = malloc(8)
    free(ptr)
    with pytest.raises(FreedMemoryError):
        ptr.string()
    with pytest.raises(FreedMemoryError):
        ptr.write_string("a")


def test_stack_memory_can_hold_text() -> None:
    @stack_alloc(8)
    def call(ptr) -> str:  # type: ignore[no-untyped-def]
        ptr.write_string("stack")
        return str(ptr.string())

    assert call() == "stack"


def test_an_object_that_a_text_overwrites_is_no_longer_assigned() -> None:
    with malloc(16) as ptr:
        ptr <<= {1, 2}
        ptr.write_string("over it")
        assert not ptr.assigned


def test_c_reads_and_writes_the_same_text() -> None:
    with malloc(64) as ptr:
        ptr.write_string("gr\u00fc\u00df")
        with ptr.view() as view:
            raw = (ctypes.c_char * 64).from_buffer(view)
            assert raw.value == "gr\u00fc\u00df".encode()
            raw.value = b"back"
            del raw
        assert ptr.string() == "back"


def test_number_formats_show_the_address() -> None:
    ptr = malloc(32)
    ptr <<= 5
    for spec in ("x", "#x", "X", "d", "016x", "#b", "o", ">20x", "n"):
        assert format(ptr, spec) == format(ptr.address, spec)
    assert f"{ptr + 8:x}" == f"{ptr.address + 8:x}"
    address = ptr.address
    free(ptr)
    with pytest.raises(FreedMemoryError):
        f"{ptr:x}"
    assert address


def test_text_formats_show_the_value() -> None:
    with malloc(32) as ptr:
        ptr <<= 5
        assert f"{ptr}" == "5"
        assert f"{ptr:>4}" == "   5"
        assert f"{ptr:s}" == "5"
        with pytest.raises(ValueError, match="format"):
            f"{ptr:q}"
