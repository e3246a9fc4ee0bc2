# SPDX-License-Identifier: MIT
"""The fields of images, read from bytes that may be anything."""

from __future__ import annotations

import struct
import sys

from pointers._codec.layout import DIGIT_BITS, KINDS, TYPE_MARK
from pointers._show.record import Record
from pointers._typing import Any, Iterator

#: Bytes of the words that every image begins with.
HEADER = 16

_MARK = TYPE_MARK.to_bytes(4, sys.byteorder)
_MARK_AT = 12 if sys.byteorder == "little" else 8
_SIGNS = {0: "positive", 1: "zero", 2: "negative"}
_STATES = ((1 << 5, "compact"), (1 << 6, "ascii"))
_CODECS = {1: "latin-1", 2: "utf-16", 4: "utf-32"}
_MOST_DIGITS = 8
_MOST_TEXT = 60


class Field(Record):
    """Some bytes of an image with a meaning of their own."""

    __slots__ = ("offset", "size", "name", "value", "wrong")  # noqa: RUF023 - the order of to_dict

    def __init__(self, offset: int, size: int, name: str, value: str, wrong: str = "") -> None:
        self.offset = offset
        self.size = size
        self.name = name
        self.value = value
        #: What is wrong with it; empty if nothing is.
        self.wrong = wrong


class Image(Record):
    """An image in memory, as far as its bytes tell."""

    __slots__ = ("offset", "kind", "size", "fields", "wrong")  # noqa: RUF023 - as above

    def __init__(self, offset: int, kind: str, size: int = HEADER, wrong: str = "") -> None:
        self.offset = offset
        self.kind = kind
        self.size = size
        self.fields: list[Field] = []
        #: What keeps its bytes from being loaded; empty if nothing does.
        self.wrong = wrong

    @property
    def end(self) -> int:
        """The offset behind its last byte."""
        return self.offset + self.size


class _Reader:
    """Takes fields one by one from the bytes of an image."""

    def __init__(self, data: bytes, offset: int, kind: str) -> None:
        self.data = data
        self.image = Image(offset, kind, 0)

    def take(self, size: int, name: str) -> bytes | None:
        """Take bytes; None, and a note, if there are fewer."""
        start = self.image.end
        if size > len(self.data) - start:
            left = max(0, len(self.data) - start)
            self.image.wrong = (
                self.image.wrong or f"{name} needs {size} bytes, and there are {left}"
            )
            self.image.size = len(self.data) - self.image.offset
            return None
        self.image.size += size
        return self.data[start : start + size]

    def add(self, size: int, name: str, value: str, wrong: str = "") -> None:
        """Note the bytes that were taken last."""
        self.image.fields.append(Field(self.image.end - size, size, name, value, wrong))
        if wrong:
            self.image.wrong = self.image.wrong or f"{name} is {value}: {wrong}"

    def word(self, name: str, expected: int | None = None, code: str = "=Q") -> int | None:
        """Take a word, which has to have one value if that is given."""
        size = struct.calcsize(code)
        raw = self.take(size, name)
        if raw is None:
            return None
        value: int = struct.unpack(code, raw)[0]
        right = expected is None or value == expected
        self.add(size, name, str(value), "" if right else f"it must be {expected}")
        return value


def _read_int(reader: _Reader) -> None:
    raw = reader.take(8, "tag")
    if raw is None:
        return
    tag = int.from_bytes(raw, sys.byteorder)
    count, sign = tag >> 3, _SIGNS.get(tag & 7, "no sign")
    wrong = "" if tag & 7 in _SIGNS and (tag & 7 == 1) == (not count) else "it is no sign and count"
    reader.add(8, "tag", f"{sign}, {count} digit{'' if count == 1 else 's'}", wrong)
    if wrong:
        return
    for index in range(min(count, _MOST_DIGITS)):
        digit = reader.word(f"digit {index}", code="=I")
        if digit is None:
            return
        last = reader.image.fields[-1]
        if digit >> DIGIT_BITS or (index == count - 1 and not digit):
            last.wrong = f"a digit has {DIGIT_BITS} bits, and the last one is not 0"
            reader.image.wrong = reader.image.wrong or f"{last.name} is {digit}: {last.wrong}"
    rest = count - _MOST_DIGITS
    if rest > 0 and reader.take(4 * rest, "digits") is not None:
        reader.add(4 * rest, f"digits {_MOST_DIGITS} to {count - 1}", f"{rest} more")


def _read_doubles(*names: str) -> Any:
    def read(reader: _Reader) -> None:
        for name in names:
            raw = reader.take(8, name)
            if raw is None:
                return
            reader.add(8, name, repr(struct.unpack("=d", raw)[0]))

    return read


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 3]}..."


def _read_bytes(reader: _Reader) -> None:
    count = reader.word("length")
    if count is None or reader.word("hash", -1, "=q") is None:
        return
    raw = reader.take(count, "data")
    if raw is None:
        return
    reader.add(count, "data", _shortened(raw))
    reader.word("NUL", 0, "=B")


def _read_str(reader: _Reader) -> None:
    count = reader.word("length")
    if count is None or reader.word("hash", -1, "=q") is None:
        return
    raw = reader.take(4, "state")
    if raw is None:
        return
    state = int.from_bytes(raw, sys.byteorder)
    width, is_ascii = state >> 2 & 7, bool(state >> 6 & 1)
    names = [f"kind {width}", *(name for bit, name in _STATES if state & bit)]
    good = width in _CODECS and state in (width << 2 | 1 << 5, 1 << 2 | 1 << 5 | 1 << 6)
    reader.add(4, "state", ", ".join(names), "" if good else "no text has such a state")
    if not good or reader.word("padding", 0, "=I") is None:
        return
    if not is_ascii and (
        reader.word("UTF-8 length", 0) is None or reader.word("UTF-8 address", 0) is None
    ):
        return
    data = reader.take(count * width, "text")
    if data is None:
        return
    codec = _CODECS[width]
    if width > 1:
        codec += "-le" if sys.byteorder == "little" else "-be"
    try:
        text, wrong = _shortened(data.decode(codec, "surrogatepass")), ""
    except UnicodeDecodeError:
        text, wrong = _shortened(data), "these are no code points"
    reader.add(len(data), "text", text, wrong)
    reader.word("NUL", 0, {1: "=B", 2: "=H", 4: "=I"}[width])


_READERS = {
    "int": _read_int,
    "bool": _read_int,
    "float": _read_doubles("value"),
    "complex": _read_doubles("real", "imag"),
    "bytes": _read_bytes,
    "str": _read_str,
}


def read_image(data: bytes, offset: int = 0) -> Image | None:
    """Return the image whose header stands at an offset of some bytes; None if none does."""
    header = data[offset : offset + HEADER]
    if len(header) < HEADER or header[_MARK_AT : _MARK_AT + 4] != _MARK:
        return None
    refcount, type_word = struct.unpack("=QQ", header)
    kind = KINDS.get(type_word & 0xFFFFFFFF)
    reader = _Reader(data, offset, kind or "unknown")
    reader.image.size = 8
    if kind == "reference":
        reader.add(8, "key", str(refcount))
    else:
        reader.add(8, "refcount", str(refcount), "" if refcount == 1 else "it must be 1")
    reader.image.size = HEADER
    reader.add(8, "type", kind or hex(type_word), "" if kind else "there is no such type")
    read = _READERS.get(reader.image.kind)
    if read is not None:
        read(reader)
    return reader.image


def find_images(data: bytes) -> Iterator[Image]:
    """Return the images in some bytes, in order; one inside of another is none."""
    offset = 0
    while True:
        found = data.find(_MARK, offset + _MARK_AT)
        if found < 0:
            return
        offset = found - _MARK_AT
        image = read_image(data, offset)
        if image is None:  # its header would begin before the bytes
            offset += 1
            continue
        yield image
        offset = image.end if not image.wrong else offset + HEADER
