# SPDX-License-Identifier: MIT
"""The shape of the JSON that a comparison writes: what documents it is what checks it.

An object may have more keys than the shape.
"""

from __future__ import annotations

from functools import cache
from typing import (
    Any,
    Final,
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
KIND: Final = "pointers-bench"

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


class Used(TypedDict, total=False):
    """What the system counted, where the workload program tells it."""

    page_faults: int
    user_seconds: float
    system_seconds: float


class Figures(Used):
    """What the workload program says of a run."""

    operations: int
    seconds: float
    ns_per_op: float
    ops_per_s: float
    #: By how much the resident set grew at most, in touched pages
    peak_rss_bytes: int
    #: What the workload had asked for at most at any one time
    peak_live_bytes: Optional[int]
    #: Resident bytes for each live byte, where the workload can tell
    fragmentation: Optional[float]


class Measurement(Figures):
    """One round of a case."""

    round: int
    #: ns_per_op for the baseline's in this round; null if that was not measured
    ratio: Optional[float]


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
    #: Of one measurement
    run_limit_seconds: float
    #: Of all measurements of one case: a slow one has fewer rounds
    case_limit_seconds: Optional[float]
    #: After it nothing is measured again
    total_limit_seconds: Optional[float]
    #: After it nothing is measured at all
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


_NAMES = {"list": "an array", "dict": "an object", "float": "int or float"}
fields = cache(get_type_hints)


def _fits(value: object, kind: Any) -> bool:
    if isinstance(value, bool):  # an int to Python, and not to JSON
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def check(value: Any, shape: Any = Document, place: str = "") -> None:
    """Check that a value has a shape.

    :raises ValueError: it has not; the message says where.
    """
    origin, inner = get_origin(shape), get_args(shape)
    if origin is Union:  # of a shape and None
        if value is not None:
            check(value, inner[0], place)
        return
    is_table = hasattr(shape, "__total__")
    kind = dict if is_table else origin or shape
    if value not in inner if kind is Literal else not _fits(value, kind):
        name = str(getattr(kind, "__name__", ""))
        wanted = " or ".join(inner) if kind is Literal else _NAMES.get(name, name)
        raise ValueError(f"{place or 'the document'} is {value!r:.60}, not {wanted}")
    for index, item in enumerate(value if kind is list else ()):
        check(item, inner[0], f"{place}[{index}]")
    for key, of_key in fields(shape).items() if is_table else ():
        if key in value:
            check(value[key], of_key, f"{place}.{key}" if place else key)
        elif key in shape.__required_keys__:
            raise ValueError(f"{place or 'the document'} has no {key!r}")
