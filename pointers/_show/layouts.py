# SPDX-License-Identifier: MIT
"""How objects of a type are laid out in memory."""

from __future__ import annotations

from pointers._codec.layout import sizeof
from pointers._show.dump import dump
from pointers._show.images import Field
from pointers._show.record import Record
from pointers._show.table import as_html, as_text

_TEXT_SIZES = (
    "41 bytes and 1 for each character, if all are ASCII; else 56, and 1, 2 or 4 for each "
    "character and the NUL behind them"
)

# An object of each type whose image has each field once, and how the size follows from the value
_SAMPLES: dict[type, tuple[object, str]] = {
    type(None): (None, "16 bytes"),
    bool: (True, "24 bytes, and 4 for True"),
    int: (1, "24 bytes, and 4 for each 30 bits of the number"),
    float: (1.5, "24 bytes"),
    complex: (1 + 2j, "32 bytes"),
    bytes: (b"a", "33 bytes, and 1 for each byte"),
    str: ("a", _TEXT_SIZES),
}


class Layout(Record):
    """The fields of an image.  Its `repr` is the text, for people; `to_dict` is for programs."""

    __slots__ = ("title", "sizes", "fields")  # noqa: RUF023 - the order of to_dict

    def __init__(self, title: str, sizes: str, fields: list[Field]) -> None:
        self.title = title
        self.sizes = sizes
        self.fields = fields

    def __str__(self) -> str:
        """Return the text."""
        return "\n".join([self.title, f"  {self.sizes}", *as_text(self.fields)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self.title, [self.sizes], [], [("", self.fields)])


def layout(x: object) -> Layout:
    """Return the fields of an image, with their offsets and sizes.

    :param x: A type, of which one object is taken as the example; or an object.
    """
    kind = x if isinstance(x, type) else type(x)
    sample, sizes = _SAMPLES.get(kind, (None, ""))
    if kind not in _SAMPLES:
        sample = x if not isinstance(x, type) else object()
        sizes = "16 bytes: the object itself is held beside the memory"
    elif not isinstance(x, type):
        sample = x
    shown = dump(sample)
    fields = [each for image in shown.images for each in image.fields]
    title = f"{kind.__name__}, for example {sample!r}" if isinstance(x, type) else kind.__name__
    if kind not in _SAMPLES:
        title = f"{kind.__name__}, by reference"
    elif not isinstance(x, type):
        sizes = f"{sizeof(sample)} bytes here: {sizes}"
    return Layout(title, sizes, fields)
