# SPDX-License-Identifier: MIT
"""Where this CPython keeps the parts of its objects, found out by looking.

Nothing is taken for granted: every offset is confirmed on sample objects, and
where one is not, `probe` returns None and images are synthesised instead.
Sources: CPython's ``Include/cpython/longintrepr.h``, ``unicodeobject.h`` and
``bytesobject.h``, 3.9 to 3.14.
"""

from __future__ import annotations

import struct
import sys
from types import SimpleNamespace

from pointers._codec.layout import native_text
from pointers._typing import Callable

# Copies `count` bytes at an address; only for memory that is known to be there.
Copy = Callable[[int, int], bytes]


class Layout(SimpleNamespace):
    """Offsets into objects, in bytes from ``id(obj)``."""

    header: int  #: first byte after the object header, where float and complex begin
    digits: int  #: first digit of an int
    bytes_data: int  #: first byte of a bytes
    state: int  #: 32-bit state word of a str
    state_shift: int  #: its lowest bit of (ascii, compact, kind)
    ascii_data: int  #: text of a compact ASCII str
    compact_data: int  #: text of any other compact str


_TEXTS = (("pq" * 3, 1, 1), ("p\xe9" * 3, 1, 0), ("p\u0107" * 3, 2, 0), ("p\U00010307" * 3, 4, 0))


def _state_shift(copy: Copy, offset: int) -> int | None:
    """Find the bits (ascii, compact, kind:3) in the state words of sample texts."""
    words = [
        int.from_bytes(copy(id(text) + offset, 4), sys.byteorder) for text, _kind, _ascii in _TEXTS
    ]
    wanted = [kind | 1 << 3 | is_ascii << 4 for _text, kind, is_ascii in _TEXTS]
    found = [shift for shift in range(27) if [word >> shift & 0b11111 for word in words] == wanted]
    return found[0] if len(found) == 1 else None


def probe(copy: Copy) -> Layout | None:
    """Return this interpreter's layout, or None if any part of it is not as expected."""
    if sys.implementation.name != "cpython" or sys.int_info.bits_per_digit != 30:
        return None
    if sys.int_info.sizeof_digit != 4 or struct.calcsize("P") != 8:
        return None
    header = object.__basicsize__
    state_shift = _state_shift(copy, header + 16)
    if state_shift is None:
        return None
    layout = Layout(
        header=header,
        digits=int.__basicsize__,
        bytes_data=bytes.__basicsize__ - 1,
        state=header + 16,
        state_shift=state_shift,
        ascii_data=sys.getsizeof("") - 1,
        compact_data=str.__basicsize__ - 8,
    )
    return layout if _confirmed(layout, copy) else None


def _confirmed(layout: Layout, copy: Copy) -> bool:
    """Whether sample objects hold at the offsets what they should."""
    number = 0x1234567 | 0x2345678 << 30 | 0x3456789 << 60
    samples: list[tuple[object, int, bytes]] = [
        (1.5e300, layout.header, struct.pack("=d", 1.5e300)),
        (1.5 - 2.5j, layout.header, struct.pack("=dd", 1.5, -2.5)),
        (number, layout.digits, struct.pack("=III", 0x1234567, 0x2345678, 0x3456789)),
        (-number, layout.digits, struct.pack("=III", 0x1234567, 0x2345678, 0x3456789)),
        (True, layout.digits, struct.pack("=I", 1)),
        (b"\x01sample\xff", layout.bytes_data, b"\x01sample\xff\0"),
    ]
    for text, kind, is_ascii in _TEXTS:
        data = native_text(text, kind, sys.byteorder) + bytes(kind)
        samples.append((text, layout.ascii_data if is_ascii else layout.compact_data, data))
    # An offset beyond the object would read foreign memory
    return all(
        0 < offset
        and offset + len(data) <= sys.getsizeof(obj)
        and copy(id(obj) + offset, len(data)) == data
        for obj, offset, data in samples
    )
