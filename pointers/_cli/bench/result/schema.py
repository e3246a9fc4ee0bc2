# SPDX-License-Identifier: MIT
"""The shape of the JSON that a comparison writes: what documents it is what checks it.

A tuple of types admits values of these; a list stands for an array of what it
holds; an object may have more keys than the shape; a shape followed by None may
be null.
"""

from __future__ import annotations

from typing import Any, NamedTuple

#: Raised whenever a reader of the old shape would go wrong.
VERSION = 2
KIND = "pointers-bench"

EXPERIMENTS = ("workloads", "live-blocks", "threads")
STATUSES = ("ok", "unsupported", "failed", "killed", "timeout", "missing")

_NUMBER = (int, float)
_NULL = type(None)


class OneOf(NamedTuple):
    """One of some strings."""

    values: tuple[str, ...]


SUMMARY = {
    "median": _NUMBER,
    "minimum": _NUMBER,
    "maximum": _NUMBER,
    # Median of the absolute deviations from the median
    "deviation": _NUMBER,
    "rounds": (int,),
    # The interval of the median by the sign test; null with too few rounds for one
    "low": (*_NUMBER, _NULL),
    "high": (*_NUMBER, _NULL),
}

MEASUREMENT = {
    "round": (int,),
    "operations": (int,),
    "seconds": _NUMBER,
    "ns_per_op": _NUMBER,
    "ops_per_s": _NUMBER,
    # ns_per_op for the baseline's in this round; null if that was not measured
    "ratio": (*_NUMBER, _NULL),
    # Of the whole child process
    "peak_rss_bytes": (int,),
    # What the workload had asked for at most at any one time
    "peak_live_bytes": (int, _NULL),
    # Resident bytes for each live byte, where the workload can tell
    "fragmentation": (*_NUMBER, _NULL),
}

CASE = {
    "experiment": OneOf(EXPERIMENTS),
    "workload": (str,),
    # The name of one in `allocators`
    "allocator": (str,),
    # Null where the workload's own number is taken
    "threads": (int, _NULL),
    # Only in live-blocks
    "blocks": (int, _NULL),
    "status": OneOf(STATUSES),
    # Why the status is not ok; else empty
    "reason": (str,),
    # As the workload program tells them
    "parameters": (dict,),
    "measurements": [MEASUREMENT],
    # Null without measurements
    "ns_per_op": (SUMMARY, None),
    "peak_rss_bytes": (SUMMARY, None),
    "fragmentation": (SUMMARY, None),
    # Of the measurements' ratios; null without any
    "ratio": (SUMMARY, None),
}

DOCUMENT = {
    "schema": OneOf((KIND,)),
    "version": (int,),
    # False after an interruption
    "complete": (bool,),
    # When it began: ISO 8601, UTC
    "date": (str,),
    "seconds": _NUMBER,
    "package": {"name": (str,), "version": (str,)},
    "machine": {
        "cpu": (str,),
        "architecture": (str,),
        "cores": (int,),
        "memory_bytes": (int, _NULL),
        "system": (str,),
        "kernel": (str,),
        "libc": (str,),
        "python": (str,),
        "implementation": (str,),
    },
    "parameters": {
        "quick": (bool,),
        "rounds": (int,),
        "seed": (int,),
        # Of the workload program; null where each workload has its own
        "scale": (*_NUMBER, _NULL),
        "run_limit_seconds": _NUMBER,
        "case_limit_seconds": (*_NUMBER, _NULL),
        "total_limit_seconds": (*_NUMBER, _NULL),
        "end_limit_seconds": (*_NUMBER, _NULL),
    },
    # Of each round; null where the system does not tell
    "load": [
        {
            # Of a minute, at the round's end
            "load_average": (*_NUMBER, _NULL),
            # How many processors other programs kept busy
            "others": (*_NUMBER, _NULL),
        },
    ],
    # The allocator that ratios refer to
    "baseline": (str,),
    "allocators": [
        {"name": (str,), "spec": (str,), "checked": (bool,), "path": (str, _NULL)},
    ],
    "workloads": [{"name": (str,), "description": (str,)}],
    # What was left out, and why
    "notes": [(str,)],
    "cases": [CASE],
}


class SchemaError(ValueError):
    """A document has not the shape that is described here."""


def _name(types: tuple[type, ...]) -> str:
    return " or ".join("null" if one is _NULL else one.__name__ for one in types)


def check(value: Any, shape: Any = DOCUMENT, place: str = "") -> None:
    """Check that a value has a shape.

    :raises SchemaError: it has not; the message says where.
    """
    where = place or "the document"
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise SchemaError(f"{where} is {value!r:.60}, not an object")
        for key, inner in shape.items():
            if key not in value:
                raise SchemaError(f"{where} has no {key!r}")
            check(value[key], inner, f"{place}.{key}" if place else key)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise SchemaError(f"{where} is {value!r:.60}, not an array")
        for index, item in enumerate(value):
            check(item, shape[0], f"{place}[{index}]")
    elif isinstance(shape, OneOf):
        if value not in shape.values:
            raise SchemaError(f"{where} is {value!r:.60}, not {' or '.join(shape.values)}")
    elif shape[-1] is None:
        if value is not None:
            check(value, shape[0], place)
    elif not isinstance(value, shape) or (isinstance(value, bool) and bool not in shape):
        raise SchemaError(f"{where} is {value!r:.60}, not {_name(shape)}")
