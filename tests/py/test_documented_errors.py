# SPDX-License-Identifier: MIT
"""Each error that a docstring names with `:raises` is raised by the code, and tried here."""

import inspect
import os
import re
import sys
from typing import Any

import pytest
from test_docstrings import public

import pointers
from pointers import PointersError
from pointers._ffi import fast

SETUP = """
from ctypes import addressof, c_char, c_int, py_object
import weakref
buffer = (c_char * 8)(); here = addressof(buffer)
adopted = from_address(here, 8)
p = malloc(64)
q = malloc(64)
freed = malloc(8); free(freed)
a = calloc(3, 28)
arena = Arena(); mark = arena.mark(); old = arena.mark(); arena.rewind(mark)
closed = Arena(); closed.close()
held = Arena(); held_mark = held.mark(); lent = held.malloc(8); lent_view = lent.view()
cut = malloc(16); cut_slice = cut.slice(4, 8); cut = realloc(cut, 8)
small, seven = Pool(8).malloc(8), malloc(7)
pinned = malloc(8); view = pinned.view()
system = System()
def on_stack(act): return acquire_stack_alloc(64)(act)
def generator(ptr): yield 1
def write_junk(ptr): ptr <<= 2**70; ptr.write(b"\\1" * 10); return ptr
one, other = allocator(arena), allocator(system)
read, write = os.pipe()
from types import SimpleNamespace
from unittest.mock import patch
arrays = sys.modules[numpy_allocator.__init__.__module__]
def on(source):
    block = object.__new__(numpy_allocator); block._source, block._process_wide = source, False
    return block
def without(**found):
    with patch.multiple(arrays, _found=[], **found): numpy_allocator(arena)
def missing():
    with patch.dict(sys.modules, numpy=None): without()
def left():
    compiled = SimpleNamespace(leave=lambda *_: False)
    with patch.object(arrays, "_found", [compiled, *3 * [None]]): on(arena).__exit__()
def recurse(value):
    for _ in range(70000): views.append(value.view())
views = []
"""

SLICES = [
    ("p.slice(60, 5)", "InvalidSizeError"),
    ("a[1].slice(0, 29)", "InvalidSizeError"),
    ("freed.slice(0, 0)", "FreedMemoryError"),
]

#: By function: code, and the exception that the code raises
RAISES: "dict[str, list[tuple[str, str]]]" = {
    "malloc": [
        ("malloc(2**62)", "AllocationError"),
        ("malloc(2**70)", "AllocationError"),
        ("Pool(8).malloc(9)", "InvalidSizeError"),
        ("malloc(-1)", "ValueError"),
        ("malloc(8, align=3)", "ValueError"),
        ("malloc(8, allocator=closed)", "ValueError"),
        ("malloc('8')", "TypeError"),
        ("malloc(8, allocator=8)", "TypeError"),
    ],
    "calloc": [
        ("calloc(2**31, 2**31)", "AllocationError"),
        ("calloc(2**40, 2**40)", "AllocationError"),
        ("calloc(3, 8, allocator=Pool(8))", "InvalidSizeError"),
        ("calloc(-1, 8)", "ValueError"),
        ("calloc(1, 8, align=-8)", "ValueError"),
        ("closed.calloc(1, 8)", "ValueError"),
    ],
    "free": [
        ("free(freed)", "FreedMemoryError"),
        ("on_stack(free)", "StackMemoryError"),
        ("free(p + 8)", "ValueError"),
        ("free(a[1])", "ValueError"),
        ("free(pinned)", "BufferError"),
    ],
    "realloc": [
        ("p <<= 1; realloc(p, 8)", "InvalidSizeError"),
        ("realloc(small, 9)", "InvalidSizeError"),
        ("realloc(p, 2**62)", "AllocationError"),
        ("realloc(freed, 8)", "FreedMemoryError"),
        ("on_stack(lambda s: realloc(s, 8))", "StackMemoryError"),
        ("realloc(p, -1)", "ValueError"),
        ("realloc(p + 8, 8)", "ValueError"),
        ("realloc(a, 29)", "ValueError"),
        ("realloc(pinned, 80)", "BufferError"),
    ],
    "memcpy": [
        ("memcpy(p, q, 65)", "InvalidSizeError"),
        ("memcpy(p, b'abc', 4)", "InvalidSizeError"),
        ("memcpy(p, p + 1, 8)", "ValueError"),
    ],
    "memset": [("memset(p, 0, 65)", "InvalidSizeError"), ("memset(p, 256, 1)", "ValueError")],
    "memcmp": [("memcmp(p, q, 65)", "InvalidSizeError")],
    "stack_alloc": [
        ("stack_alloc(8)(generator)", "TypeError"),
        ("on_stack(lambda s: (i for i in []))", "TypeError"),
        ("stack_alloc(2**40)(id)()", "StackExhaustedError"),
        ("stack_alloc(-1)", "ValueError"),
        ("stack_alloc(8, align=3)", "ValueError"),
    ],
    "load_allocator": [
        ("load_allocator('/')", "LibraryError"),
        ("load_allocator('nosuch.so')", "LibraryError"),
        ("load_allocator('libc.so.6', 'nosuch_')", "LibraryError"),
        ("load_allocator('')", "ValueError"),
        ("load_allocator('a', '\\0')", "ValueError"),
        ("load_allocator(b'libc.so.6')", "TypeError"),
    ],
    "report_faults": [
        ("report_faults(read)", "ValueError"),
        ("report_faults(10**6)", "ValueError"),
    ],
    "allocator.__init__": [("allocator(None)", "TypeError")],
    "allocator.__exit__": [("one.__exit__()", "RuntimeError")],
    "numpy_allocator.__init__": [
        ("numpy_allocator(5)", "TypeError"),
        ("missing()", "ImportError"),
        (
            "without(_find_table=lambda: None, COUNTS_REFERENCES=False)",
            "NotImplementedError",
        ),
    ],
    "numpy_allocator.__enter__": [("on(closed).__enter__()", "ValueError")],
    "numpy_allocator.__exit__": [("left()", "RuntimeError")],
    "Pointer.move": [
        ("p.move('x' * 99)", "InvalidSizeError"),
        ("p.move(q)", "DereferenceError"),
        ("p.readonly().move(1)", "ReadOnlyError"),
    ],
    "Pointer.readonly": [("freed.readonly()", "FreedMemoryError")],
    "Pointer.dereference": [("~p", "DereferenceError"), ("~write_junk(p)", "CorruptObjectError")],
    "Location.read": [("p.read(65)", "InvalidSizeError")],
    "Location.write": [
        ("p.write(bytes(65))", "InvalidSizeError"),
        ("p.readonly().write(b'')", "ReadOnlyError"),
    ],
    "Location.view": [
        ("seven.view('i')", "ValueError"),
        ("p.view('ii')", "ValueError"),
        ("on_stack(lambda s: s.view())", "BufferError"),
        # Elsewhere all views of a block share a pin
        *([("recurse(q)", "BufferError")] if fast else []),
    ],
    "Location.string": [
        ("p.write(b'a' * 64); p.string()", "InvalidSizeError"),
        ("p.write(b'\\xff\\0'); p.string()", "UnicodeDecodeError"),
    ],
    "Location.write_string": [
        ("p.write_string('a' * 64)", "InvalidSizeError"),
        ("p.write_string('\\0')", "ValueError"),
    ],
    "Location.cast": [
        ("p.cast(c_int * 17)", "InvalidSizeError"),
        ("(p + 1).cast(c_int)", "ValueError"),
        ("p.cast(py_object)", "TypeError"),
        ("on_stack(lambda s: s.cast(c_int))", "BufferError"),
    ],
    "Location.__format__": [("f'{freed:x}'", "FreedMemoryError")],
    "Location.__lt__": [("p < q", "ValueError")],
    "BytePointer.__add__": [("p + 65", "IndexError")],
    "BytePointer.__sub__": [("p - 1", "IndexError"), ("p - q", "ValueError")],
    "BytePointer.slice": SLICES,
    "HeapPointer.slice": SLICES,
    "SlicePointer.size": [("cut_slice.size", "InvalidSizeError")],
    "SlicePointer.move": [
        ("p.slice(0, 8).move(1)", "InvalidSizeError"),
        ("cut_slice.move(None)", "InvalidSizeError"),
    ],
    "SlicePointer.dereference": [
        ("p <<= 1; ~p.slice(0, 27)", "InvalidSizeError"),
        ("~cut_slice", "InvalidSizeError"),
    ],
    "HeapPointer.allocator": [("freed.allocator", "FreedMemoryError")],
    "HeapPointer.free": [
        ("freed.free()", "FreedMemoryError"),
        ("(p + 8).free()", "ValueError"),
        ("pinned.free()", "BufferError"),
    ],
    "HeapPointer.release": [
        ("freed.release()", "FreedMemoryError"),
        ("(p + 8).release()", "ValueError"),
        ("arena.malloc(8).release()", "ValueError"),
        ("pinned.release()", "BufferError"),
    ],
    "HeapPointer.realloc": [
        ("p <<= 1; p.realloc(8)", "InvalidSizeError"),
        ("p.realloc(2**62)", "AllocationError"),
    ],
    "HeapPointer.__enter__": [
        ("freed.__enter__()", "FreedMemoryError"),
        ("(p + 8).__enter__()", "ValueError"),
    ],
    "HeapPointer.__exit__": [("pinned.__exit__(None, None, None)", "BufferError")],
    "_Slots.__add__": [("a + 4", "IndexError")],
    "_Slots.__sub__": [("a - 1", "IndexError"), ("a - p", "ValueError")],
    "_Slots.__getitem__": [("a[3]", "IndexError"), ("a[-1]", "IndexError")],
    "_Slots.__setitem__": [("a[3] = 1", "IndexError"), ("a[:] = [1]", "ValueError")],
    "AllocatedArrayPointer.tolist": [("a.tolist()", "DereferenceError")],
    "AllocatedArrayPointer.fill": [("a.fill('x' * 99)", "InvalidSizeError")],
    "ArraySlotPointer.free": [("a[1].free()", "ValueError")],
    "ArraySlotPointer.realloc": [
        ("a[1].realloc(28)", "ValueError"),
        ("a[0].realloc(29)", "ValueError"),
    ],
    "ArraySlotPointer.release": [("a[1].release()", "ValueError")],
    "AdoptedPointer.allocator": [("adopted.free(); adopted.allocator", "FreedMemoryError")],
    "AdoptedPointer.realloc": [("adopted.realloc(4)", "ValueError")],
    "from_address": [
        ("from_address(0, 8)", "ValueError"),
        ("from_address(here, 2**63 - here)", "ValueError"),
        ("from_address(here, 2**70)", "AllocationError"),
        ("from_address('8', 8)", "TypeError"),
        ("from_address(here, 8, free=5)", "TypeError"),
        ("from_address(here, 8, keepalive=weakref.ref(Arena))", "TypeError"),
    ],
    "Limited.release_unused": [("closed.release_unused()", "ValueError")],
    "Allocator.close": [("held.close()", "BufferError")],
    "Allocator.__enter__": [("closed.__enter__()", "ValueError")],
    "System.close": [("system.close()", "ValueError")],
    "Arena.reset": [("held.reset()", "BufferError"), ("closed.reset()", "ValueError")],
    "Arena.mark": [("closed.mark()", "ValueError")],
    "Arena.rewind": [
        ("held.rewind(held_mark)", "BufferError"),
        ("arena.rewind(old + 1)", "ValueError"),
        ("closed.rewind(0)", "ValueError"),
    ],
}

NAMED = re.compile(r":raises (\w+):")


def documented_errors(documented: Any) -> "set[str]":
    return set(NAMED.findall(inspect.getdoc(documented) or ""))


def kind(name: str) -> "type[BaseException]":
    found: Any = getattr(pointers, name, None) or getattr(sys.modules["builtins"], name)
    assert issubclass(found, BaseException)
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", RAISES)
def test_documented_errors_are_raised(name: str) -> None:
    documented = dict(public())[name]
    named = documented_errors(documented)
    assert named, "the docstring names no error"
    for act, error in RAISES[name]:
        names = {key: getattr(pointers, key) for key in pointers.__all__}
        names.update(os=os, sys=sys)
        exec(SETUP, names)
        try:
            with pytest.raises(kind(error)) as caught:
                exec(act, names)
            assert error in named, (act, error)
            # The documented class itself, or a subclass of this package's
            assert caught.type is kind(error) or issubclass(caught.type, PointersError), act
        finally:
            names["views"].clear()
            names["view"].release()
            names["lent_view"].release()
            for fd in (names["read"], names["write"]):
                os.close(fd)
            for each in ("p", "q", "a", "pinned", "small", "seven", "cut"):
                if not names[each].freed:
                    names[each].free()
            del caught


def test_every_documented_error_is_tried() -> None:
    missing = [
        (name, error)
        for name, documented in public()
        for error in documented_errors(documented)
        if error not in {error for _, error in RAISES.get(name, [])}
    ]
    # Operators share the docstrings of methods, whose errors are tried above
    aliases = {
        "Pointer.__ilshift__",
        "Pointer.__invert__",
        "BytePointer.__radd__",
        "SlicePointer.__ilshift__",
        "SlicePointer.__invert__",
        "_Slots.__radd__",
    }
    assert [name for name, _ in missing if name not in aliases] == []
