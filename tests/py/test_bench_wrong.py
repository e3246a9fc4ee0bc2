# SPDX-License-Identifier: MIT
"""`python -m pointers bench` when something fails: it says why, and keeps all other results."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from _bench_fake import HAS_REPORT, Bench, case

from pointers.__main__ import main
from pointers._cli.bench.measure import libraries, program

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the program of the tests is a script")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("workload", "status", "words", "code"),
    [
        ("refusing", "unsupported", "it has no free", 0),
        ("failing", "failed", "exit code 3: out of luck", 1),
        ("silent", "failed", "no JSON object", 1),
        ("nonsense", "failed", "its answer.ns_per_op is 'much'", 1),
        ("dying", "killed", "was killed by signal 11 (Segmentation fault)", 1),
    ],
)
def test_a_failing_case_is_reported_and_the_others_are_measured(
    bench: Bench, workload: str, status: str, words: str, code: int
) -> None:
    document = bench.measured(
        *("--workloads", f"{workload},even", "--allocators", "system,arena", "--rounds", "2"),
        code=code,
    )
    wrong = case(document, "arena", workload=workload)
    assert wrong["status"] == status
    assert words in wrong["reason"]
    assert wrong["ratio"] is wrong["ns_per_op"] is None
    assert case(document, "arena", workload="even")["ratio"]["median"] == 0.5
    # A case that has failed is not run again in the second round
    assert [call[2] for call in bench.calls() if call[0] == workload].count("arena") == 1


class ImpatientPopen(subprocess.Popen):  # type: ignore[type-arg]
    """Children have all the time that they need, but for one that hangs: that has none."""

    def communicate(self, input: Any = None, timeout: float | None = None) -> Any:  # noqa: A002
        arguments: Any = self.args
        if timeout is not None and "hanging" in arguments and "arena" in arguments:
            raise subprocess.TimeoutExpired(arguments, timeout)
        return super().communicate(input)


def test_a_case_that_hangs_is_ended_and_the_others_are_measured(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", ImpatientPopen)
    monkeypatch.setenv("FAKE_LOG", str(bench.log))
    own = ("--program", str(bench.program), "--json", str(bench.json), "--rounds", "2")
    cases = ("--workloads", "hanging,even", "--allocators", "system,arena", "--time-limit", "0.5")
    assert main(["bench", *own, *cases]) == 0
    document = bench.document()
    wrong = case(document, "arena", workload="hanging")
    assert wrong["status"] == "timeout"
    assert "ended after 0.5 s" in wrong["reason"]
    assert case(document, "system", workload="hanging")["status"] == "ok"
    assert case(document, "arena", workload="even")["ratio"]["median"] == 0.5
    assert [call[2] for call in bench.calls() if call[0] == "hanging"].count("arena") <= 1


def test_an_unsupported_case_may_end_with_an_exit_code(bench: Bench) -> None:
    document = bench.measured(
        "--workloads", "refusing", "--allocators", "arena", FAKE_UNSUPPORTED_CODE="4"
    )
    assert case(document, "arena")["status"] == "unsupported"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_child_and_keeps_earlier_figures(
    bench: Bench, number: int
) -> None:
    html = bench.folder / "out.html"
    arguments = ("--json", str(bench.json), "--rounds", "1000")
    arguments += ("--html", str(html)) if HAS_REPORT else ()
    process = subprocess.Popen(
        bench.command(*arguments, "--workloads", "even", "--allocators", "system,arena"),
        env=bench.environment(FAKE_SLEEP="0.2"),
        cwd=bench.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background may have inherited that SIGINT is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
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
    assert not HAS_REPORT or "was interrupted" in html.read_text(encoding="utf-8")
    for line in bench.log.read_text().splitlines():
        with pytest.raises(ProcessLookupError):
            os.kill(json.loads(line)[1], 0)


def test_a_missing_library_is_left_out_with_a_note(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(libraries, "folders", lambda: [bench.folder])
    arguments = ["--allocators", "system,tcmalloc", "--workloads", "even", "--rounds", "1"]
    own = ["--program", str(bench.program), "--json", str(bench.json)]
    assert main(["bench", *own, *arguments]) == 0
    text = "tcmalloc is left out: no libtcmalloc_minimal.so.4"
    assert text in capsys.readouterr().err
    document = bench.document()
    assert [one["name"] for one in document["allocators"]] == ["system"]
    assert any(text in note and "libtcmalloc-minimal4" in note for note in document["notes"])


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
        (["--json", "no/such/file.json"], "cannot write no/such/file.json: no/such: No such file"),
        (["--html", "."], "cannot write .: it is a folder"),
        (["--compare", "none.json"], "cannot read none.json: No such file"),
        (["--load", "ptrs-workload"], "ptrs-workload is no result of `pointers bench`"),
        (["--frobnicate"], "unrecognized arguments"),
    ],
)
def test_the_error_names_a_wrong_argument(bench: Bench, arguments: list[str], words: str) -> None:
    done = bench.run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not bench.log.exists()


@pytest.mark.parametrize("script", ["", "#!/bin/sh\nexit 1\n", "#!/bin/sh\n"])
def test_a_program_without_workloads_is_an_error(bench: Bench, script: str) -> None:
    bench.program.write_text(script)
    done = bench.run()
    assert done.returncode == 2
    assert "--list" in done.stderr


def test_an_installation_without_the_program_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "NAME", "ptrs-none")
    assert main(["bench"]) == 2
    assert "installed without ptrs-none" in capsys.readouterr().err


def test_a_result_in_another_version_of_the_format_is_refused(bench: Bench) -> None:
    bench.json.write_text(json.dumps({"schema": "pointers-bench", "version": 99}))
    done = bench.run("--load", str(bench.json))
    assert done.returncode == 2
    assert "has version 99 of the format, this package reads 2" in done.stderr


def test_time_limits_leave_each_case_its_first_round(bench: Bench) -> None:
    from pointers._cli.bench.measure import plan, runner
    from pointers._cli.bench.measure.allocators import Allocator

    def step(done: int, total: int, text: str) -> None:
        assert 0 <= done <= total
        assert text

    def run(rounds: int, **limits: float) -> list[list[Any]]:
        names = ("system", "arena")
        jobs = [plan.job("workloads", "even", Allocator(name, name)) for name in names]
        chosen = plan.parameters(quick=False, rounds=rounds, seed=1, scale=None, time_limit=None)
        runner.run(bench.program, jobs, {**chosen, **limits}, [], step)  # type: ignore[typeddict-item]
        return [[one["round"] for one in job.case["measurements"]] for job in jobs]

    assert run(3, case_limit_seconds=0.0) == run(3, total_limit_seconds=0.0) == [[0], [0]]
    assert run(2, total_limit_seconds=0.0, end_limit_seconds=0.0) == [[], []]


def test_compare_says_what_the_machine_lacks(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    before = set(root.glob(".venv*"))
    environment = {key: value for key, value in os.environ.items() if key != "CC"}
    done = subprocess.run(
        [sys.executable, str(root / "benchmarks" / "compare.py"), "--quick"],
        env={**environment, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("compare.py: ")
    assert "lacks a C compiler" in done.stderr
    assert set(root.glob(".venv*")) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [("cpython", "pip install 'pointers-cffi[report]'"), ("pypy", "make the report on CPython")],
)
def test_a_report_without_the_extra_is_refused_before_anything_is_measured(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    words: str,
) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    monkeypatch.setattr(sys.implementation, "name", name)
    html = bench.folder / "out.html"
    assert main(["bench", "--program", str(bench.program), "--html", str(html)]) == 2
    message = capsys.readouterr().err
    assert "--html needs altair" in message
    assert words in message
    assert not bench.log.exists()
