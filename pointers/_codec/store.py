# SPDX-License-Identifier: MIT
"""Which functions store the values of this interpreter: chosen once, at import.

The reference path copies the bodies of the objects on CPython.  The compiled path has
the C codec make its images, so that its Python functions use the C codec too: they
make the same bytes, and neither ctypes nor the copying codec is imported.
``POINTERS_IMAGES=synth`` in the environment chooses synthesis everywhere.
"""

from __future__ import annotations

import os
import sys

from pointers._codec import synth
from pointers._codec.layout import sizeof
from pointers._codec.scratch import scratch
from pointers._errors import PointersError, status_error
from pointers._ffi import fast, ffi, lib
from pointers._typing import Any, Callable

Stores = dict[type, Callable[..., int]]

# One value for each path through the two back ends
_SAMPLES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**30, -(2**62), 2**63, -(10**40),
    0.0, -1.5, complex(0.5, -2.0), b"", b"\0sample",
    "", "sample", "\xe9sample", "\u0107sample\ud800", "\U00010307sample",
)  # fmt: skip


def image(store: Callable[..., int], size: int, *value: object) -> bytes:
    """Return the image of `size` bytes that a store function makes of a value.

    :raises AllocationError: there is no memory to make it in.
    """
    with scratch(size) as cell:
        block = cell[0]
        status = store(block, 0, size, *value)
        if status < 0:
            raise status_error(status)
        data = ffi.new("uint8_t[]", size)
        lib.ptrs_block_read(block, 0, size, data)
        return bytes(ffi.buffer(data))


def _round_trips(stores: Stores) -> bool:
    """Whether `stores` make the images that synthesis makes, and these load again."""
    try:
        return all(
            image(stores[type(obj)], sizeof(obj), obj)
            == image(synth.STORES[type(obj)], sizeof(obj), obj)
            for obj in _SAMPLES
        )
    except PointersError:
        return False


def _choose() -> tuple[str, Stores]:
    copies = fast is None and sys.implementation.name == "cpython"
    if copies and os.environ.get("POINTERS_IMAGES") != "synth":
        from pointers._codec import copying

        stores = copying.STORES
        if stores is not None and _round_trips(stores):
            return "copy", stores
    return "synth", synth.STORES


#: The name of the chosen back end, and its functions by exact type.
BACK_END, STORES = _choose()

store_of = STORES.get
