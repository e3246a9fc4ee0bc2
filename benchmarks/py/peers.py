# SPDX-License-Identifier: MIT
"""What users would write without the package, by the name that the rows know it by."""

from __future__ import annotations

from case import LIBC, Case

MIB = 1 << 20
_BUFFER = "from ctypes import create_string_buffer as create\nb = create(64)\n"
_COPY = "from ctypes import create_string_buffer, memmove\n"
_TUPLE = (
    "from typing import NamedTuple\nclass Six(NamedTuple):\n  a: int; b: int; c: int\n"
    "  d: int; e: int; f: int"
)
THREADED = """
import threading
def run(n_threads):
    threads = [threading.Thread(target=work) for _ in range(n_threads)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""

# Elsewhere NumPy takes no memory from allocators, and nothing is compared
NUMPY = """
from pointers import Pool, numpy_allocator
try:
    from numpy import empty
    numpy_allocator(Pool(8))
except (ImportError, NotImplementedError):
    from pointers import allocator as numpy_allocator
    empty = bytearray
"""

ARRAY, BUFFER, CALL = "bytearray(28)", "create_string_buffer(28)", "empty Python call"
COPY, COPY_16, CAST = "memmove of 1 MiB", "memmove of 16 bytes", "cast of a memoryview"
TEXT, DECODE, FORMAT = "str(12345)", "decode 1,000 bytes", "format of an int"
REPR, STATS, SIZEOF = "repr of a ctypes array", "a NamedTuple of six", "sys.getsizeof"
READ, WRITE = "read 16 bytes of ctypes", "write 16 bytes of ctypes"
STRING, SET_STRING = "text of a ctypes array", "text into a ctypes array"
CTYPE, CALLED, STEP = "from_buffer of ctypes", "strlen of a ctypes array", "ptr + 8"
PAIR, MAPPING, STREAM = "malloc and free by ctypes", "mmap of 12 KiB", "BytesIO, closed"
CONTEXT, SLICE, FILLED = "set and reset a context variable", "ten slices", "fill an array.array"
ARRAYS = "numpy.empty(100)"
THREAD, THREADS = "bytearray(28) in 1 thread", "bytearray(28) in 2 threads"

# PyPy would leave out what nothing keeps
PEERS = [
    Case(BUFFER, "create(28)", _BUFFER),
    Case(ARRAY, "bytearray(28)"),
    Case(CALL, "empty()", "def empty(): pass"),
    Case(ARRAYS, "for _ in range(1000): empty(100)", NUMPY, "", 1000),
    Case(
        COPY,
        f"memmove(target, source, {MIB})",
        f"{_COPY}source, target = create_string_buffer({MIB}), create_string_buffer({MIB})",
    ),
    Case(
        COPY_16,
        "memmove(target, source, 16)",
        f"{_COPY}source, target = create_string_buffer(64), create_string_buffer(64)",
    ),
    Case(CAST, "memoryview(b).cast('i')", "b = bytearray(64)"),
    Case(TEXT, "str(12345)"),
    Case(DECODE, "data.decode('ascii')", "data = b'x' * 1000"),
    Case(FORMAT, "f'{number:x}'", "number = 94253498399920"),
    Case(REPR, "repr(b)", _BUFFER),
    Case(STATS, "nonlocal kept; kept = Six(1, 2, 3, 4, 5, 6)", f"kept = None\n{_TUPLE}"),
    Case(SIZEOF, "getsizeof(12345)", "from sys import getsizeof"),
    Case(READ, "b[:16]", _BUFFER),
    Case(WRITE, "b[:16] = data", f"{_BUFFER}data = bytes(16)"),
    Case(STRING, "b.value.decode()", f"{_BUFFER}b.value = b'hello world'"),
    Case(SET_STRING, "b.value = text.encode()", f"{_BUFFER}text = 'hello world'"),
    Case(CTYPE, "ints.from_buffer(b)", "import ctypes\nints, b = ctypes.c_int * 4, bytearray(64)"),
    Case(CALLED, "strlen(b)", f"import ctypes\nstrlen = ctypes.CDLL(None).strlen\n{_BUFFER}"),
    Case(STEP, "ptr + 8", "from pointers import malloc\nptr = malloc(64)"),
    Case(PAIR, "c_free(c_malloc(28))", LIBC),
    Case(MAPPING, "mmap(-1, 12288).close()", "from mmap import mmap"),
    Case(
        STREAM,
        "nonlocal kept; kept = BytesIO(); kept.close()",
        "from io import BytesIO\nkept = None",
    ),
    Case(
        CONTEXT,
        "variable.reset(variable.set(1))",
        "import contextvars\nvariable = contextvars.ContextVar('variable')",
    ),
    Case(
        SLICE,
        "[m[i:i + 28] for i in range(0, 280, 28)]",
        "m = memoryview(bytearray(280))",
        "",
        10,
    ),
    Case(
        FILLED,
        "values[:] = array('q', [12345]) * 1000",
        "from array import array\nvalues = array('q', bytes(8000))",
        "",
        1000,
    ),
]
#: Measured after all others: once there was a second thread, every step is atomic.
THREAD_PEERS = [
    Case(
        name,
        f"run({n_threads})",
        f"{THREADED}\ndef work():\n  for _ in range(2000): bytearray(28)",
        "",
        2000 * n_threads,
    )
    for n_threads, name in ((1, THREAD), (2, THREADS))
]
