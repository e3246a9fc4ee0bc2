# SPDX-License-Identifier: MIT
"""The collector, asked as often as it takes to find all that is gone."""

import gc
import sys

CPYTHON = sys.implementation.name == "cpython"


def collect_all() -> None:
    """Let the collector find all that is gone, and what the finalizers of that have let go."""
    for _ in range(1 if CPYTHON else 2):
        gc.collect()
