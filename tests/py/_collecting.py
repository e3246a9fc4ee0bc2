# SPDX-License-Identifier: MIT
"""The collector, asked as often as it takes to find all that is gone."""

import gc
import sys

from pointers import System

CPYTHON = sys.implementation.name == "cpython"


def collect_all() -> None:
    """Let the collector find all that is gone, and what the finalizers of that have let go."""
    for _ in range(1 if CPYTHON else 2):
        gc.collect()


def settled_blocks() -> int:
    """Return how many blocks live once the garbage of earlier tests has gone, link by link."""
    before, now = -1, System().stats().current_blocks
    while now != before:
        collect_all()
        before, now = now, System().stats().current_blocks
    return now
