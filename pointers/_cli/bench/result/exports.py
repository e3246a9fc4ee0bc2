# SPDX-License-Identifier: MIT
"""A comparison in the formats of others: comma-separated values, and the JSON of pyperf."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from pointers._cli.bench.result.document import dumps, label

if TYPE_CHECKING:
    from pointers._cli.bench.result.schema import Document

_COLUMNS = (
    *("experiment", "workload", "allocator", "threads", "blocks", "status", "reason"),
    *("round", "operations", "seconds", "ns_per_op", "ops_per_s", "ratio"),
    *("peak_rss_bytes", "peak_live_bytes", "fragmentation"),
    *("page_faults", "user_seconds", "system_seconds"),
)


def as_csv(found: Document) -> str:
    """Return a row for each measurement; a case that has none has a row, which says why."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for case in found["cases"]:
        # None, which stands for "has no meaning here", is an empty field
        rounds = [dict(one) for one in case["measurements"]]
        writer.writerows({**case, **one} for one in rounds or [{}])
    return text.getvalue()


def as_pyperf(found: Document) -> str:
    """Return each case as a benchmark of pyperf, and each round as a run of one value.

    Cases without a measurement, which pyperf cannot express, are left out.
    """
    machine = found["machine"]
    common = {
        "unit": "second",
        "cpu_model_name": machine["cpu"],
        "cpu_count": machine["cores"],
        "python_version": machine["python"],
        "python_implementation": machine["implementation"].lower(),
        "tags": [found["schema"]],
    }
    benchmarks = [
        {
            "metadata": {"name": f"{label(case)} on {case['allocator']}"},
            "runs": [{"values": [one["ns_per_op"] / 1e9]} for one in case["measurements"]],
        }
        for case in found["cases"]
        if case["measurements"]
    ]
    return dumps({"version": "1.0", "metadata": common, "benchmarks": benchmarks})
