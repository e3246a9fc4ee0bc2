# SPDX-License-Identifier: MIT
"""What allocators tell of themselves, as tuples with names; imported when first asked for."""

from __future__ import annotations

from typing import NamedTuple


class Stats(NamedTuple):
    """What an allocator has given out: requested bytes, and blocks."""

    current_bytes: int
    peak_bytes: int
    total_bytes: int
    current_blocks: int
    peak_blocks: int
    total_blocks: int


class GuardInfo(NamedTuple):
    """What a guard allocator knows beside its statistics."""

    quarantine_blocks: int
    quarantine_bytes: int
    damaged_blocks: int
    mappings: int
    max_mappings: int
