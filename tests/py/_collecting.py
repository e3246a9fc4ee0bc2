# SPDX-License-Identifier: MIT
"""Collections, repeated until no garbage is left."""

import gc
import sys

from pointers import System

CPYTHON = sys.implementation.name == "cpython"


def collect_all(rounds: int = 1) -> None:
    """Collect garbage; on PyPy, where a round takes a tenth of a second and more, in so many.

    One round finds views, buffers, pointers and their blocks all together.  What an object with
    a finalizer of Python refers to takes one more.
    """
    for _ in range(1 if CPYTHON else rounds):
        gc.collect()


def settled_blocks() -> int:
    """Return the number of live blocks once the garbage of earlier tests is collected.

    A collection may free only the first object of a chain: repeat until the number stays.
    """
    before, now = -1, System().stats().current_blocks
    while now != before:
        collect_all(rounds=2)
        before, now = now, System().stats().current_blocks
    return now
