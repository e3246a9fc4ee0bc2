# SPDX-License-Identifier: MIT
"""The shape of the JSON that a comparison writes: what documents it is what checks it.

An object may have more keys than the shape.
"""

from __future__ import annotations

from typing import (
    Any,
    Literal,
    Optional,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

#: Raised whenever a reader of the old shape would go wrong.
VERSION = 2
KIND = "pointers-bench"

# Hints are looked at on Python 3.9, too, which has no `X | None`
Experiment = Literal["workloads", "live-blocks", "threads"]
Status = Literal["ok", "unsupported", "failed", "killed", "timeout", "missing"]
EXPERIMENTS = get_args(Experiment)
STATUSES = get_args(Status)


class Summary(TypedDict):
    """Of some values."""

    median: float
    minimum: float
    maximum: float
    #: Median of the absolute deviations from the median
    deviation: float
    rounds: int
    #: The interval of the median by the sign test; null with too few rounds for one
    low: Optional[float]
    high: Optional[float]


class Measurement(TypedDict):
    """One round of a case."""

    round: int
    operations: int
    seconds: float
    ns_per_op: float
    ops_per_s: float
    #: ns_per_op for the baseline's in this round; null if that was not measured
    ratio: Optional[float]
    #: Touched pages beyond those at the start
    peak_rss_bytes: int
    #: What the workload had asked for at most at any one time
    peak_live_bytes: Optional[int]
    #: Resident bytes for each live byte, where the workload can tell
    fragmentation: Optional[float]


class Case(TypedDict):
    """A workload on an allocator."""

    experiment: Experiment
    workload: str
    #: The name of one in `allocators`
    allocator: str
    #: Null where the workload's own number is taken
    threads: Optional[int]
    #: Only in live-blocks
    blocks: Optional[int]
    status: Status
    #: Why the status is not ok; else empty
    reason: str
    #: As the workload program tells them
    parameters: dict[str, Any]
    measurements: list[Measurement]
    #: Null without measurements
    ns_per_op: Optional[Summary]
    peak_rss_bytes: Optional[Summary]
    fragmentation: Optional[Summary]
    #: Of the measurements' ratios; null without any
    ratio: Optional[Summary]


class Machine(TypedDict):
    """What the figures were measured on."""

    cpu: str
    architecture: str
    cores: int
    memory_bytes: Optional[int]
    system: str
    kernel: str
    libc: str
    python: str
    implementation: str


class Load(TypedDict):
    """What else the machine did in a round of an experiment; null where that is not known."""

    #: Of a minute, at its end
    load_average: Optional[float]
    #: How many processors other programs kept busy
    others: Optional[float]


class Parameters(TypedDict):
    """How the comparison was run."""

    quick: bool
    rounds: int
    seed: int
    #: Of the workload program; null where each workload has its own
    scale: Optional[float]
    run_limit_seconds: float
    case_limit_seconds: Optional[float]
    total_limit_seconds: Optional[float]
    end_limit_seconds: Optional[float]


class Package(TypedDict):
    """What measured."""

    name: str
    version: str


class Allocator(TypedDict):
    """One of those compared."""

    name: str
    spec: str
    checked: bool
    path: Optional[str]


class Workload(TypedDict):
    """One of those measured."""

    name: str
    description: str


class Document(TypedDict):
    """All of it."""

    schema: Literal["pointers-bench"]
    version: int
    #: False after an interruption
    complete: bool
    #: When it began: ISO 8601, UTC
    date: str
    seconds: float
    package: Package
    machine: Machine
    parameters: Parameters
    load: list[Load]
    #: The allocator that ratios refer to
    baseline: str
    allocators: list[Allocator]
    workloads: list[Workload]
    #: What was left out, and why
    notes: list[str]
    cases: list[Case]


class SchemaError(ValueError):
    """A document has not the shape that is described here."""


def _refuse(value: object, place: str, wanted: str) -> None:
    raise SchemaError(f"{place or 'the document'} is {value!r:.60}, not {wanted}")


def _check_plain(value: object, shape: Any, place: str) -> None:
    types = (int, float) if shape is float else (shape,)
    # A bool is an int to Python, and not to JSON
    if not isinstance(value, types) or (isinstance(value, bool) and shape is not bool):
        _refuse(value, place, " or ".join(one.__name__ for one in types))


def check(value: Any, shape: Any = Document, place: str = "") -> None:
    """Check that a value has a shape.

    :raises SchemaError: it has not; the message says where.
    """
    origin, inner = get_origin(shape), get_args(shape)
    if origin is Union:  # of a shape and None
        if value is not None:
            check(value, inner[0], place)
    elif origin is Literal:
        if value not in inner:
            _refuse(value, place, " or ".join(inner))
    elif origin is list:
        if not isinstance(value, list):
            _refuse(value, place, "an array")
        for index, item in enumerate(value):
            check(item, inner[0], f"{place}[{index}]")
    elif origin is dict or hasattr(shape, "__total__"):
        if not isinstance(value, dict):
            _refuse(value, place, "an object")
        for key, of_key in {} if origin is dict else get_type_hints(shape).items():
            if key not in value:
                raise SchemaError(f"{place or 'the document'} has no {key!r}")
            check(value[key], of_key, f"{place}.{key}" if place else key)
    else:
        _check_plain(value, shape, place)
