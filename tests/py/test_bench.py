# SPDX-License-Identifier: MIT
"""`python -m pointers bench`, over a workload program with known figures."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import _bench_fake
import pytest
from _bench_fake import HAS_REPORT, Bench, case

from pointers import __version__
from pointers._cli.bench.measure import program
from pointers._cli.bench.result import figures, schema

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the program of the tests is a script")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_terminal_shows_ratios_to_the_baseline(bench: Bench) -> None:
    done = bench.run(
        "--workloads", "even", "--allocators", "system,arena,system+checked,guard", "--rounds", "6"
    )
    assert done.returncode == 0, done.stderr
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("even ")][:1]
    assert row == [
        "even",
        "10.0",
        "ns",
        f"0.50{figures.TIMES}",
        f"2.00{figures.TIMES}",
        f"3.00{figures.TIMES}",
    ]
    assert "lower is better" in done.stdout
    assert "Growth of the resident set at its most, in touched pages" in done.stdout


def test_every_case_is_measured_once_in_each_round(bench: Bench) -> None:
    document = bench.measured(
        "--workloads", "even,larson", "--allocators", "system,arena,guard", "--rounds", "3"
    )
    assert document["complete"] is True
    assert len(document["cases"]) == 6
    for one in document["cases"]:
        assert [m["round"] for m in one["measurements"]] == [0, 1, 2]
    calls = [(call[0], call[2]) for call in bench.calls()]
    for round_ in range(3):
        in_round = calls[round_ * 6 : round_ * 6 + 6]
        assert len(set(in_round)) == 6
        # Cases that are compared are measured one after another
        assert len({workload for workload, _ in in_round[:3]}) == 1


def test_a_seed_repeats_the_order_of_measurements(bench: Bench) -> None:
    arguments = ("--workloads", "even,larson,refusing", "--allocators", "system,arena,guard")
    orders = []
    for seed in ("1", "1", "2"):
        bench.measured(*arguments, "--seed", seed, "--rounds", "2")
        orders.append(bench.calls())
        bench.log.unlink()
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])


def test_the_document_tells_how_it_was_made(bench: Bench) -> None:
    document = bench.measured("--workloads", "even", "--allocators", "system", "--seed", "7")
    assert document["package"] == {"name": "pointers-cffi", "version": __version__}
    assert document["parameters"]["seed"] == 7
    assert document["parameters"]["quick"] is False
    assert document["machine"]["python"] == platform.python_version()
    assert document["machine"]["cores"] >= 1
    assert document["date"].endswith("+00:00")
    assert document["workloads"] == [{"name": "even", "description": _bench_fake.WORKLOADS["even"]}]


def test_experiments_scale_over_threads_and_live_blocks(bench: Bench) -> None:
    document = bench.measured(
        "--experiments", "threads,live-blocks", "--allocators", "system,guard", "--rounds", "1"
    )
    threads = [one["threads"] for one in document["cases"] if one["experiment"] == "threads"]
    assert threads[:2] == [1, 2]
    assert threads == sorted(threads)
    blocks = [one["blocks"] for one in document["cases"] if one["experiment"] == "live-blocks"]
    assert blocks[:3] == [100, 1000, 10000]
    assert {one["allocator"] for one in document["cases"]} == {"system"}
    assert case(document, "system", threads=2)["ns_per_op"]["median"] == 5.0


def test_a_library_gets_its_path_its_prefix_and_its_tunables(bench: Bench) -> None:
    folder = bench.folder / "lib"
    folder.mkdir()
    for name in ("libmimalloc.so.2", "libjemalloc.so.2"):
        (folder / name).touch()
    document = bench.measured(
        *("--workloads", "even", "--rounds", "1", "--allocators", "mimalloc,jemalloc+checked"),
        LD_LIBRARY_PATH=str(folder),
        GLIBC_TUNABLES="glibc.malloc.arena_max=2",
    )
    assert case(document, "mimalloc")["ratio"]["median"] == 1.0
    assert case(document, "jemalloc+checked")["ratio"]["median"] == 2.0
    lines = map(json.loads, bench.log.read_text().splitlines())
    tunables = {call[2]: given for call, _, given in lines}
    assert tunables == {
        "system": "glibc.malloc.arena_max=2",
        f"foreign:{folder}/libmimalloc.so.2:mi_": "glibc.malloc.arena_max=2",
        f"foreign:{folder}/libjemalloc.so.2": "glibc.malloc.arena_max=2:"
        "glibc.rtld.optional_static_tls=16384",
    }


def test_a_baseline_that_was_not_chosen_is_added(bench: Bench) -> None:
    document = bench.measured("--workloads", "even", "--allocators", "arena", "--rounds", "1")
    assert [one["name"] for one in document["allocators"]] == ["system", "arena"]
    assert case(document, "arena")["ratio"]["median"] == 0.5
    assert "system is added: the others are compared with it" in document["notes"]


def test_the_installed_program_is_measured(tmp_path: Path) -> None:
    path = program.find()
    names = [workload["name"] for workload in program.workloads(path)][:2]
    options = ["--scale", "0.01", "--rounds", "2", "--json", "out.json"]
    options += ["--html", "out.html"] if HAS_REPORT else []
    chosen = ["--workloads", ",".join(names), "--allocators", "direct,system,system+checked"]
    done = subprocess.run(
        [sys.executable, "-m", "pointers", "bench", *options, *chosen],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    schema.check(document)
    assert {(one["workload"], one["allocator"]) for one in document["cases"]} == {
        (name, allocator) for name in names for allocator in chosen[3].split(",")
    }
    for one in document["cases"]:
        assert one["status"] == "ok", one["reason"]
        assert len(one["measurements"]) == 2
        assert one["ratio"]["median"] > 0
        for measured in one["measurements"]:
            assert measured["operations"] > 0
            assert measured["peak_rss_bytes"] > 0
            rate = measured["ops_per_s"] * measured["ns_per_op"] / 1e9
            assert rate == pytest.approx(1.0, rel=0.02)
    if HAS_REPORT:
        assert "<svg" in (tmp_path / "out.html").read_text(encoding="utf-8")


def test_list_shows_workloads_and_allocators_without_measuring(bench: Bench) -> None:
    done = bench.run("--list", "--allocators", "system,pool")
    assert done.returncode == 0
    lines = [line.split(None, 1) for line in done.stdout.splitlines()]
    assert ["even", _bench_fake.WORKLOADS["even"]] in lines
    assert [name for name, *_ in lines[lines.index(["allocators:"]) + 1 :]] == ["system", "pool"]
    assert not bench.log.exists()


def test_compare_shows_earlier_results_beside_new_ones(bench: Bench) -> None:
    arguments = ("--workloads", "even", "--allocators", "arena", "--rounds", "1")
    document = bench.measured(*arguments)
    before = case(document, "arena")
    before["ratio"]["median"] = before["measurements"][0]["ratio"] = 0.25
    document["machine"]["cpu"] = "Abacus"
    (bench.folder / "before.json").write_text(json.dumps(document))
    done = bench.run(*arguments, "--compare", "before.json")
    assert done.returncode == 0, done.stderr
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("even, arena")]
    assert " ".join(row) == "even, arena 0.25 0.50 (no interval of 1 round) +100 % ?"
    assert "may not compare: before: cpu is 'Abacus'" in done.stdout


def test_load_shows_results_without_measuring(bench: Bench) -> None:
    arguments = ("--workloads", "even", "--allocators", "arena", "--rounds", "1")
    bench.measured(*arguments)
    bench.log.unlink()
    html = bench.folder / "report.html"
    wanted = ("--html", str(html)) if HAS_REPORT else ()
    done = bench.run("--load", str(bench.json), *wanted)
    assert done.returncode == 0, done.stderr
    assert "0.50 ?" in done.stdout
    assert not HAS_REPORT or html.stat().st_size > 10_000
    assert not bench.log.exists()
