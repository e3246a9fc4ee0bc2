# SPDX-License-Identifier: MIT
"""Names that measuring, results and reports have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pointers._cli.bench.result import figures

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The allocator that ratios refer to.
BASELINE = "system"
#: What the name of an allocator ends in if checked blocks are on it.
CHECKED = "+checked"


class UsageError(Exception):
    """What the user asked for makes no sense: the program ends with exit code 2."""


def label(case: Mapping[str, Any]) -> str:
    """Name a case's row: its workload and what was varied."""
    parts = [case["workload"]]
    if case["experiment"] == "live-blocks":
        parts.append(f"{figures.count(case['blocks'])} blocks")
    if case["experiment"] == "threads":
        parts.append(f"{case['threads']} thread" + ("s" if case["threads"] > 1 else ""))
    return ", ".join(parts)
