# SPDX-License-Identifier: MIT
"""The report: one HTML file with its drawings inside, which needs nothing else."""

from __future__ import annotations

import statistics
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointers._cli.bench.report import history, table
from pointers._cli.bench.report.table import Cell, Table
from pointers._cli.bench.result import figures, verdicts
from pointers._cli.bench.result.document import UsageError, by_workload, grouped, of_experiment
from pointers._cli.bench.result.doubts import doubts
from pointers._cli.bench.result.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pointers._cli.bench.report.history import Earlier
    from pointers._cli.bench.result.schema import Case, Document, Machine

    #: Names of workloads, with what is said of each, and the drawing.
    Panels = list[tuple[str, str, str]]


def check() -> None:
    """Say what a report lacks, before anything is measured for it.

    :raises UsageError: the extra is not installed.
    """
    try:
        for name in ("altair", "jinja2", "vl_convert"):
            import_module(name)
    except ImportError as error:
        way = "pip install 'pointers-cffi[report]'"
        if sys.implementation.name != "cpython":
            way = "write --json here, and make the report on CPython with --load"
        raise UsageError(f"--html needs {error.name}: {way}") from None


def _means(cases: Sequence[Case], baseline: str) -> list[Case]:
    """Return a case for each allocator, whose rounds are its workloads."""
    means: list[Case] = []
    for own in grouped(cases, lambda case: case["allocator"]).values():
        ratios = [case["ratio"]["median"] for case in own if case["ratio"]]
        summary = summarize(ratios)
        if summary is not None and own[0]["allocator"] != baseline:
            summary["median"] = statistics.geometric_mean(ratios)
            means.append({**own[0], "ratio": summary, "measurements": [], "status": "ok"})
    return means


def _counts(document: Document, means: Sequence[Case]) -> Table:
    """In how many workloads each allocator is faster, slower and so on."""
    counts = verdicts.counts(document)
    used = [what for what in verdicts.VERDICTS if any(what in one for one in counts.values())]
    found = Table("In how many workloads", ["allocator", "mean", *used], [])
    mean = {case["allocator"]: table.ratio_cell(case) for case in means}
    for name, numbers in counts.items():
        cells = [Cell(str(numbers.get(what, 0)), numbers.get(what, 0)) for what in used]
        found.rows.append([Cell(name), mean.get(name, Cell("-")), *cells])
    return found


def _times(document: Document, earlier: Sequence[Earlier], domain: Sequence[float]) -> Panels:
    from pointers._cli.bench.report import charts

    baseline = document["baseline"]
    about = {one["name"]: one["description"] for one in document["workloads"]}
    found: Panels = []
    for name, cases in by_workload(of_experiment(document, "workloads")).items():
        base = [case["ns_per_op"] for case in cases if case["allocator"] == baseline]
        cost = figures.nanoseconds(base[0]["median"]) if base and base[0] else "not measured"
        served = [case for case in cases if case["status"] != "unsupported"]
        others = [case for case in served if case["allocator"] != baseline]
        before = {
            case["allocator"]: [one for one in (run.ratio(case) for run in earlier) if one]
            for case in others
        }
        said = verdicts.of_workload(cases, baseline)
        notes = [about.get(name, ""), f"{baseline}: {cost}", said[:1].upper() + said[1:]]
        if others:
            drawing = charts.ratios(name, others, domain, before)
            found.append((name, ". ".join(filter(None, notes)), drawing))
    return found


def _panels(document: Document, earlier: Sequence[Earlier]) -> dict[str, Any]:
    """Return the drawings and their captions, by section."""
    from pointers._cli.bench.report import charts

    cases = of_experiment(document, "workloads")
    domain = charts.bounds([case["ratio"]["median"] for case in cases if case["ratio"]])
    means = _means(cases, document["baseline"])
    cost = ("ns for one operation (lower is better)", float, figures.nanoseconds)
    rate = (
        "million operations per second, all threads (higher is better)",
        lambda ns: 1e3 / ns,
        figures.digits,
    )
    return {
        "glance": charts.ratios("All workloads", means, domain, {}) if means else "",
        "counts": _counts(document, means),
        "times": _times(document, earlier, domain),
        "memories": [
            (name, "", charts.memory(name, group, table.peak_live(group)))
            for name, group in by_workload([one for one in cases if one["peak_rss_bytes"]]).items()
        ],
        **{
            key: [
                (name, "log scales", charts.curves(name, group, by, *figure))
                for name, group in by_workload(of_experiment(document, experiment)).items()
                if any(case["ns_per_op"] for case in group)
            ]
            for key, experiment, by, figure in (
                ("blocks", "live-blocks", "live blocks", cost),
                ("threads", "threads", "threads", rate),
            )
        },
    }


def _machine(machine: Machine) -> str:
    """Describe a machine in one line."""
    parts = [f"{machine['cpu']} ({machine['architecture']}), {machine['cores']} cores"]
    if machine["memory_bytes"]:
        parts.append(figures.bytes_(machine["memory_bytes"]))
    parts += [f"{machine['system']} {machine['kernel']}", machine["libc"]]
    return ", ".join([*parts, f"{machine['implementation']} {machine['python']}"])


def _facts(document: Document) -> dict[str, object]:
    parameters = document["parameters"]
    loads = [one["load_average"] for one in document["load"] if one["load_average"] is not None]
    return {
        "machine": _machine(document["machine"]),
        "date": document["date"],
        "took": f"{document['seconds']:.0f} s",
        "load average": f"{min(loads):.1f} to {max(loads):.1f}" if loads else "not known",
        "package": f"{document['package']['name']} {document['package']['version']}",
        "rounds": f"{parameters['rounds']}, in each all cases in an order of seed "
        f"{parameters['seed']}; those that are compared run one after the other, each in a "
        "process of its own and in another place each round",
        "quick": "yes: smaller workloads" if parameters["quick"] else "no",
        **{one["name"]: one["path"] or one["spec"] for one in document["allocators"]},
    }


def page(document: Document, earlier: Sequence[Earlier] = ()) -> str:
    """Return the report."""
    import jinja2

    from pointers._cli.bench.report.charts import COLOURS

    folder = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=folder, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    interrupted = "This run was interrupted: what follows is incomplete."
    text: str = environment.get_template("page.html").render(
        document=document,
        warnings=[*([] if document["complete"] else [interrupted]), *document["notes"]],
        doubts=doubts(document),
        sentences=verdicts.what_to_take(document),
        choices=table.choices(document),
        tables={one.key: one for one in table.tables(document, details=True)},
        earlier=history.table(document, earlier) if earlier else None,
        remarks=history.remarks(document, earlier),
        differences=history.differences(document, earlier) if earlier else [],
        facts=_facts(document),
        colours=COLOURS,
        **_panels(document, earlier),
    )
    return text
