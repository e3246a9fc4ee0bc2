# SPDX-License-Identifier: MIT
"""Where images are copied from the interpreter's objects: on 64-bit CPython alone."""

from __future__ import annotations

import sys

import pytest

# All others synthesise images from the values
COPIES = sys.implementation.name == "cpython" and sys.maxsize > 2**32
copies_only = pytest.mark.skipif(not COPIES, reason="only 64-bit CPython copies objects")


def rebuilt(text: str) -> str:
    """Return an equal text in a new object, without a cached hash or UTF-8 form."""
    return "".join([text[:1], text[1:]])
