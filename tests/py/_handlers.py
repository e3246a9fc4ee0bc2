# SPDX-License-Identifier: MIT
"""Arrays on allocators, and NumPy's handlers for them, among them one of other code.

A module that imports this is skipped where NumPy takes no memory from allocators.
"""

import ctypes
import sys
from typing import Any, Callable

import pytest

import pointers._interop.numpy as internal
from pointers import Allocator, Arena, Guard, Pool, System, load_allocator, numpy_allocator

if sys.implementation.name != "cpython":
    pytest.skip("NumPy takes memory from allocators on CPython alone", allow_module_level=True)
np: Any = pytest.importorskip("numpy", minversion="1.22")

#: Bytes that an array takes beside its data.
HEAD = 16

MAKERS: "dict[str, Callable[[], Allocator]]" = {
    "system": System,
    "arena": Arena,
    "pool": lambda: Pool(1 << 16),
    "guard": Guard,
    "underflow": lambda: Guard(underflow=True),
    "foreign": lambda: load_allocator("libc.so.6"),
    "parents": lambda: Arena(4096, parent=Pool(1 << 16, parent=Arena())),
    "low alignment": lambda: Pool(1 << 16, align=8),
}


@pytest.fixture(params=MAKERS, name="source")
def make_source(request: pytest.FixtureRequest) -> Allocator:
    """Make an allocator of each kind."""
    return MAKERS[request.param]()


def live(source: Allocator) -> int:
    return source.stats().current_blocks


def taken(source: Allocator, make: "Callable[[], Any]") -> Any:
    """Return what `make` gives, an array whose data has come from the allocator."""
    before = live(source)
    with numpy_allocator(source) as given:
        assert given is source
        array = make()
    assert live(source) > before
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    assert name_of(owner) == f"pointers {source.__class__.__name__.lower()}"
    return array


LIBC: Any = ctypes.CDLL(None)
API: Any = ctypes.pythonapi


class Foreign(ctypes.Structure):
    """NumPy's PyDataMem_Handler, with the functions of the C library."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("ctx", ctypes.c_void_p),
        ("malloc", ctypes.c_void_p),
        ("calloc", ctypes.c_void_p),
        ("realloc", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    )


MALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
CALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
REALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
FREE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)

LIBC.malloc.argtypes = [ctypes.c_size_t]
LIBC.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
LIBC.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
LIBC.free.argtypes = [ctypes.c_void_p]
for each in (LIBC.malloc, LIBC.calloc, LIBC.realloc):
    each.restype = ctypes.c_void_p
LIBC.free.restype = None

# They stay, with the handler, for as long as the process
FUNCTIONS = (
    MALLOC(lambda _ctx, size: LIBC.malloc(size)),
    CALLOC(lambda _ctx, count, size: LIBC.calloc(count, size)),
    REALLOC(lambda _ctx, mem, size: LIBC.realloc(mem, size)),
    FREE(lambda _ctx, mem, _size: LIBC.free(mem)),
)
FOREIGN = Foreign(
    b"foreign", 1, None, *(ctypes.cast(each, ctypes.c_void_p).value for each in FUNCTIONS)
)

API.PyCapsule_New.restype = ctypes.py_object
API.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_NAME = b"mem_handler"
CAPSULE = API.PyCapsule_New(ctypes.addressof(FOREIGN), _NAME, None)


def core() -> Any:
    return getattr(np, "_core", None) or np.core


def name_of(*array: Any) -> Any:
    """Return the name of an array's handler, or of the current one."""
    return core().multiarray.get_handler_name(*array)


def current() -> Any:
    """Return the handler that is the current one."""
    compiled, table, *_ = internal._found
    return compiled.current(table)


def install(handler: Any) -> None:
    """Make a handler NumPy's."""
    compiled, table, *_ = internal._found
    compiled.set(table, handler)
