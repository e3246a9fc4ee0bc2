# SPDX-License-Identifier: MIT
"""from_address(): the function that the caller gives frees memory of C, once."""

import ctypes
import gc
import threading
import warnings
import weakref
from typing import Any

import pytest
from _collecting import collect_all
from _foreign import LIBC, Buffer, free_with_argtypes
from _together import together
from _watched import comes

from pointers import (
    FreedMemoryError,
    free,
    from_address,
    malloc,
    realloc,
)
from pointers._ffi import COUNTS_REFERENCES, ffi


@pytest.fixture
def buffer() -> Buffer:
    return Buffer()


FREES: "dict[str, Any]" = {
    "a function of ctypes": lambda: LIBC.free,
    "a function of ctypes with argtypes": lambda: free_with_argtypes(),
    "a callback of ctypes": lambda: FREE_TYPE(call_free),
    "a function of Python": lambda: call_free,
}


FREE_TYPE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def call_free(address: int) -> None:
    free_with_argtypes()(address)


@pytest.mark.parametrize("name", FREES)
def test_every_kind_of_function_frees_the_memory(name: str) -> None:
    text = LIBC.strdup(b"hello")
    ptr = from_address(text, 6, free=FREES[name]())
    gc.collect()  # the block holds the only reference to the function
    assert ptr.string() == "hello"
    free(ptr)
    with pytest.raises(FreedMemoryError):
        ptr.string()


def test_a_function_of_cffi_frees_the_memory() -> None:
    freed: list[int] = []

    @ffi.callback("void (void *)")
    def function(mem: Any) -> None:
        freed.append(int(ffi.cast("uintptr_t", mem)))

    buffer = Buffer()
    ptr = from_address(buffer.address, 8, free=function)
    free(ptr)
    assert freed == [buffer.address]


@pytest.mark.skipif(not COUNTS_REFERENCES, reason="ctypes.pythonapi is CPython's")
def test_a_free_function_of_the_interpreter_is_called_with_its_lock() -> None:
    api = ctypes.pythonapi
    allocate = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(("PyMem_Malloc", api))
    release = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(("PyMem_Free", api))
    ptr = from_address(allocate(64), 64, free=release)
    ptr <<= "text"
    assert ~ptr == "text"
    free(ptr)


def test_the_free_function_is_called_once(buffer: Buffer) -> None:
    ptr = from_address(buffer.address, 64, free=buffer.free)
    alias = ptr + 0
    free(alias)
    for pointer in (ptr, alias):
        with pytest.raises(FreedMemoryError):
            free(pointer)
    assert buffer.freed == [buffer.address]
    del ptr, alias, pointer
    collect_all()
    assert buffer.freed == [buffer.address]


def test_a_with_statement_frees_the_memory(buffer: Buffer) -> None:
    with from_address(buffer.address, 64, free=buffer.free) as ptr:
        assert not ptr.freed
    assert ptr.freed
    assert buffer.freed == [buffer.address]


def test_a_leaked_pointer_warns_and_frees_the_memory(buffer: Buffer) -> None:
    def leak() -> None:
        from_address(buffer.address, 64, free=buffer.free)
        collect_all()

    with pytest.warns(ResourceWarning, match="AdoptedPointer to 64 bytes was dropped"):
        leak()
    assert buffer.freed == [buffer.address]
    # Without a free function, nothing has to be freed, so that nothing is leaked
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_address(buffer.address, 64)
        from_address(buffer.address, 64, keepalive=buffer)
        collect_all()


def test_memory_is_not_freed_before_its_last_view(buffer: Buffer) -> None:
    ptr = from_address(buffer.address, 64, keepalive=buffer, free=buffer.free)
    view = ptr.view()
    with pytest.raises(BufferError):
        free(ptr)
    with pytest.raises(BufferError):
        ptr.release()
    assert buffer.freed == []
    del ptr
    collect_all()
    assert buffer.freed == []
    view[0] = 5
    view.release()
    del view
    collect_all()
    assert buffer.freed == [buffer.address]


def test_an_exception_that_leaves_a_with_frees_only_after_the_last_view(buffer: Buffer) -> None:
    views: list[memoryview] = []

    def fail() -> None:
        with from_address(buffer.address, 64, free=buffer.free) as ptr:
            views.append(ptr.view())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert buffer.freed == []
    views.pop().release()
    collect_all()
    assert buffer.freed == [buffer.address]


def test_a_function_of_c_may_wait_for_another_thread(run_python: Any) -> None:
    done = run_python(
        """
        import ctypes, gc, threading, faulthandler, sys
        from pointers import *
        from pointers._ffi import lib

        faulthandler.dump_traceback_later(60, exit=True)
        libc = ctypes.CDLL(None)
        semaphore = (ctypes.c_char * 64)()
        address = ctypes.addressof(semaphore)
        # On PyPy any thread runs finalizers: the other one itself would wait
        for leak in (True, False) if sys.implementation.name == "cpython" else (False,):
            libc.sem_init(semaphore, 0, 0)
            ptr = from_address(address, 64, free=libc.sem_wait)
            view = ptr.view() if leak else None
            def post(block=ptr._block):
                while lib.ptrs_access_size_of(block) >= 0:
                    pass  # until it is gone, and the function of C called
                libc.sem_post(semaphore)
            other = threading.Thread(target=post)
            other.start()
            if leak:
                del ptr
                view.release()
                del view
                while other.is_alive():
                    gc.collect()
            else:
                free(ptr)
            other.join()
        print("done")
        """,
        "-W",
        "ignore",
    )
    assert done.stdout == "done\n", done.stderr


def test_a_free_function_may_use_its_own_freed_pointer_and_threads(buffer: Buffer) -> None:
    seen: list[str] = []

    def meddle(address: int) -> None:
        for act in (lambda: free(ptr), lambda: ~ptr, lambda: ptr.view(), lambda: realloc(ptr, 8)):
            try:
                act()
            except FreedMemoryError:
                seen.append("freed")
        free(malloc(64))
        thread = threading.Thread(target=lambda: seen.append(repr(ptr)))
        thread.start()
        thread.join()
        buffer.free(address)

    ptr = from_address(buffer.address, 64, free=meddle)
    ptr <<= ["an object"]
    free(ptr)
    assert seen == ["freed"] * 4 + ["<AdoptedPointer, freed>"]
    assert buffer.freed == [buffer.address]


@pytest.mark.parametrize("made_by", ["ctypes", "cffi"])
def test_a_callback_lives_as_long_as_its_block(buffer: Buffer, made_by: str) -> None:
    if made_by == "cffi" and not COUNTS_REFERENCES:
        pytest.skip("a callback of cffi cannot be told from another function there")

    class Kept:
        def free(self, _mem: Any) -> None:
            buffer.freed.append(0)

    kept = Kept()
    gone = weakref.ref(kept)
    function: Any = (
        FREE_TYPE(kept.free) if made_by == "ctypes" else ffi.callback("void (void *)", kept.free)
    )
    ptr = from_address(buffer.address, 64, free=function)
    del kept, function
    collect_all()
    free(ptr)
    assert buffer.freed == [0]
    assert comes(lambda: gone() is None)


def test_of_threads_that_free_one_block_only_one_succeeds(buffer: Buffer) -> None:
    for _ in range(100):
        buffer.freed.clear()
        ptr = from_address(buffer.address, 64, free=buffer.free)
        results = together(*[lambda ptr=ptr: free(ptr)] * 3)
        assert results.count(None) == 1
        assert sum(isinstance(result, FreedMemoryError) for result in results) == 2
        assert buffer.freed == [buffer.address]


@pytest.mark.skipif(not COUNTS_REFERENCES, reason="one block ends in each collection there")
def test_a_chain_of_blocks_of_any_length_ends_without_recursion(run_python: Any) -> None:
    """Each block keeps a pointer to the one before, or a view of it; some have functions, too."""
    done = run_python(
        """
        import gc
        from pointers import free, from_address, live_blocks

        calls = []

        def chain(link, length, **options):
            ptr = from_address(4096, 8)
            for _ in range(length):
                ptr = from_address(4096, 8, keepalive=link(ptr), **options)
            return ptr

        for link in (lambda ptr: ptr, lambda ptr: ptr + 1, lambda ptr: ptr.view()):
            dropped = chain(link, 20_000)
            del dropped
            freed = chain(link, 20_000)
            free(freed)
            del freed
        ended = chain(lambda ptr: ptr.view(), 2_000, free=calls.append)
        del ended
        for _ in range(3):
            gc.collect()
        print(len(list(live_blocks())), len(calls))
        """,
        "-W",
        "ignore",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 2000\n", "")
