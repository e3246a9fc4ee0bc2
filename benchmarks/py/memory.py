# SPDX-License-Identifier: MIT
"""Getting memory, and using it as a whole: allocation, stack calls, views, copies."""

from __future__ import annotations

from case import CFFI, LIBC, POINTERS, THIS, Case


def allocation(size: int) -> list[Case]:
    """Get memory and give it back."""
    return [
        Case(THIS, f"free(malloc({size}))", POINTERS),
        Case(f"{THIS}, with", f"with malloc({size}): pass", POINTERS),
        Case(f"{THIS}, pool", f"free(take({size}))", f"{POINTERS}; take = Pool({size}).malloc"),
        Case(
            f"{THIS}, arena (reset every 1000)",
            f"for _ in range(1000): take({size})\narena.reset()",
            f"{POINTERS}; arena = Arena(); take = arena.malloc",
            operations=1000,
        ),
        Case("bytearray", f"bytearray({size})"),
        Case(
            "ctypes.create_string_buffer",
            f"make({size})",
            "from ctypes import create_string_buffer\nmake = create_string_buffer",
        ),
        Case("ctypes, libc malloc and free", f"c_free(c_malloc({size}))", LIBC),
        Case(
            "cffi, ffi.new",
            "new(kind)",
            f"{CFFI}new, kind = ffi.new, ffi.typeof('char[{size}]')",
            "cffi",
        ),
        Case(
            "cffi, lib.malloc and free",
            f"free(malloc({size}))",
            f"{CFFI}malloc, free = lib.malloc, lib.free",
            "cffi",
        ),
        Case("mmap", f"mmap(-1, {size}).close()", "from mmap import mmap", "mmap"),
        Case(
            "array.array",
            "zero * count",
            f"from array import array\nzero, count = array('B', [0]), {size}",
        ),
        Case(
            "numpy.empty",
            f"empty({size}, kind)",
            "import numpy\nempty, kind = numpy.empty, numpy.dtype('u1')",
            "numpy",
        ),
    ]


def stack_calls() -> list[Case]:
    """Call a function that has memory of its own for as long as it runs."""
    return [
        Case(THIS, "work()", f"{POINTERS}\n@stack_alloc(28)\ndef work(ptr): pass"),
        Case(
            f"{THIS}, malloc and free",
            "work()",
            f"{POINTERS}\ndef work():\n    ptr = malloc(28)\n    free(ptr)",
        ),
        Case(
            "ctypes.create_string_buffer",
            "work()",
            "from ctypes import create_string_buffer\ndef work(): create_string_buffer(28)",
        ),
        Case("bytearray", "work()", "def work(): bytearray(28)"),
        Case("no memory at all", "work()", "def work(): pass"),
    ]


def views() -> list[Case]:
    """Make a view of 64 KiB, read a byte by it, and release it."""
    statement = "view = make(place)\nview[100]\nview.release()"
    return [
        Case(
            THIS,
            "view = make()\nview[100]\nview.release()",
            f"{POINTERS}\nplace = malloc(65536); make = place.view",
        ),
        Case("bytearray", statement, "place, make = bytearray(65536), memoryview"),
        Case(
            "ctypes buffer",
            "view = make(place).cast('B')\nview[100]\nview.release()",
            "import ctypes\nplace, make = ctypes.create_string_buffer(65536), memoryview",
        ),
        Case(
            "cffi",
            "view = make(place)\nview[100]",
            "import cffi\nffi = cffi.FFI()\nplace, make = ffi.new('char[65536]'), ffi.buffer",
            "cffi",
        ),
        Case(
            "mmap", statement, "import mmap\nplace, make = mmap.mmap(-1, 65536), memoryview", "mmap"
        ),
        Case(
            "numpy",
            statement,
            "import numpy\nplace, make = numpy.zeros(65536, 'u1'), memoryview",
            "numpy",
        ),
    ]


def copies() -> list[Case]:
    """Copy 64 KiB from one block to another."""
    return [
        Case(
            THIS,
            "copy(a, b, 65536)",
            f"{POINTERS}\na, b, copy = malloc(65536), malloc(65536), memcpy",
        ),
        Case("bytearray", "a[:] = b", "a, b = bytearray(65536), bytearray(65536)"),
        Case(
            "memoryview",
            "a[:] = b",
            "a, b = memoryview(bytearray(65536)), memoryview(bytearray(65536))",
        ),
        Case(
            "ctypes.memmove",
            "copy(a, b, 65536)",
            "import ctypes\nmake = "
            "ctypes.create_string_buffer\na, b, copy = make(65536), make(65536), ctypes.memmove",
        ),
        Case(
            "cffi, ffi.memmove",
            "copy(a, b, 65536)",
            "import cffi\nffi = cffi.FFI()\n"
            "a, b, copy = ffi.new('char[65536]'), ffi.new('char[65536]'), ffi.memmove",
            "cffi",
        ),
        Case(
            "numpy",
            "a[:] = b",
            "import numpy\na, b = numpy.zeros(65536, 'u1'), numpy.ones(65536, 'u1')",
            "numpy",
        ),
    ]


def live_blocks(count: int) -> list[Case]:
    """Get memory and give it back while so many other blocks are live."""
    return [
        Case(THIS, "free(malloc(28))", f"{POINTERS}\nkept = [malloc(28) for _ in range({count})]"),
        Case("bytearray", "bytearray(28)", f"kept = [bytearray(28) for _ in range({count})]"),
        Case(
            "cffi, lib.malloc and free",
            "free(malloc(28))",
            f"{CFFI}malloc, free = lib.malloc, "
            f"lib.free\nkept = [malloc(28) for _ in range({count})]",
            "cffi",
        ),
    ]
