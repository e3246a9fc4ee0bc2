# SPDX-License-Identifier: MIT
"""The only door to the compiled module: everything else imports from here."""

from __future__ import annotations

try:
    from pointers._core import ffi, lib
except ModuleNotFoundError as error:
    if error.name != "pointers._core":
        raise
    raise ImportError(
        "pointers is not built here: the folder 'pointers' of the source tree hides the "
        "installed package; run from another folder, or install with 'pip install -e .'"
    ) from error

__all__ = ["ffi", "lib"]
