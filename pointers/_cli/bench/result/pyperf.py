# SPDX-License-Identifier: MIT
"""A comparison as JSON that pyperf reads: each case a benchmark, each round a run of one value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pointers._cli.bench.result.names import label

if TYPE_CHECKING:
    from pointers._cli.bench.result.document import Document

#: Of pyperf's format.
_VERSION = "1.0"


def dumps(found: Document) -> str:
    """Return the text; cases without a measurement, which pyperf cannot express, are left out."""
    machine = found["machine"]
    common: dict[str, Any] = {
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
    document = {"version": _VERSION, "metadata": common, "benchmarks": benchmarks}
    return json.dumps(document, indent=1, allow_nan=False) + "\n"
