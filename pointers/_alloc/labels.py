# SPDX-License-Identifier: MIT
"""Where in the program a block was allocated, for the reports of faults."""

from __future__ import annotations

import os
import sys

from pointers._ffi import ffi, lib
from pointers._typing import Any

# Not by pathlib, which would be half of what importing this package costs
_PACKAGE = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120


def _caller() -> str:
    """Return the file and line outside of this package that led here."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def label_block(block: int) -> None:
    """Tell a guarded block the line of the program that allocates it."""
    mem = ffi.cast("void *", lib.ptrs_access_address_of(block))
    lib.ptrs_guard_label(mem, _caller().encode("utf-8", "backslashreplace"))
