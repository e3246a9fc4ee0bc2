# SPDX-License-Identifier: MIT
"""Values out of memory: each load builds a fresh object with the interpreter's own means."""

from __future__ import annotations

import codecs
import sys

from pointers._collector import retry_no_memory
from pointers._errors import status_error
from pointers._ffi import ffi, lib
from pointers._typing import Any

if sys.implementation.name == "pypy":
    # Imports its codecs on first use; an interrupt amid that would keep the import's lock
    # for ever.  CPython has those that are used here built in.
    for _codec in ("ascii", "latin-1", "utf-16", "utf-32"):
        codecs.lookup(_codec)

_load = lib.ptrs_access_load
_buffer = ffi.buffer
_unpack = ffi.unpack
_cast = ffi.cast

_NONE = lib.PTRS_CODEC_NONE
_BOOL = lib.PTRS_CODEC_BOOL
_INT = lib.PTRS_CODEC_INT
_FLOAT = lib.PTRS_CODEC_FLOAT
_COMPLEX = lib.PTRS_CODEC_COMPLEX
_BYTES = lib.PTRS_CODEC_BYTES
_STR = lib.PTRS_CODEC_STR
_REFERENCE = lib.PTRS_CODEC_REFERENCE
# The second is an alias beyond the end of a block that has shrunk
_EMPTY = (lib.PTRS_CODEC_EMPTY, -lib.PTRS_STATUS_OUT_OF_BOUNDS)


class Key(int):
    """The result of loading an object that is stored by reference: its key."""

    __slots__ = ()


class Empty:
    """The result of loading where nothing was stored."""

    __slots__ = ()


EMPTY = Empty()


class _Record:
    """Memory for a private copy of an image; its own, or that of the C heap."""

    __slots__ = ("count", "load", "value")

    def __init__(self) -> None:
        self.load = ffi.gc(ffi.new("PtrsAccessLoad *"), lib.ptrs_access_load_clear)
        self.value = self.load.value
        # Of an unsigned number, PyPy makes one of any length, which takes as long as all the rest
        self.count = ffi.cast("intptr_t *", ffi.addressof(self.value, "count"))


# Records that no load is using.  A load takes one away and puts it back: a
# signal handler or finalizer that loads in between takes another.
_records: list[_Record] = []


def _text(value: Any, count: int) -> str:
    text: str
    if value.width == 1:
        text = _buffer(value.data, count)[:].decode("latin-1")
    else:
        text = _unpack(_cast("char32_t *", value.data), count)
    return text


def _integer(value: Any, count: int) -> int:
    magnitude = int.from_bytes(_buffer(value.data, count), "little")
    return -magnitude if value.negative else magnitude


def load(block: int, offset: int) -> Any:
    """Return the object whose image stands at an offset, `EMPTY` or a `Key`.

    :raises CorruptObjectError: the bytes there are no image.
    :raises FreedMemoryError: the block is gone.
    """
    try:
        record = _records.pop()
    except IndexError:
        record = _Record()
    kind = _load(block, offset, record.load)
    if kind < 0:
        kind = retry_no_memory(kind, _load, block, offset, record.load)
    value = record.value
    result: Any
    if kind == _INT:
        count = record.count[0]
        result = _integer(value, count) if count else value.integer
    elif kind == _STR:
        result = _text(value, record.count[0])
    elif kind == _FLOAT:
        result = value.real
    elif kind == _BYTES:
        result = _buffer(value.data, record.count[0])[:]
    elif kind == _REFERENCE:
        result = Key(value.integer)
    elif kind == _BOOL:
        result = value.integer != 0
    elif kind == _NONE:
        result = None
    elif kind == _COMPLEX:
        result = complex(value.real, value.imag)
    elif kind in _EMPTY:
        result = EMPTY
    else:
        _records.append(record)
        raise status_error(
            kind,
            block,
            corrupt=f"the bytes at offset {offset} are not those of an object: they were "
            "overwritten or never written through a pointer; store an object here first",
        )
    _records.append(record)
    return result
