# SPDX-License-Identifier: MIT
"""What may be said of a comparison: intervals, differences, doubts, sentences."""

from __future__ import annotations

import json
import random
import statistics
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_bench_figures import MEASUREMENT, make_case, make_document

from pointers._cli.bench.measure import plan, runner
from pointers._cli.bench.measure.allocators import Allocator
from pointers._cli.bench.measure.machine import Watch
from pointers._cli.bench.report import history
from pointers._cli.bench.report.history import Earlier
from pointers._cli.bench.report.table import interval_text, ratio_cell
from pointers._cli.bench.result import exports, figures, verdicts
from pointers._cli.bench.result.doubts import doubts
from pointers._cli.bench.result.summary import (
    FASTER,
    SAME,
    SLOWER,
    UNKNOWN,
    interval,
    summarize,
    verdict,
)

if TYPE_CHECKING:
    from pathlib import Path


def measured(allocator: str, ratios: list[float], **changes: Any) -> dict[str, Any]:
    """Return a case with these ratios."""
    summary = summarize(ratios)
    assert summary is not None
    rounds = [{**MEASUREMENT, "round": n, "ratio": one} for n, one in enumerate(ratios)]
    return make_case(allocator=allocator, ratio=summary, measurements=rounds, **changes)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (0, (None, None)),
        (5, (None, None)),
        (6, (0, 5)),
        (8, (0, 7)),
        (9, (1, 7)),
        (12, (2, 9)),
        (20, (5, 14)),
    ],
)
def test_an_interval_leaves_out_what_chance_may(
    n: int, expected: tuple[int | None, int | None]
) -> None:
    values = list(range(n))
    random.Random(1).shuffle(values)
    assert interval(values) == expected


@given(st.lists(st.floats(1e-3, 1e3), min_size=6))
def test_an_interval_holds_the_median_of_its_values(values: list[float]) -> None:
    low, high = interval(values)
    assert low is not None
    assert high is not None
    assert min(values) <= low <= statistics.median(values) <= high <= max(values)


@pytest.mark.parametrize("n", [6, 9, 20])
def test_an_interval_misses_the_true_median_one_time_in_twenty(n: int) -> None:
    source = random.Random(n)
    n_missed, n_tried = 0, 2000
    true_median = 0.6931471805599453**2
    for _ in range(n_tried):
        # Far from normal: a tail to one side, as times have it
        low, high = interval([source.expovariate(1) ** 2 for _ in range(n)])
        assert low is not None
        assert high is not None
        n_missed += not low <= true_median <= high
    assert n_missed <= 0.06 * n_tried


@pytest.mark.parametrize(
    ("ratios", "what", "cell"),
    [
        ([0.8, 0.85, 0.9, 0.88, 0.82, 0.84], FASTER, f"0.84{figures.TIMES}"),
        ([1.1, 1.2, 1.3, 1.14, 1.4, 1.01], SLOWER, f"1.17{figures.TIMES}"),
        ([0.8, 0.86, 0.9, 0.88, 0.82, 1.01], SAME, "no difference"),
        ([0.5, 0.5, 0.5, 0.5, 0.5], UNKNOWN, "0.50 ?"),
        ([1.0] * 6, SAME, "no difference"),
    ],
)
def test_only_an_interval_without_1_is_a_difference(
    ratios: list[float], what: str, cell: str
) -> None:
    case: Any = measured("arena", ratios)
    assert verdict(case["ratio"]) == what
    assert ratio_cell(case).text == cell
    assert interval_text(case["ratio"]).startswith(f"{statistics.median(ratios):.2f}")


@pytest.mark.parametrize(("n", "words"), [(1, "1 round"), (5, "5 rounds")])
def test_a_ratio_of_few_rounds_says_that_it_has_no_interval(n: int, words: str) -> None:
    case: Any = measured("arena", [0.5] * n)
    assert interval_text(case["ratio"]) == f"0.50 (no interval of {words})"
    assert ratio_cell(case).tip == interval_text(case["ratio"])


def test_each_allocator_comes_in_each_place() -> None:
    jobs = [
        plan.job("workloads", workload, Allocator(name, name))
        for workload in ("even", "odd")
        for name in ("system", "arena", "pool")
    ]
    places: dict[str, set[int]] = {}
    for round_ in range(3):
        group_places = {"even": 0, "odd": 0}
        for job in runner.order(jobs, round_, 1):
            workload = job.case["workload"]
            places.setdefault(str(job), set()).add(group_places[workload])
            group_places[workload] += 1
    assert list(places.values()) == [{0, 1, 2}] * 6


def test_where_time_is_short_the_first_experiment_has_its_rounds() -> None:
    system = Allocator("system", "system")
    first = plan.job("workloads", "even", system)
    second = plan.job("threads", "even", system, threads=2)
    assert list(runner.passes([first, second], 3)) == [
        (0, [first, second]),
        *((1, [first]), (2, [first]), (1, [second]), (2, [second])),
    ]


@pytest.mark.parametrize(("quick", "least"), [(True, 6), (False, 9)])
def test_there_are_rounds_enough_for_a_difference(quick: bool, least: int) -> None:
    chosen = plan.parameters(quick=quick, rounds=None, seed=1, scale=None, time_limit=None)
    assert chosen["rounds"] == least
    assert None not in interval(range(least))
    assert least == 9 or None in interval(range(least - 1))


def test_the_machine_s_load() -> None:
    found = Watch().end()
    assert set(found) == {"load_average", "others"}
    assert all(value is None or value >= 0 for value in found.values())


def test_doubts() -> None:
    steady = measured("pool", [0.5] * 6)
    assert doubts(make_document(steady)) == []
    busy = [{"load_average": 3.0, "others": one} for one in (1.0, 1.4)]
    wide = measured("arena", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    few = measured("guard", [2.0] * 3)
    about_load, about_width, about_number = doubts(make_document(steady, wide, few, load=busy))
    assert "kept 1.2 of 2 processors busy meanwhile, at most 1.4" in about_load
    assert "in 1 of 3 cases" in about_width
    assert "even on arena from 0.50 to 1.00" in about_width
    assert about_number.startswith("1 of 3 cases have fewer than 6 rounds")
    nothing = [{"load_average": None, "others": None}]
    assert doubts(make_document(steady, load=nothing)) == []


def test_sentences_say_what_to_take() -> None:
    cases = [
        measured("system", [1.0] * 6),
        measured("direct", [0.5] * 6),
        measured("mimalloc", [0.7] * 6),
        measured("pool", [0.9] * 6),
        measured("pool+checked", [0.6] * 6),
        measured("arena", [0.9, 1.1] * 3),
        measured("guard", [30.0] * 6),
        make_case(allocator="jemalloc", ratio=None, status="unsupported"),
    ]
    assert [one["allocator"] for one in verdicts.choices(cases, "system")] == ["mimalloc", "pool"]
    assert verdicts.of_workload(cases, "system") == (
        "faster: direct 0.50, pool+checked 0.60, mimalloc 0.70, pool 0.90; slower: guard 30.0; "
        "no difference: arena; not measured: jemalloc."
    )
    slow = [measured("mimalloc", [1.5] * 6, workload="odd")]
    found = verdicts.of_all(make_document(*cases, *slow))
    assert found[:2] == ["Take mimalloc for even.", "Nothing is faster than system for odd."]
    assert "mimalloc: faster in 1, slower in 1 of 2 workloads." in found


def test_a_change_is_told_only_if_it_is_real() -> None:
    before = make_document(
        measured("arena", [0.5, 0.52, 0.48, 0.5, 0.51, 0.49]),
        measured("pool", [0.5] * 6),
        measured("arena", [0.5] * 6, experiment="threads", threads=2),
    )
    now = make_document(
        measured("arena", [0.49, 0.53, 0.5, 0.47, 0.5, 0.52]),
        measured("pool", [0.6] * 6),
        measured("arena", [0.4] * 6, experiment="threads", threads=2),
        measured("guard", [0.4] * 6),
    )
    runs = [Earlier("before", before)]
    assert [row[-1].text for row in history.table(now, runs).rows] == [
        "no difference",
        "+20 % slower",
        "-20 % faster",
    ]
    assert history.differences(now, runs) == [
        "Since before, 2 of 3 cases are different:",
        "even on pool is +20 % slower",
        "even, 2 threads on arena is -20 % faster",
    ]
    assert history.differences(before, [Earlier("same", before)]) == [
        "Since same, 0 of 3 cases are different."
    ]


def test_pyperf_s_json(tmp_path: Path) -> None:
    unmeasured = make_case(allocator="pool", ratio=None, ns_per_op=None, status="unsupported")
    text = exports.as_pyperf(make_document(measured("arena", [0.5] * 6), unmeasured))
    (benchmark,) = json.loads(text)["benchmarks"]
    assert benchmark["metadata"]["name"] == "even on arena"
    assert [run["values"] for run in benchmark["runs"]] == [[1e-9]] * 6
    reader = pytest.importorskip("pyperf")
    path = tmp_path / "out.json"
    path.write_text(text, encoding="utf-8")
    (read,) = reader.BenchmarkSuite.load(str(path)).get_benchmarks()
    assert read.get_name() == "even on arena"
    assert read.mean() == pytest.approx(1e-9)


def test_a_quick_run_has_the_ends_of_the_scaling_over_threads_and_fewer_blocks() -> None:
    chosen = plan.parameters(quick=True, rounds=None, seed=1, scale=None, time_limit=None)
    jobs, _ = plan.jobs(
        ["larson", "live-blocks"],
        [Allocator("system", "system")],
        chosen,
        None,
        ["threads", "live-blocks"],
        cores=8,
        available=None,
    )
    cases = [job.case for job in jobs]
    assert [case["threads"] for case in cases if case["threads"]] == [1, 8]
    assert max(case["blocks"] or 0 for case in cases) == 10**6
