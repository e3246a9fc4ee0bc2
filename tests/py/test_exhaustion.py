# SPDX-License-Identifier: MIT
"""When memory runs out, operations raise MemoryError, change nothing, and go on afterwards."""

import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from _sanitized import ADDRESS_SANITIZER

from pointers._ffi import fast

pytest.importorskip("resource")

pytestmark = [
    pytest.mark.skipif(
        ADDRESS_SANITIZER,
        reason="AddressSanitizer ends the process when its own address space runs out",
    ),
    pytest.mark.skipif(
        not Path("/proc/self/statm").exists(), reason="needs the size of the process"
    ),
]

LIMITED = """
    import gc, resource
    from pointers import *

    kept = malloc(64)
    kept <<= "kept"
    held = malloc(64)
    held <<= ["held"]
    array = calloc(100, 28)
    array.fill(7)
    # The limit counts from here on, since the interpreter's own size depends on the machine
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    limit = used + ({headroom} << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
"""


# PyPy ends the process if its collector cannot allocate an arena (1 MiB), so that there only
# large blocks, which leave as much free, can be tested
SIZES = [1 << 20] if sys.implementation.name == "pypy" else [1 << 20, 100_000]


@pytest.mark.parametrize("size", SIZES)
def test_allocating_until_memory_runs_out_ends_in_an_error(run_python: Any, size: int) -> None:
    done = run_python(
        LIMITED.format(headroom=448)
        + f"""
    blocks = []
    reserve = bytearray(1 << 20)
    try:
        while True:
            blocks.append(malloc({size}))
    except AllocationError as error:
        del reserve
        assert "{size} bytes" in str(error), error
    except MemoryError:
        del reserve  # the interpreter was the first to need memory
    assert len(blocks) > 100
    assert ~kept == "kept" and ~held == ["held"] and array.tolist() == [7] * 100
    for block in blocks:
        free(block)
    blocks.clear()
    assert ~malloc({size}).move(1) == 1
    for pointer in (kept, held, array):
        free(pointer)
    print(System().stats().current_blocks <= 1)
    """,
        "-W",
        "ignore::ResourceWarning",
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_an_allocation_that_fails_changes_nothing(run_python: Any) -> None:
    done = run_python(
        LIMITED.format(headroom=1024)
        + """
    huge = 1 << 34
    for attempt in (
        lambda: malloc(huge),
        lambda: calloc(huge, 16),
        lambda: realloc(kept, huge),
        lambda: realloc(array, huge * 28),
        lambda: malloc(huge, align=4096),
        lambda: malloc(1 << 62),
    ):
        try:
            attempt()
        except AllocationError as error:
            assert isinstance(error, MemoryError) and "bytes" in str(error)
        else:
            raise AssertionError(attempt)
    assert (~kept, kept.size) == ("kept", 64)
    assert ~held == ["held"]
    assert array.tolist() == [7] * 100
    for pointer in (kept, held, array):
        free(pointer)
    print(System().stats().current_blocks)
    """
    )
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr


def test_a_load_without_memory_for_its_object_raises_memory_error(run_python: Any) -> None:
    done = run_python(
        LIMITED.format(headroom=448)
        + """
    text = "x" * (100 << 20)
    big = malloc(sizeof(text))
    big <<= text
    del text
    filler = []
    for _ in range(3):
        try:
            while True:
                filler.append(bytearray(8 << 20))
        except MemoryError:
            gc.collect()  # or the load would succeed with the memory of garbage
    filler.pop()
    try:
        ~big
    except MemoryError:
        print("no memory")
    filler.clear()
    gc.collect()
    assert len(~big) == 100 << 20
    for pointer in (kept, held, array, big):
        free(pointer)
    """
    )
    assert (done.returncode, done.stdout) == (0, "no memory\n"), done.stderr


# `run` takes all memory that malloc can get in a thread, makes the attempt, then lifts the limit
EXHAUST = """
    import ctypes, resource, threading
    from pointers import *

    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    answers = []

    def exhaust():
        with open("/proc/self/statm") as statm:
            used = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used, hard))
        size = 1 << 24
        while size >= 16:
            while libc.malloc(size):
                pass
            size >>= 1

    def run(before, attempt):
        answer = None
        before()
        try:
            exhaust()
            attempt()
        except MemoryError as error:
            answer = error
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        answers.append(type(answer).__name__)

    def run_in_thread(before, attempt):
        thread = threading.Thread(target=run, args=(before, attempt))
        thread.start()
        thread.join()
        print(*answers)
"""


def check_without_memory(run_python: Any, before: str, attempt: str) -> None:
    done = run_python(EXHAUST + f"\n    run_in_thread(lambda: {before}, lambda: {attempt})")
    assert (done.returncode, done.stderr) == (0, "")
    # The interpreter may fail first, or have memory left for a stack function
    assert done.stdout in ("AllocationError\n", "MemoryError\n", "NoneType\n")


@pytest.mark.skipif(fast is None, reason="every call goes through cffi on the reference path")
@pytest.mark.parametrize(
    "attempt",
    [
        "malloc(100_000_000)",
        "calloc(100, 1_000_000)",
        "acquire_stack_alloc(64)(lambda ptr: None)",
    ],
)
def test_a_first_call_in_a_thread_without_memory_raises(run_python: Any, attempt: str) -> None:
    """glibc ends the process if it has no memory for a thread-local variable that is not static."""
    check_without_memory(run_python, "None", attempt)


@pytest.mark.skipif(
    sys.implementation.name == "pypy", reason="the interpreter itself ends without memory"
)
@pytest.mark.parametrize(
    "attempt",
    [
        "malloc(100_000_000)",
        "malloc(100_000_000, align=64)",
        "calloc(100, 1_000_000)",
        "acquire_stack_alloc(64)(lambda ptr: None)",
    ],
)
def test_a_later_call_in_a_thread_without_memory_raises(run_python: Any, attempt: str) -> None:
    """A limit: cffi has a thread-local variable, which the thread's first call has to allocate."""
    check_without_memory(run_python, "System().stats()", attempt)


def thread_local_bytes(library: bytes) -> int:
    """Return the size of an ELF file's thread-local variables, from its program headers."""
    assert library[:4] == b"\x7fELF"
    is_64, order = library[4] == 2, "<" if library[5] == 1 else ">"
    (start,) = struct.unpack_from(order + ("Q" if is_64 else "I"), library, 32 if is_64 else 28)
    size, count = struct.unpack_from(order + "HH", library, 54 if is_64 else 42)
    for i in range(count):
        header = start + i * size
        if struct.unpack_from(order + "I", library, header) == (7,):  # PT_TLS
            place = header + (40 if is_64 else 20)
            (n_bytes,) = struct.unpack_from(order + ("Q" if is_64 else "I"), library, place)
            return int(n_bytes)
    return 0


def test_thread_local_variables_fit_glibc_s_spare_space() -> None:
    """glibc has some 500 bytes of static TLS for all libraries that are loaded at run time."""
    path = getattr(sys.modules["pointers._core"], "__file__", None)
    if not path or Path(path).read_bytes()[:4] != b"\x7fELF":
        pytest.skip("no ELF file")
    assert 0 < thread_local_bytes(Path(path).read_bytes()) <= 80
