# SPDX-License-Identifier: MIT
"""from_address(): memory from C is freed once, by the caller's function, and never used again."""

import copy
import ctypes
import gc
import sys
import threading
import warnings
import weakref
from typing import Any

import pytest
from _collecting import collect_all, settled_blocks
from _foreign import LIBC, Buffer, free_with_argtypes
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
from pointers._ffi import COUNTS_REFERENCES, ffi


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


def test_a_free_function_that_frees_again_is_refused_and_may_raise(buffer: Buffer) -> None:
    def fail(_address: int) -> None:
        with pytest.raises(FreedMemoryError):
            free(ptr)
        raise LookupError

    ptr = from_address(buffer.address, 64, free=fail)
    with pytest.raises(LookupError):
        free(ptr)


def test_errors_of_free_functions_at_exit_stop_no_others(run_python: Any) -> None:
    done = run_python(
        """
        import ctypes
        from pointers import *

        def fail(address):
            print("called")
            raise LookupError

        buffer = (ctypes.c_char * 8)()
        kept = [from_address(ctypes.addressof(buffer), 8, free=fail) for _ in range(3)]
        """,
        "-W",
        "ignore",
    )
    assert done.stdout == "called\n" * 3
    assert done.returncode == 0


def test_a_free_function_that_runs_amid_an_exception_leaves_it_alone(buffer: Buffer) -> None:
    def note(address: int) -> None:
        with pytest.raises(KeyError):
            {}["no such key"]  # type: ignore[index]
        buffer.freed.append(address)

    def lend() -> memoryview:
        return from_address(buffer.address, 64, free=note).view()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(ZeroDivisionError):
            print(lend(), 1 / 0)  # the last reference to the view is on the interpreter's stack
        collect_all()
    assert buffer.freed == [buffer.address]


def test_a_function_of_c_may_wait_for_another_thread(run_python: Any) -> None:
    done = run_python(
        """
        import ctypes, threading, time, faulthandler
        from pointers import *

        faulthandler.dump_traceback_later(60, exit=True)
        libc = ctypes.CDLL(None)
        semaphore = (ctypes.c_char * 64)()
        address = ctypes.addressof(semaphore)
        for leak in (True, False):
            libc.sem_init(semaphore, 0, 0)
            ptr = from_address(address, 64, free=libc.sem_wait)
            view = ptr.view() if leak else None
            post = threading.Timer(0.2, lambda: libc.sem_post(semaphore))
            post.start()
            if leak:
                del ptr
                view.release()
                del view
                import gc; gc.collect()
            else:
                free(ptr)
            post.join()
        print("done")
        """,
        "-W",
        "ignore",
    )
    assert done.stdout == "done\n", done.stderr


def test_an_error_of_the_free_function_goes_to_the_caller_of_free(buffer: Buffer) -> None:
    def fail(address: int) -> None:
        raise LookupError(f"no memory at {address}")

    ptr = from_address(buffer.address, 64, free=fail)
    with pytest.raises(LookupError, match=str(buffer.address)):
        free(ptr)
    assert ptr.freed
    with pytest.raises(FreedMemoryError):
        free(ptr)


@pytest.mark.filterwarnings("ignore:.*dropped without free:ResourceWarning")
@pytest.mark.parametrize("with_view", [False, True])
def test_an_error_of_the_free_function_of_a_leaked_block_is_unraisable(
    buffer: Buffer, with_view: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: seen.append(args.exc_type))

    def fail(_address: int) -> None:
        raise LookupError

    ptr = from_address(buffer.address, 64, free=fail)
    view = ptr.view() if with_view else None
    del ptr
    collect_all()
    if view is not None:
        assert seen == []
        view.release()
    del view
    collect_all()
    collect_all()
    assert seen == [LookupError]


def test_an_error_without_a_caller_where_warnings_are_errors(
    buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[type] = []

    def see(args: Any) -> None:
        seen.append(args.exc_type)
        if args.exc_value.__context__ is not None:
            seen.append(type(args.exc_value.__context__))

    monkeypatch.setattr(sys, "unraisablehook", see)

    def fail(_address: int) -> None:
        raise LookupError

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_address(buffer.address, 64, free=fail)
        collect_all()
    assert seen == [LookupError, ResourceWarning]


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
        results: list[Any] = []

        def act(ptr: Any = ptr, results: "list[Any]" = results) -> None:
            try:
                results.append(free(ptr))
            except FreedMemoryError as error:
                results.append(error)

        threads = [threading.Thread(target=act) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results.count(None) == 1
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
