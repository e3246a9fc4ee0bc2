# SPDX-License-Identifier: MIT
"""from_address(): memory of C is a block like others; what keeps it lives as long as the block."""

import copy
import ctypes
import gc
import sys
import weakref
from typing import Any

import pytest
from _collecting import collect_all, settled_blocks
from _foreign import Buffer
from _watched import Destructor, comes

import pointers
from pointers import (
    AdoptedPointer,
    AllocationError,
    FreedMemoryError,
    InvalidSizeError,
    free,
    from_address,
    malloc,
    memcpy,
    realloc,
)
from pointers._ffi import ffi


@pytest.fixture
def buffer() -> Buffer:
    return Buffer()


def test_a_pointer_to_memory_of_c_does_all_that_others_do(buffer: Buffer) -> None:
    ptr = from_address(buffer.address, 64)
    assert isinstance(ptr, AdoptedPointer)
    assert isinstance(ptr, pointers.AllocatedPointer)
    assert (ptr.address, ptr.size, ptr.capacity, ptr.offset) == (buffer.address, 64, 64, 0)
    for value in (None, 5, 1.5, "text", b"bytes", ["an object"]):
        ptr <<= value
        assert ~ptr == value
    (ptr + 32).move(12)
    assert ~ptr[32] == 12
    ptr.write(b"raw")
    assert buffer.array.raw[:3] == b"raw"
    with malloc(8) as other:
        memcpy(other, ptr, 3)
        assert other.read(3) == b"raw"
    view = ptr.view("i")
    view[1] = 7
    view.release()
    del view
    assert ptr.cast(ctypes.c_int * 2)[1] == 7
    for wrong in (lambda: ptr.write(bytes(65)), lambda: ptr.read(65), lambda: ptr.move("x" * 64)):
        with pytest.raises(InvalidSizeError):
            wrong()
    with pytest.raises(IndexError):
        ptr + 65
    assert ptr.allocator is None
    assert repr(ptr).startswith("<AdoptedPointer at 0x")
    gc.collect()
    free(ptr)
    with pytest.raises(FreedMemoryError):
        ~ptr
    assert buffer.array.raw[4:8] == (7).to_bytes(4, sys.byteorder)


FREE_TYPE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def test_keepalive_lives_as_long_as_the_last_alias_or_view(buffer: Buffer) -> None:
    gone: list[str] = []
    # Not a weak reference: PyPy clears it while the block's finalizer still keeps the object
    ptr = from_address(buffer.address, 64, keepalive=Destructor(lambda: gone.append("gone")))
    collect_all()
    assert gone == []
    alias = ptr + 8
    view = alias.view()
    del ptr
    collect_all()
    assert gone == []
    del alias
    collect_all()
    assert gone == []
    view.release()
    del view
    assert comes(lambda: gone == ["gone"])


def test_keepalive_is_let_go_when_the_block_is_freed(buffer: Buffer) -> None:
    class Owner:
        pass

    owner = Owner()
    gone = weakref.ref(owner)
    ptr = from_address(buffer.address, 64, keepalive=owner, free=buffer.free)
    del owner
    free(ptr)
    collect_all()
    assert gone() is None
    assert buffer.freed == [buffer.address]


@pytest.mark.filterwarnings("ignore:.*dropped without free:ResourceWarning")
@pytest.mark.parametrize("way", ["keepalive", "free", "stored"])
def test_a_cycle_through_a_block_is_collected_and_freed(buffer: Buffer, way: str) -> None:
    class Node:
        ptr: Any = None

        def free(self, address: int) -> None:
            buffer.free(address)

    node = Node()
    gone = weakref.ref(node)
    if way == "keepalive":
        ptr = from_address(buffer.address, 64, keepalive=node, free=buffer.free)
    elif way == "free":
        ptr = from_address(buffer.address, 64, free=node.free)
    else:
        ptr = from_address(buffer.address, 64, free=buffer.free).move(node)
    node.ptr = ptr
    del node, ptr
    for _ in range(3):
        collect_all()
    assert gone() is None
    assert buffer.freed == [buffer.address]


def test_live_memory_is_freed_at_exit_unless_a_view_uses_it(run_python: Any) -> None:
    done = run_python(
        """
        import ctypes
        from pointers import *

        buffer = (ctypes.c_char * 8)()
        address = ctypes.addressof(buffer)
        ptr = from_address(address, 8, keepalive=buffer, free=lambda _: print("once"))
        seen = from_address(address, 8, free=lambda _: print("never"))
        view = seen.view()
        """,
        "-W",
        "ignore",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "once\n", "")


def test_a_resize_is_refused(buffer: Buffer) -> None:
    ptr = from_address(buffer.address, 64)
    for size in (0, 8, 64, 1000):
        with pytest.raises(ValueError, match="malloc"):
            realloc(ptr, size)
        with pytest.raises(ValueError, match="malloc"):
            ptr.realloc(size)
    with pytest.raises(TypeError):
        ptr.realloc("8")  # type: ignore[arg-type]
    free(ptr)
    with pytest.raises(FreedMemoryError):
        realloc(ptr, 8)


TOP = min(2 * (sys.maxsize + 1), 2**63)
HERE = Buffer()
WRONG: "dict[str, tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]]" = {
    "NULL": ((0, 8), {}, ValueError, "NULL"),
    "negative address": ((-8, 8), {}, ValueError, "address is -8"),
    "address too large": ((TOP, 8), {}, ValueError, "it must be"),
    "far too large": ((2**200, 8), {}, ValueError, "it must be"),
    "no int": (("8", 8), {}, TypeError, "address must be an int"),
    "None": ((None, 8), {}, TypeError, "address must be an int"),
    "a float": ((8.0, 8), {}, TypeError, "address must be an int"),
    "a pointer of ctypes": ((ctypes.c_void_p(8), 8), {}, TypeError, "value"),
    "negative size": ((HERE.address, -1), {}, ValueError, "negative"),
    "size that wraps": ((TOP - 8, 8), {}, ValueError, "address space"),
    "size too large": ((HERE.address, 2**63), {}, AllocationError, "no block has more"),
    "size is no int": ((HERE.address, "8"), {}, TypeError, "size must be an int"),
    "weak proxy": ((HERE.address, 8), {"keepalive": weakref.proxy(HERE)}, TypeError, "weak"),
    "weak reference": ((HERE.address, 8), {"keepalive": weakref.ref(HERE)}, TypeError, "weak"),
    "free is a weak reference": (
        (HERE.address, 8),
        {"free": weakref.ref(HERE)},
        TypeError,
        "free is a weak",
    ),
    "free is no function": ((HERE.address, 8), {"free": 5}, TypeError, "not int"),
    "free is text": ((HERE.address, 8), {"free": "free"}, TypeError, "not str"),
    "free is NULL": ((HERE.address, 8), {"free": FREE_TYPE(0)}, ValueError, "NULL"),
    "free is data": ((HERE.address, 8), {"free": ffi.new("int *")}, TypeError, "a function"),
    "free takes two": (
        (HERE.address, 8),
        {"free": ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_int)(lambda a, b: None)},
        TypeError,
        "not 2",
    ),
    "NULL of cffi": (
        (HERE.address, 8),
        {"free": ffi.cast("void (*)(void *)", 0)},
        ValueError,
        "NULL",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_refused_without_a_block(name: str) -> None:
    arguments, options, error, message = WRONG[name]
    before = settled_blocks()
    with pytest.raises(error, match=message):
        from_address(*arguments, **options)
    assert settled_blocks() == before


def test_sizes_and_addresses_at_the_limits_are_accepted(buffer: Buffer) -> None:
    with from_address(buffer.address, 0) as ptr:
        assert ptr.read() == b""
        with pytest.raises(InvalidSizeError):
            ptr.write(b"x")
    # The caller promises that the memory exists: it is not read before the caller loads or reads
    with from_address(TOP - 16, 8) as ptr:
        assert ptr.address == TOP - 16
    with from_address(buffer.address + 1, 40) as ptr:
        ptr <<= 12345
        assert ~ptr == 12345


def test_a_pointer_cannot_be_copied_or_made_without_an_address(buffer: Buffer) -> None:
    with from_address(buffer.address, 8) as ptr, pytest.raises(TypeError):
        copy.copy(ptr)
    with pytest.raises(TypeError):
        AdoptedPointer()
