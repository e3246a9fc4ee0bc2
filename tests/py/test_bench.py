# SPDX-License-Identifier: MIT
"""`python -m pointers bench`, over a workload program with known figures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import _bench_fake
import pytest

from pointers import __version__
from pointers._bench import libraries, schema

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the program of the tests is a script")


class Bench:
    """Runs the command in a folder of its own, which also hides the source tree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = _bench_fake.write(folder)
        self.log = folder / "log"
        self.json = folder / "out.json"

    def command(self, *arguments: str) -> list[str]:
        own = ["--program", str(self.program)]
        return [sys.executable, "-m", "pointers", "bench", *own, *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "FAKE_LOG": str(self.log), **more}

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.environment(**environment),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def measured(self, *arguments: str, code: int = 0, **environment: str) -> dict[str, Any]:
        """Run it; return the document that it has written."""
        done = self.run("--json", str(self.json), *arguments, **environment)
        assert done.returncode == code, done.stderr
        return self.document()

    def document(self) -> dict[str, Any]:
        document = json.loads(self.json.read_text(encoding="utf-8"))
        schema.check(document)
        assert isinstance(document, dict)
        return document

    def calls(self) -> list[list[str]]:
        """Return the arguments of every measurement."""
        return [json.loads(line)[0] for line in self.log.read_text().splitlines()]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def case(document: dict[str, Any], allocator: str, **wanted: object) -> dict[str, Any]:
    """Return the only case of an allocator that has these values."""
    (found,) = [
        case
        for case in document["cases"]
        if case["allocator"] == allocator and all(case[k] == v for k, v in wanted.items())
    ]
    assert isinstance(found, dict)
    return found


def test_ratios_and_the_terminal_s_table(bench: Bench) -> None:
    done = bench.run(
        "--workloads", "even", "--allocators", "system,arena,system+checked,guard", "--rounds", "2"
    )
    assert done.returncode == 0, done.stderr
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("even ")][:1]
    assert row == ["even", "10.0", "0.50", "±0.00", "2.00", "±0.00", "3.00", "±0.00"]
    assert "lower is better" in done.stdout
    assert "Peak resident memory" in done.stdout


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
        # What is compared is measured together
        assert len({workload for workload, _ in in_round[:3]}) == 1


def test_a_seed_gives_the_same_order(bench: Bench) -> None:
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
    assert document["machine"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert document["machine"]["cores"] >= 1
    assert document["date"].endswith("+00:00")
    assert document["workloads"] == [{"name": "even", "description": _bench_fake.WORKLOADS["even"]}]


def test_scaling_over_threads_and_live_blocks(bench: Bench) -> None:
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


@pytest.mark.parametrize(
    ("workload", "status", "words", "code"),
    [
        ("refusing", "unsupported", "it has no free", 0),
        ("failing", "failed", "exit code 3: out of luck", 1),
        ("silent", "failed", "no JSON object", 1),
        ("nonsense", "failed", "its ns_per_op is 'much'", 1),
        ("hanging", "timeout", "ended after 0.5 s", 0),
        ("dying", "killed", "SIGSEGV", 1),
    ],
)
def test_what_goes_wrong_is_told_and_the_rest_goes_on(
    bench: Bench, workload: str, status: str, words: str, code: int
) -> None:
    document = bench.measured(
        *("--workloads", f"{workload},even", "--allocators", "system,arena", "--rounds", "2"),
        *(("--time-limit", "0.5") if workload == "hanging" else ()),
        code=code,
    )
    wrong = case(document, "arena", workload=workload)
    assert wrong["status"] == status
    assert words in wrong["reason"]
    assert wrong["ratio"] is wrong["ns_per_op"] is None
    assert case(document, "arena", workload="even")["ratio"]["median"] == 0.5
    # Once is enough
    assert [call[2] for call in bench.calls() if call[0] == workload].count("arena") == 1


def test_unsupported_with_an_exit_code_is_unsupported(bench: Bench) -> None:
    document = bench.measured(
        "--workloads", "refusing", "--allocators", "arena", FAKE_UNSUPPORTED_CODE="4"
    )
    assert case(document, "arena")["status"] == "unsupported"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_child_and_keeps_what_was_measured(
    bench: Bench, number: int
) -> None:
    html = bench.folder / "out.html"
    arguments = ("--json", str(bench.json), "--html", str(html), "--rounds", "1000")
    process = subprocess.Popen(
        bench.command(*arguments, "--workloads", "even", "--allocators", "system,arena"),
        env=bench.environment(FAKE_SLEEP="0.2"),
        cwd=bench.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not bench.log.exists() or len(bench.log.read_text().splitlines()) < 4:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in errors
    document = bench.document()
    assert document["complete"] is False
    assert any(one["measurements"] for one in document["cases"])
    assert "was interrupted" in html.read_text(encoding="utf-8")
    for line in bench.log.read_text().splitlines():
        with pytest.raises(ProcessLookupError):
            os.kill(json.loads(line)[1], 0)


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


def test_a_missing_library_is_left_out_and_said(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pointers.__main__ import main

    monkeypatch.setattr(libraries, "folders", lambda: [bench.folder])
    arguments = ["--allocators", "system,tcmalloc", "--workloads", "even", "--rounds", "1"]
    own = ["--program", str(bench.program), "--json", str(bench.json)]
    assert main(["bench", *own, *arguments]) == 0
    text = "tcmalloc is left out: no libtcmalloc_minimal.so.4"
    assert text in capsys.readouterr().err
    document = bench.document()
    assert [one["name"] for one in document["allocators"]] == ["system"]
    assert any(text in note and "libtcmalloc-minimal4" in note for note in document["notes"])


def test_the_baseline_is_added(bench: Bench) -> None:
    document = bench.measured("--workloads", "even", "--allocators", "arena", "--rounds", "1")
    assert [one["name"] for one in document["allocators"]] == ["system", "arena"]
    assert case(document, "arena")["ratio"]["median"] == 0.5
    assert "system is added: the others are compared with it" in document["notes"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--allocators", "sytem"], "unknown allocator 'sytem': choose from direct, system"),
        (["--allocators", ","], "--allocators names none"),
        (["--allocators", "direct+checked"], "take system+checked"),
        (["--allocators", "foreign:"], "names no library"),
        (["--allocators", "foreign:/no/lib.so:x_"], "there is no file /no/lib.so"),
        (["--workloads", "odd"], "--workloads: unknown odd: choose from even"),
        (["--workloads", ""], "--workloads names none"),
        (["--experiments", "life"], "--experiments: unknown life"),
        (["--experiments", "threads", "--workloads", "even"], "nothing to measure"),
        (["--rounds", "0"], "invalid positive whole number value: '0'"),
        (["--scale", "-1"], "invalid positive number value: '-1'"),
        (["--scale", "nan"], "invalid positive number value: 'nan'"),
        (["--time-limit", "soon"], "invalid positive number value: 'soon'"),
        (["--json", "no/such/file.json"], "there is no folder no/such"),
        (["--html", "."], "is a folder"),
        (["--compare", "none.json"], "cannot read none.json: No such file"),
        (["--load", "ptrs-workload"], "ptrs-workload is no result of `pointers bench`"),
        (["--frobnicate"], "unrecognized arguments"),
    ],
)
def test_arguments_that_make_no_sense(bench: Bench, arguments: list[str], words: str) -> None:
    done = bench.run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not bench.log.exists()


@pytest.mark.parametrize("script", ["", "#!/bin/sh\nexit 1\n", "#!/bin/sh\n"])
def test_a_program_that_lists_nothing(bench: Bench, script: str) -> None:
    bench.program.write_text(script)
    done = bench.run()
    assert done.returncode == 2
    assert "--list" in done.stderr


def test_list(bench: Bench) -> None:
    done = bench.run("--list", "--allocators", "system,pool")
    assert done.returncode == 0
    lines = [line.split(None, 1) for line in done.stdout.splitlines()]
    assert ["even", _bench_fake.WORKLOADS["even"]] in lines
    assert [name for name, *_ in lines[lines.index(["allocators:"]) + 1 :]] == ["system", "pool"]
    assert not bench.log.exists()


def test_earlier_results_are_laid_beside(bench: Bench) -> None:
    arguments = ("--workloads", "even", "--allocators", "arena", "--rounds", "1")
    document = bench.measured(*arguments)
    case(document, "arena")["ratio"]["median"] = 0.25
    document["machine"]["cpu"] = "Abacus"
    (bench.folder / "before.json").write_text(json.dumps(document))
    done = bench.run(*arguments, "--compare", "before.json")
    assert done.returncode == 0, done.stderr
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("even, arena")]
    assert row == ["even,", "arena", "0.25", "0.50", "±0.00", "+100", "%"]
    assert "may not compare: before: cpu is 'Abacus'" in done.stdout


def test_load_shows_without_measuring(bench: Bench) -> None:
    arguments = ("--workloads", "even", "--allocators", "arena", "--rounds", "1")
    bench.measured(*arguments)
    bench.log.unlink()
    html = bench.folder / "report.html"
    done = bench.run("--load", str(bench.json), "--html", str(html))
    assert done.returncode == 0, done.stderr
    assert "0.50 ±0.00" in done.stdout
    assert html.stat().st_size > 10_000
    assert not bench.log.exists()


def test_a_result_of_another_version_of_the_format(bench: Bench) -> None:
    bench.json.write_text(json.dumps({"schema": "pointers-bench", "version": 99}))
    done = bench.run("--load", str(bench.json))
    assert done.returncode == 2
    assert "has version 99 of the format, this package reads 1" in done.stderr


def test_slow_cases_have_fewer_rounds_and_the_first_is_for_all(bench: Bench) -> None:
    from pointers._bench import plan, runner
    from pointers._bench.allocators import Allocator

    class Silent:
        def step(self, done: int, total: int, text: str) -> None:
            assert 0 <= done <= total
            assert text

    cases = [plan.Case("workloads", "even", Allocator(name, name)) for name in ("system", "arena")]
    for limits in (
        runner.Limits(run=60, case=0.0, total=None),
        runner.Limits(run=60, case=None, total=0.0),
    ):
        results: dict[plan.Case, runner.Result] = {}
        runner.run(
            bench.program, cases, results, rounds=3, seed=1, limits=limits, progress=Silent()
        )
        assert [list(result.figures) for result in results.values()] == [[0], [0]]
