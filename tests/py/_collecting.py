# SPDX-License-Identifier: MIT
"""Collections, repeated until no garbage is left."""

import gc
import sys

from pointers import System

CPYTHON = sys.implementation.name == "cpython"


def collect_all() -> None:
    """Collect garbage; on PyPy, also the objects that finalizers of garbage have let go."""
    for _ in range(1 if CPYTHON else 2):
        gc.collect()


def settled_blocks() -> int:
    """Return the number of live blocks once the garbage of earlier tests is collected.

    A collection may free only the first object of a chain: repeat until the number stays.
    """
    before, now = -1, System().stats().current_blocks
    while now != before:
        collect_all()
        before, now = now, System().stats().current_blocks
    return now
