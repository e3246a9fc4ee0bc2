# SPDX-License-Identifier: MIT
"""Memory that this package has not allocated, and the C functions that allocate and free it."""

import ctypes
from typing import Any

LIBC: Any = ctypes.CDLL(None)
LIBC.strdup.restype = ctypes.c_void_p
LIBC.calloc.restype = ctypes.c_void_p
LIBC.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
LIBC.malloc.restype = ctypes.c_void_p
LIBC.malloc.argtypes = [ctypes.c_size_t]


class Buffer:
    """Memory of ctypes, with a `free` that records the addresses that it was given."""

    def __init__(self, size: int = 64) -> None:
        self.array = (ctypes.c_char * size)()
        self.address = ctypes.addressof(self.array)
        self.freed: list[int] = []

    def free(self, address: int) -> None:
        self.freed.append(address)


def free_with_argtypes() -> Any:
    function = ctypes.CDLL(None).free
    function.argtypes = [ctypes.c_void_p]
    function.restype = None
    return function
