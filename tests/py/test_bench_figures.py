# SPDX-License-Identifier: MIT
"""`bench`: its arithmetic, its tables, and the schema of its JSON."""

from __future__ import annotations

import copy
import io
import math
import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointers._cli.bench.measure import plan
from pointers._cli.bench.report import table, terminal
from pointers._cli.bench.report.table import Cell, Table
from pointers._cli.bench.result import document, figures, schema
from pointers._cli.bench.result.summary import sum_up, summarize

SUMMARY = {"median": 2.0, "minimum": 1.0, "maximum": 4.0, "deviation": 1.0, "rounds": 6}
SUMMARY.update(low=1.0, high=4.0)
MEASUREMENT = {
    "round": 0,
    "operations": 1,
    "seconds": 1e-9,
    "ns_per_op": 1.0,
    "ops_per_s": 1e9,
    "ratio": 1.0,
    "peak_rss_bytes": 1,
    "peak_live_bytes": None,
    "fragmentation": None,
}


def make_case(**changes: Any) -> dict[str, Any]:
    return {
        "experiment": "workloads",
        "workload": "even",
        "allocator": "system",
        "threads": None,
        "blocks": None,
        "status": "ok",
        "reason": "",
        "parameters": {},
        "measurements": [],
        "ns_per_op": dict(SUMMARY),
        "peak_rss_bytes": dict(SUMMARY),
        "fragmentation": None,
        "ratio": dict(SUMMARY),
        **changes,
    }


def make_document(*cases: dict[str, Any], **changes: Any) -> dict[str, Any]:
    names = list(dict.fromkeys(case["allocator"] for case in cases))
    return {
        "schema": schema.KIND,
        "version": schema.VERSION,
        "package": document.package(),
        "baseline": document.BASELINE,
        "complete": True,
        "date": "2030-01-02T03:04:05+00:00",
        "seconds": 1.5,
        "machine": {
            "cpu": "Abacus",
            "architecture": "beads",
            "cores": 2,
            "memory_bytes": None,
            "system": "Linux",
            "kernel": "6",
            "libc": "glibc 2",
            "python": "3.12.1",
            "implementation": "CPython",
        },
        "parameters": {
            "quick": True,
            "rounds": 3,
            "seed": 1,
            "scale": None,
            "run_limit_seconds": 10,
            "case_limit_seconds": None,
            "total_limit_seconds": None,
            "end_limit_seconds": None,
        },
        "load": [{"load_average": 0.5, "others": 0.0}],
        "allocators": [
            {"name": name, "spec": name, "checked": False, "path": None} for name in names
        ],
        "workloads": [{"name": "even", "description": "of <all> & sundry"}],
        "notes": [],
        "cases": list(cases),
        **changes,
    }


def test_a_summary_is_median_extremes_and_median_deviation() -> None:
    assert summarize([]) is None
    # Deviations from 3 are 2, 1, 0, 1, 97
    five = {"median": 3, "minimum": 1, "maximum": 100, "deviation": 1, "rounds": 5}
    assert summarize([1, 2, 3, 4, 100]) == {**five, "low": None, "high": None}
    summary = summarize([1.0, 2.0])
    assert summary is not None
    assert (summary["median"], summary["deviation"]) == (1.5, 0.5)
    schema.check(summary, schema.Summary)


@given(st.lists(st.floats(1e-3, 1e9), min_size=1))
def test_a_summary_is_inside_its_values(values: list[float]) -> None:
    summary = summarize(values)
    assert summary is not None
    assert summary["minimum"] == min(values)
    assert summary["minimum"] <= summary["median"] <= summary["maximum"] == max(values)
    assert 0 <= summary["deviation"] <= summary["maximum"] - summary["minimum"]


@pytest.mark.parametrize(
    ("costs", "of_base", "expected"),
    [
        # If the machine becomes ten times slower, ratios stay the same
        ({0: 5.0, 1: 50.0}, {0: 10.0, 1: 100.0}, [0.5, 0.5]),
        ({0: 5.0, 2: 4.0}, {1: 10.0, 2: 1.0}, [None, 4.0]),
        ({0: 5.0}, {}, [None]),
    ],
)
def test_ratios_compare_figures_of_the_same_round(
    costs: dict[int, float], of_base: dict[int, float], expected: list[float | None]
) -> None:
    cases: Any = [
        make_case(
            allocator=name,
            measurements=[
                {**MEASUREMENT, "round": round_, "ns_per_op": cost} for round_, cost in of.items()
            ],
        )
        for name, of in (("arena", costs), ("system", of_base))
    ]
    sum_up(cases)
    assert [one["ratio"] for one in cases[0]["measurements"]] == expected
    assert (cases[0]["ratio"] is None) == (expected == [None])
    assert (cases[0]["fragmentation"], cases[0]["ns_per_op"]["median"]) == (
        None,
        sum(costs.values()) / len(costs),
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.012345, "0.0123"),
        (1, "1.00"),
        (9.996, "10.0"),
        (99.96, "100"),
        (1234, "1230"),
        (1e9, "1000000000"),
    ],
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert figures.digits(value) == text


@given(st.floats(1e-6, 1e12))
def test_rounded_figures_are_close_to_the_number(value: float) -> None:
    text = figures.digits(value)
    assert "e" not in text.lower()
    assert math.isclose(float(text), value, rel_tol=0.0051)


def test_figures_have_fitting_units() -> None:
    assert figures.bytes_(0) == "0 B"
    assert figures.bytes_(1536) == "1.50 KiB"
    assert figures.bytes_(3 << 30) == "3.00 GiB"
    assert figures.nanoseconds(12.5) == "12.5 ns"
    assert figures.nanoseconds(2_500_000) == "2.50 ms"
    assert [figures.count(10**power) for power in (2, 4, 7)] == ["100", "10k", "10M"]


def test_plain_tables_are_split_to_fit_the_width() -> None:
    row = [Cell("first"), *[Cell("123456789")] * 6]
    wide = Table("Title", ["name", *"abcdef"], [row])
    text = terminal.plain(wide, 40)
    assert text.count("Title") == 1
    assert text.count("first") == 2
    assert text.count("123456789") == 6
    assert max(map(len, text.splitlines())) <= 40
    # Too narrow for any column: one column at a time
    assert terminal.plain(wide, 5).count("first") == 6


def test_a_table_says_why_there_is_no_figure() -> None:
    cases = [make_case(workload=name, ratio=None) for name in schema.STATUSES]
    for case, status in zip(cases, schema.STATUSES):
        case.update(allocator="arena", status=status, ns_per_op=None, peak_rss_bytes=None)
    stream = io.StringIO()
    found = table.tables(make_document(*cases), details=True)
    terminal.show_tables(found, stream)
    lines = {
        line.split()[0]: line.split()[1:] for line in stream.getvalue().splitlines()[2:9] if line
    }
    assert lines["timeout"] == ["-", "too", "slow"]
    assert lines["killed"] == ["-", "KILLED"]
    assert lines["unsupported"] == ["-", "n/a"]


def test_the_table_of_details_has_every_case() -> None:
    document = make_document(
        make_case(),
        make_case(experiment="threads", threads=1),
        make_case(experiment="live-blocks", blocks=10**7),
    )
    found = table.tables(document, details=True)[-1]
    assert [row[0].text for row in found.rows] == ["even", "even, 1 thread", "even, 10M blocks"]


def test_thread_counts_double_up_to_twice_the_cores() -> None:
    assert plan.thread_counts(1) == [1, 2]
    assert plan.thread_counts(2) == [1, 2, 4]
    assert plan.thread_counts(6) == [1, 2, 4, 6, 12]


def test_more_blocks_than_memory_are_left_out() -> None:
    from pointers._cli.bench.measure.allocators import Allocator

    chosen = plan.parameters(quick=False, rounds=None, seed=1, scale=None, time_limit=None)
    jobs, notes = plan.jobs(
        [plan.LIVE_BLOCKS],
        [Allocator("system", "system")],
        chosen,
        None,
        ["live-blocks"],
        cores=2,
        available=1 << 30,
    )
    assert [job.case["blocks"] for job in jobs] == [10**power for power in range(2, 7)]
    assert len(notes) == 1
    assert notes[0].startswith("10M live blocks are left out")


def test_a_right_document_passes_the_schema() -> None:
    schema.check(make_document(make_case(), make_case(ratio=None)))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("complete",), 1, "complete is 1, not bool"),
        (("seconds",), True, "seconds is True"),
        (("schema",), "other", "not pointers-bench"),
        (("machine", "cores"), "2", "machine.cores is '2', not int"),
        (("machine", "cpu"), None, "machine.cpu is None, not str"),
        (("cases", 0, "ratio", "median"), None, "cases[0].ratio.median is None"),
        (("cases", 0, "ratio"), [], "cases[0].ratio is [], not an object"),
        (("cases", 0, "status"), "good", "cases[0].status is 'good'"),
        (("notes",), {}, "notes is {}, not an array"),
        (("notes",), [1], "notes[0] is 1, not str"),
        (("cases", 0, "measurements"), [{}], "cases[0].measurements[0] has no 'operations'"),
    ],
)
def test_the_error_names_the_wrong_part_of_a_document(
    path: tuple[Any, ...], value: object, words: str
) -> None:
    document = copy.deepcopy(make_document(make_case()))
    inner: Any = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match=re.escape(words)):
        schema.check(document)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_printed_as_lines_without_a_terminal() -> None:
    stream = io.StringIO()
    with terminal.progress(stream) as step:
        step(0, 2, "first")
        step(1, 2, "second")  # too soon for a line
        step(2, 2, "done")
    assert stream.getvalue() == "0/2 first\n2/2 done\n"


ROWS = [
    [Cell("first"), Cell("0.50", kind="faster"), Cell("n/a")],
    [Cell("second"), Cell("3.00"), Cell("-")],
]


def test_tables_and_progress_are_plain_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    stream = Terminal()
    terminal.show_tables([Table("Title", ["name", "a", "b"], ROWS)], stream)
    assert stream.getvalue().splitlines()[:3] == ["Title", "", "name       a    b"]
    stream = Terminal()
    with terminal.progress(stream) as step:
        step(1, 4, "even on arena")
    assert stream.getvalue() == "1/4 even on arena\n"


def test_rich_shows_tables_and_the_progress_bar() -> None:
    pytest.importorskip("rich")
    stream = Terminal()
    terminal.show_tables([Table("Title", ["name", "a", "b"], ROWS)], stream)
    with terminal.progress(stream) as step:
        step(1, 4, "even on arena")
    for word in ("Title", "first", "0.50", "n/a", "1/4", "even on arena"):
        assert word in stream.getvalue()
