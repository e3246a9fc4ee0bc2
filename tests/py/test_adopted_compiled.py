# SPDX-License-Identifier: MIT
"""Memory of C by the compiled path: what the block keeps, and functions that change."""

import contextlib
import ctypes
import gc
import sys
import threading
import weakref
from typing import Any

import pytest
from _collecting import collect_all
from _foreign import LIBC, Buffer, free_with_argtypes
from _watched import Destructor

from pointers import AdoptedPointer, FreedMemoryError, free, from_address, malloc
from pointers._ffi import COUNTS_REFERENCES, fast, ffi

pytestmark = pytest.mark.filterwarnings("ignore:.*dropped without free:ResourceWarning")

BUFFER = Buffer()
HERE = BUFFER.address


class Thing:
    ptr: Any = None


def kept() -> "tuple[Thing, Any]":
    thing = Thing()
    return thing, weakref.ref(thing)


@pytest.mark.skipif(not COUNTS_REFERENCES, reason="objects go later there")
@pytest.mark.parametrize("way", ["free", "alias", "with", "release", "dropped"])
def test_what_a_block_keeps_goes_with_it_at_once(way: str) -> None:
    thing, gone = kept()
    ptr = from_address(HERE, 64, keepalive=thing)
    del thing
    gc.collect()
    assert gone() is not None
    if way == "free":
        free(ptr)
    elif way == "alias":
        (ptr + 0).free()
    elif way == "with":
        with ptr:
            pass
    elif way == "release":
        assert ptr.release() == HERE
    else:
        del ptr
    assert gone() is None


@pytest.mark.skipif(not COUNTS_REFERENCES, reason="objects go later there")
@pytest.mark.parametrize("in_thread", [False, True])
@pytest.mark.parametrize("cycle", [False, True])
def test_what_a_block_keeps_goes_with_its_last_view_in_any_thread(
    in_thread: bool, cycle: bool
) -> None:
    class Kept:
        ptr: Any = None

    def lives() -> bool:
        # A weak reference or a finalizer is told of the end of a cycle too early
        return any(type(obj) is Kept for obj in gc.get_objects())

    thing = Kept()
    ptr = from_address(HERE, 64, keepalive=[thing])
    thing.ptr = ptr if cycle else None
    views = [ptr.view(), ptr.view()]
    del thing, ptr
    for _ in range(2):
        gc.collect()
        assert lives()
        in_a_thread(views) if in_thread else views.pop().release()
    gc.collect()
    assert not lives()


def in_a_thread(views: "list[memoryview]") -> None:
    thread = threading.Thread(target=lambda: views.pop().release())
    thread.start()
    thread.join()


def test_an_exception_that_leaves_a_with_keeps_the_object_for_the_view() -> None:
    ended: list[int] = []
    thing = Destructor(lambda: ended.append(1))  # PyPy clears weak references before
    views = []
    with contextlib.suppress(KeyError), from_address(HERE, 64, keepalive=thing) as ptr:
        views.append(ptr.view())
        raise KeyError
    del thing, ptr
    collect_all()
    assert not ended
    views.pop().release()
    collect_all(rounds=3)
    assert ended == [1]


def test_what_is_let_go_may_use_the_pointer() -> None:
    class Meddler:
        def __del__(self) -> None:
            for act in (lambda: free(ptr), lambda: ptr.release(), lambda: ~ptr, lambda: ptr + 1):
                with pytest.raises(FreedMemoryError):
                    act()
            free(from_address(HERE, 64, keepalive=[1]))
            done.append(1)

    done: list[int] = []
    for end in (free, AdoptedPointer.free, AdoptedPointer.release):
        ptr = from_address(HERE, 64, keepalive=Meddler())
        end(ptr)
        collect_all()
    assert done == [1] * 3


def test_a_function_whose_arguments_change_is_looked_at_again() -> None:
    function = free_with_argtypes()
    for _ in range(3):
        free(from_address(LIBC.malloc(8), 8, free=function))
    ptr = from_address(LIBC.malloc(8), 8, free=function)
    function.argtypes = [ctypes.c_void_p, ctypes.c_int]
    with pytest.raises(TypeError, match="free must take one argument, the address, and not 2"):
        from_address(HERE, 8, free=function)
    function.argtypes = [ctypes.c_void_p]
    free(ptr)
    # Another address: that of nothing
    ctypes.c_void_p.from_buffer(function).value = None
    with pytest.raises(ValueError, match="free is NULL"):
        from_address(HERE, 8, free=function)


def test_a_function_whose_arguments_run_code_is_asked_and_frees_once() -> None:
    class Function(ctypes._CFuncPtr):  # type: ignore[misc]
        _flags_ = 1
        _restype_ = None
        others: "list[Any]" = []  # noqa: RUF012

        @property
        def argtypes(self) -> Any:
            # More functions than there are places for
            for _ in range(len(self.others)):
                free(from_address(LIBC.malloc(8), 8, free=self.others.pop()))
            return None

    function = Function(("free", LIBC))
    function.__name__ = "free"
    for _ in range(2):
        Function.others = [free_with_argtypes() for _ in range(100)]
        free(from_address(LIBC.malloc(8), 8, free=function))


def test_many_functions_and_those_of_cffi_free_once_each() -> None:
    libc = ffi.dlopen(None) if hasattr(ffi, "dlopen") else None
    functions = [free_with_argtypes() for _ in range(200)] * 2
    if libc is not None:
        address = ctypes.cast(LIBC.free, ctypes.c_void_p).value
        functions += [ffi.cast("void (*)(void *)", address)] * 3
    pointers = [from_address(LIBC.malloc(8), 8, free=function) for function in functions]
    for ptr in pointers:
        free(ptr)
        with pytest.raises(FreedMemoryError):
            free(ptr)


def test_numbers_at_the_limits_are_as_on_the_slow_path() -> None:
    top = min(2 * (sys.maxsize + 1), 2**63)
    for address, size in ((top - 9, 8), (1, top - 2), (HERE, 0), (HERE, 1)):
        with from_address(address, size) as ptr:
            assert (ptr.address, ptr.size) == (address, size)
    for address, size in ((top - 8, 8), (1, top - 1), (0, 0)):
        with pytest.raises(ValueError, match="address"):
            from_address(address, size)


def test_what_ends_a_block_can_be_neither_changed_nor_made_up() -> None:
    ptr: Any = from_address(HERE, 64, keepalive=[])
    slow: Any = from_address(HERE, 64, free=BUFFER.free)
    bare: Any = object.__new__(AdoptedPointer)
    if fast is None:
        free(ptr), free(slow)
        return
    for one in (ptr, slow, bare, ptr + 0):
        with pytest.raises(AttributeError):
            one._ending = None
        with pytest.raises(AttributeError):
            del one._ending
    assert ptr._ending is None and slow._ending is not None
    for one in (bare, ptr + 0):
        with pytest.raises(AttributeError):
            one._ending
    for wrong in (
        lambda: fast.new_adopted(type(malloc(0)), 1, None),
        lambda: fast.new_adopted(AdoptedPointer, "1", None),
        lambda: fast.know_free(5, 1, False),
        lambda: fast.know_free(print, "1", True),
        lambda: fast.install_late(5),
        lambda: fast.install_late({}),
    ):
        with pytest.raises((TypeError, AttributeError, RuntimeError)):
            wrong()
    free(ptr), free(slow)


def test_subclasses_keep_what_their_blocks_keep() -> None:
    if fast is None:
        return

    class Mine(AdoptedPointer[Any]):
        extra = None

    bare: Any = object.__new__(Mine)
    bare.extra = [bare]
    gone = weakref.ref(bare)
    del bare
    gc.collect()
    assert gone() is None
