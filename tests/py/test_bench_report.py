# SPDX-License-Identifier: MIT
"""`bench`: the HTML report is well-formed, self-contained, and readable without its drawings."""

from __future__ import annotations

import functools
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from test_bench_figures import MEASUREMENT, SUMMARY, make_case, make_document

from pointers._cli.bench.report.history import Earlier
from pointers._cli.bench.report.page import page
from pointers._cli.bench.result import figures

for _name in ("altair", "jinja2", "vl_convert"):
    pytest.importorskip(_name, reason="the extra `report` is not installed")

from pointers._cli.bench.report.charts import COLOURS, look  # noqa: E402 - it needs the extra

_VOID = {"meta"}
_SVG = "{http://www.w3.org/2000/svg}"


class Checker(HTMLParser):
    """Parses the report, in which each tag must be closed before the tag around it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "data", "action"):
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def checked(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    return checker


def drawings(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]


def ratio(median: float) -> dict[str, float]:
    return {**SUMMARY, "median": median, "low": median * 0.95, "high": median * 1.05}


def rounds(value: float) -> list[dict[str, Any]]:
    return [{**MEASUREMENT, "round": index, "ratio": value} for index in range(6)]


def full() -> dict[str, Any]:
    cases = [
        make_case(
            workload=workload,
            allocator=allocator,
            ratio=ratio(value),
            measurements=rounds(value),
        )
        for workload in ("even", "odd")
        for allocator, value in (
            ("system", 1.0),
            ("arena", 0.3),
            ("guard", 60.0),
            ("pool", 0.001),
            ("system+checked", 1.5),
            ("foreign:/opt/a<b>&c/libx.so:x_", 1.0),
        )
    ]
    cases.append(
        make_case(
            workload="odd",
            allocator="mimalloc",
            status="killed",
            reason="was killed by <SIGSEGV>",
            ratio=None,
            ns_per_op=None,
            peak_rss_bytes=None,
        )
    )
    for count in (1, 2, 4):
        for allocator in ("system", "arena"):
            cases.append(make_case(experiment="threads", allocator=allocator, threads=count))
    for blocks in (100, 10**7):
        cases.append(make_case(experiment="live-blocks", workload="live-blocks", blocks=blocks))
    return make_document(*cases)


@functools.cache
def full_page() -> str:
    return page(full())


def test_the_report_is_well_formed_and_loads_no_other_file() -> None:
    html = full_page()
    checker = checked(html)
    assert checker.links == []
    assert "@import" not in html
    assert "url(" not in html
    assert "<script src" not in html
    names = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\"]*", html)) == names


def test_every_drawing_has_a_name_and_a_description() -> None:
    found = drawings(full_page())
    # One for all workloads, two each (time, memory) for two workloads, live blocks, threads
    assert len(found) == 1 + 2 + 2 + 1 + 1
    for drawing in found:
        assert drawing.get("role") == "figure"
        assert len(drawing.get("aria-label") or "") > 20


def test_a_mark_has_a_text_for_the_mouse() -> None:
    tips = {
        title.text for drawing in drawings(full_page()) for title in drawing.iter(f"{_SVG}title")
    }
    for tip in (
        "arena: 0.30 (0.28 to 0.32), faster, 6 rounds",
        "arena, round 3: 0.30",
        "foreign:/opt/a<b>&c/libx.so:x_: 1.00 (0.95 to 1.05), no difference, 6 rounds",
        "arena: 2 B",
        "arena, 4: 500",
    ):
        assert tip in tips


def test_colours_follow_the_page() -> None:
    html = full_page()
    used = set(re.findall(r"var\(--([\w-]+)\)", html))
    assert {"pool", "arena", "guard", "soft", "rule"} <= used
    for name in used - {"a"}:
        assert f"--{name}:light-dark(" in html, name


def test_a_table_has_what_sorts_it() -> None:
    html = full_page()
    assert 'class="faster" style="--a:0.35" title="0.30 (0.28 to 0.32)" data-value="0.3"' in html
    assert 'class="none" title="was killed by &lt;SIGSEGV&gt;"' in html


def test_the_report_has_the_figures_as_text() -> None:
    text = " ".join(checked(full_page()).text)
    for words in (
        "further left is better",
        "higher is better",
        f"0.30{figures.TIMES}",
        "killed: was killed by <SIGSEGV>",
        "foreign:/opt/a<b>&c/libx.so:x_",
        "of <all> & sundry",
        "Abacus (beads), 2 cores",
        "10M blocks",
    ):
        assert words in text


def test_the_text_of_a_mark_says_that_it_is_beyond_the_axis() -> None:
    html = full_page()
    assert "guard: 60.0" in html
    assert html.count("beyond the axis") >= 4  # guard and pool, in both workloads


def test_the_report_tells_of_an_interruption_and_of_notes() -> None:
    html = page(make_document(make_case(), complete=False, notes=["x <is> left out"]))
    text = " ".join(checked(html).text)
    assert "was interrupted" in text
    assert "x <is> left out" in text


@pytest.mark.parametrize("cases", [[], [make_case(ratio=None, ns_per_op=None)]])
def test_a_run_with_no_figures_has_a_report(cases: list[dict[str, Any]]) -> None:
    checked(page(make_document(*cases)))


def test_earlier_runs_are_in_the_drawings_and_a_table() -> None:
    earlier = full()
    for case in earlier["cases"]:
        if case["ratio"]:
            case["ratio"]["median"] *= 2
        for measured in case["measurements"]:
            measured["ratio"] *= 2
    html = page(full(), [Earlier("before", earlier)])
    assert "arena, an earlier run: 0.60" in html
    text = " ".join(checked(html).text)
    assert "before (2030-01-02)" in text
    assert "-50 % faster" in text


def test_each_allocator_has_one_colour_and_shape() -> None:
    pool = look("pool")
    assert pool["colour"] == "var(--pool)"
    assert look("pool+checked") == {**pool, "name": "pool+checked", "fill": "transparent"}
    assert look("foreign:/a/libx.so") == look("foreign:/a/libx.so")
    for name in ("direct", "system", "arena", "pool", "guard", "mimalloc", "jemalloc", "other"):
        assert look(name)["colour"][6:-1] in COLOURS


def test_the_page_begins_with_what_to_take() -> None:
    text = " ".join(checked(full_page()).text)
    start = text.index("What to take")
    assert start < text.index("Take pool for even, odd.") < text.index("All workloads")
    assert "In how many workloads" in text
    assert text.index("In how many workloads") < text.index("Time, by workload")
