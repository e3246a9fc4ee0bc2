# SPDX-License-Identifier: MIT
"""A statement that is timed, and what several of them are set up with."""

from __future__ import annotations

import importlib.util
import itertools
import textwrap
import time
from typing import Any, Callable, NamedTuple

#: The name of this package's cases.
THIS = "pointers"


class Case(NamedTuple):
    """A statement, and what is run once before it is timed."""

    name: str
    statement: str
    setup: str = ""
    #: The module without which there is no such case.
    needs: str = ""
    #: How many operations the statement has.
    operations: int = 1

    def timer(self) -> Callable[[int], float]:
        """Return a function that runs the statement so many times, and returns seconds.

        The set-up is run once, by the first call: pyperf makes all cases in every
        process, and runs one.
        """
        lines = [
            "def make():",
            textwrap.indent(self.setup.strip(), "    "),
            "    def timed(loops):",
            "        times = itertools.repeat(None, loops)",
            "        start = perf_counter()",
            "        for _ in times:",
            textwrap.indent(self.statement, " " * 12),
            "        return perf_counter() - start",
            "    return timed",
        ]
        names: dict[str, Any] = {"itertools": itertools, "perf_counter": time.perf_counter}
        exec(compile("\n".join(lines), f"<{self.name}>", "exec"), names)
        ready: list[Callable[[int], float]] = []

        def timed(loops: int) -> float:
            if not ready:
                ready.append(names["make"]())
            return ready[0](loops)

        return timed

    @property
    def possible(self) -> bool:
        return not self.needs or importlib.util.find_spec(self.needs) is not None


POINTERS = "from pointers import Arena, Pool, calloc, free, malloc, memcpy, sizeof, stack_alloc"
LIBC = """
import ctypes
libc = ctypes.CDLL(None)
c_malloc, c_free = libc.malloc, libc.free
c_malloc.restype, c_malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
c_free.restype, c_free.argtypes = None, [ctypes.c_void_p]
"""
CFFI = """
import cffi
ffi = cffi.FFI()
ffi.cdef("void *malloc(size_t); void free(void *);")
lib = ffi.dlopen(None)
"""
