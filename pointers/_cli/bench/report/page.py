# SPDX-License-Identifier: MIT
"""The report: one HTML file with its drawings inside, which needs nothing else."""

from __future__ import annotations

import importlib.util
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointers._cli.bench.report import history, machine, style, table
from pointers._cli.bench.result import figures, verdicts
from pointers._cli.bench.result.document import Document, of_experiment
from pointers._cli.bench.result.doubts import doubts
from pointers._cli.bench.result.names import UsageError
from pointers._cli.bench.result.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pointers._cli.bench.report.history import Earlier

Case = dict[str, Any]

_NEEDED = ("altair", "jinja2", "vl_convert")


def check() -> None:
    """Say what a report lacks, before anything is measured for it.

    :raises UsageError: the extra is not installed.
    """
    missing = [name for name in _NEEDED if not _is_there(name)]
    if missing:
        way = "pip install 'pointers-cffi[report]'"
        if sys.implementation.name != "cpython":
            way = "write --json here, and make the report on CPython with --load"
        raise UsageError(f"--html needs {', '.join(missing)}: {way}")


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # of a module that was put in place without one
        return False


def _by_workload(cases: Sequence[Case]) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(case["workload"], []).append(case)
    return found


def _means(cases: Sequence[Case], baseline: str) -> list[Case]:
    """Return a case for each allocator, whose rounds are its workloads."""
    found: dict[str, list[float]] = {}
    for case in cases:
        if case["ratio"] and case["allocator"] != baseline:
            found.setdefault(case["allocator"], []).append(case["ratio"]["median"])
    means = []
    for name, ratios in found.items():
        summary = summarize(ratios)
        assert summary is not None
        ratio = {**summary._asdict(), "median": statistics.geometric_mean(ratios)}
        means.append({"allocator": name, "ratio": ratio, "measurements": [], "status": "ok"})
    return means


def _panels(document: Document, earlier: Sequence[Earlier]) -> dict[str, Any]:
    """Return the drawings and their captions, by section."""
    from pointers._cli.bench.report import charts

    baseline = document["baseline"]
    about = {one["name"]: one["description"] for one in document["workloads"]}
    cases = of_experiment(document, "workloads")
    medians = [case["ratio"]["median"] for case in cases if case["ratio"]]
    domain = charts.bounds(medians)
    times, memories, threads, blocks = [], [], [], []
    for name, group in _by_workload(cases).items():
        others = [case for case in group if case["allocator"] != baseline]
        base = [case["ns_per_op"] for case in group if case["allocator"] == baseline]
        cost = figures.nanoseconds(base[0]["median"]) if base and base[0] else "not measured"
        note = ". ".join(filter(None, [f"{baseline}: {cost}", about.get(name, "")]))
        if others:
            before = {
                case["allocator"]: [one for one in history.ratios(case, earlier) if one]
                for case in others
            }
            drawing = charts.ratios(name, others, domain, before)
            said = verdicts.of_workload(group, baseline)
            times.append((name, f"{note}. {said[:1].upper()}{said[1:]}", drawing))
        if any(case["peak_rss_bytes"] for case in group):
            rounds = [one for case in group for one in case["measurements"]]
            live = max((one["peak_live_bytes"] or 0 for one in rounds), default=0)
            memories.append((name, "", charts.memory(name, group, live or None)))
    for name, group in _by_workload(_known(document, "live-blocks")).items():
        words = "ns for one operation (lower is better)"
        drawing = charts.curves(name, group, "blocks", words, float, figures.nanoseconds)
        blocks.append((name, "log scales", drawing))
    for name, group in _by_workload(_known(document, "threads")).items():
        words = "million operations per second, all threads (higher is better)"
        drawing = charts.curves(name, group, "threads", words, lambda ns: 1e3 / ns, figures.digits)
        threads.append((name, "log scales", drawing))
    means = _means(cases, baseline)
    glance = charts.ratios("All workloads", means, domain, {}, width=480) if means else ""
    return {
        "glance": glance,
        "times": times,
        "memories": memories,
        "blocks": blocks,
        "threads": threads,
    }


def _known(document: Document, experiment: str) -> list[Case]:
    return [case for case in of_experiment(document, experiment) if case["ns_per_op"]]


def _facts(document: Document) -> dict[str, object]:
    parameters = document["parameters"]
    loads = [one["load_average"] for one in document["load"] if one["load_average"] is not None]
    return {
        "machine": machine.text(document["machine"]),
        "date": document["date"],
        "took": f"{document['seconds']:.0f} s",
        "load average": f"{min(loads):.1f} to {max(loads):.1f}" if loads else "not known",
        "package": " ".join(document["package"].values()),
        "rounds": f"{parameters['rounds']}, in each all cases in an order of seed "
        f"{parameters['seed']}; those that are compared run one after the other, each in a "
        "process of its own and in another place each round",
        "quick": "yes: smaller workloads" if parameters["quick"] else "no",
        **{one["name"]: one["path"] or one["spec"] for one in document["allocators"]},
    }


def page(document: Document, earlier: Sequence[Earlier] = ()) -> str:
    """Return the report."""
    import jinja2

    folder = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=folder, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    interrupted = "This run was interrupted: what follows is incomplete."
    text: str = environment.get_template("page.html").render(
        document=document,
        machine=machine.text(document["machine"]),
        warnings=[*([] if document["complete"] else [interrupted]), *document["notes"]],
        doubts=doubts(document),
        sentences=verdicts.of_all(document),
        tables={one.key: one for one in table.tables(document, details=True)},
        earlier=history.table(document, earlier) if earlier else None,
        remarks=history.remarks(document, earlier),
        differences=history.differences(document, earlier) if earlier else [],
        facts=_facts(document),
        light=style.variables(dark=False),
        dark=style.variables(dark=True),
        **_panels(document, earlier),
    )
    return text
