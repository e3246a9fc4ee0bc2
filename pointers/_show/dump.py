# SPDX-License-Identifier: MIT
"""What is in memory: bytes, and the images that stand there with their fields."""

from __future__ import annotations

import reprlib

from pointers._alloc.functions import malloc
from pointers._codec.layout import sizeof
from pointers._errors import PointersError
from pointers._pointer.array import AllocatedArrayPointer, ArraySlotPointer
from pointers._pointer.pointer import Pointer
from pointers._pointer.stack_call import StackAllocatedPointer
from pointers._pointer.steps import BytePointer
from pointers._show.hexdump import rows
from pointers._show.images import Field, Image, find_images
from pointers._show.record import Record
from pointers._show.table import as_html, as_text
from pointers._typing import Any

# Bytes that are read and shown; the rest is counted
_MOST = 4096


class Dump(Record):
    """Memory as it was at one time.  Its `repr` is text for people; `to_dict` is for programs."""

    __slots__ = ("data", "facts", "images", "size", "slots", "title", "values")

    def __init__(self, title: str, facts: list[str], data: bytes, size: int) -> None:
        self.title = title
        self.facts = facts
        self.data = data
        #: Bytes in all, of which `data` has the first.
        self.size = size
        self.images: list[Image] = []
        #: What each image stands for, by its offset: a value, or why there is none.
        self.values: dict[int, str] = {}
        #: Where slots begin; empty where there are no slots.
        self.slots: list[int] = []

    def _headline(self, image: Image) -> str:
        where = f"offset {image.offset}"
        if image.offset in self.slots:
            where = f"slot {self.slots.index(image.offset)}, {where}"
        return f"{where}: {image.kind}, {image.size} bytes: {self.values[image.offset]}"

    def sections(self) -> list[tuple[str, list[Field]]]:
        """Return a headline and the fields of each image."""
        return [(self._headline(image), image.fields) for image in self.images]

    def hexdump(self) -> list[str]:
        """Return the bytes as lines of text."""
        lines = list(rows(self.data))
        if self.size > len(self.data):
            lines.append(f"          {self.size - len(self.data)} more bytes")
        return lines

    def __str__(self) -> str:
        """Return the text."""
        lines = [self.title, *(f"  {fact}" for fact in self.facts), *self.hexdump()]
        for headline, fields in self.sections():
            lines += [headline, *as_text(fields)]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self.title, self.facts, self.hexdump(), self.sections())

    def to_dict(self) -> dict[str, Any]:
        """Return the same as numbers and texts, which JSON can have."""
        images = [{**image.to_dict(), "value": self.values[image.offset]} for image in self.images]
        return {
            "title": self.title,
            "facts": self.facts,
            "size": self.size,
            "data": self.data.hex(),
            "slots": self.slots,
            "images": images,
        }


def _facts(ptr: Pointer[Any]) -> list[str]:
    facts = [
        f"address {ptr.address:#x}, offset {ptr.offset}, alignment of the block {ptr.alignment}",
        f"{ptr.size} bytes from here, capacity {ptr.capacity}",
    ]
    if isinstance(ptr, AllocatedArrayPointer):
        facts.append(f"{ptr.count} slots of {ptr.slot_size} bytes")
    if isinstance(ptr, ArraySlotPointer):
        facts.append(f"slot {ptr.index}")
    if isinstance(ptr, StackAllocatedPointer):
        facts.append("memory on the C stack")
    else:
        source: Any = getattr(ptr, "allocator", None)
        facts.append(f"memory of {source!r}" if source is not None else "memory of something else")
    return facts


def _slots(ptr: Pointer[Any], size: int) -> list[int]:
    if isinstance(ptr, AllocatedArrayPointer) and ptr.slot_size:
        return list(range(0, size, ptr.slot_size))
    return []


def _value(ptr: Pointer[Any], image: Image) -> str:
    """Return what is loaded at an image, as a short text."""
    if image.wrong:
        return f"no object: {image.wrong}"
    try:
        obj = _at(ptr, image.offset).dereference()
    except PointersError as error:
        return f"no object: {error}"
    return reprlib.repr(obj)


def _at(ptr: Pointer[Any], offset: int) -> Pointer[Any]:
    if isinstance(ptr, BytePointer):
        at: Pointer[Any] = ptr + offset
        return at
    slots: Any = ptr
    # Of an array, objects stand at the start of slots
    if slots.slot_size and not offset % slots.slot_size:
        step: Pointer[Any] = slots[slots.offset // slots.slot_size + offset // slots.slot_size]
        return step
    raise PointersError("it begins in the middle of a slot")


def dump_pointer(ptr: Pointer[Any]) -> Dump:
    """Return what is in memory from a pointer on."""
    name = type(ptr).__name__
    if ptr.freed:
        return Dump(f"{name}, freed", [], b"", 0)
    size = ptr.size
    data = ptr.read(min(size, _MOST))
    made = Dump(f"{name} to {size} bytes", _facts(ptr), data, size)
    made.images += find_images(data)
    made.slots += _slots(ptr, len(data))
    for image in made.images:
        made.values[image.offset] = _value(ptr, image)
    return made


def dump(x: object) -> Dump:
    """Return what is in memory: bytes, and each image with its fields, values and faults.

    It shows itself as text, or in a notebook as HTML; ``to_dict()`` is for programs.

    :param x: A pointer, whose memory from there on is shown (the first 4,096 bytes of it); or any
        other object, whose image is shown as a store would make it.
    """
    if isinstance(x, Pointer):
        return dump_pointer(x)
    with malloc(sizeof(x)) as ptr:
        ptr <<= x
        made = dump_pointer(ptr)
    made.title = f"{type(x).__name__} object as it is stored, {made.size} bytes"
    made.facts = []
    return made
