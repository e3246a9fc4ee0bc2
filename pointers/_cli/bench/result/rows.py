# SPDX-License-Identifier: MIT
"""A comparison as comma-separated values: a row for each measurement."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pointers._cli.bench.result.document import Document

CASE = ("experiment", "workload", "allocator", "threads", "blocks", "status", "reason")
MEASUREMENT = (
    *("round", "operations", "seconds", "ns_per_op", "ops_per_s", "ratio"),
    *("peak_rss_bytes", "peak_live_bytes", "fragmentation"),
    *("page_faults", "user_seconds", "system_seconds"),
)


def dumps(found: Document) -> str:
    """Return the rows as text; a case that was not measured has one, which says why."""
    text = io.StringIO()
    writer = csv.DictWriter(text, (*CASE, *MEASUREMENT), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for case in found["cases"]:
        # None, which stands for "has no meaning here", is an empty field
        writer.writerows({**case, **one} for one in case["measurements"] or [{}])
    return text.getvalue()
