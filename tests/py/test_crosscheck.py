# SPDX-License-Identifier: MIT
"""benchmarks/crosscheck.py: `bench` compared with the same libraries preloaded."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "crosscheck.py"

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="preloads on Linux")


@pytest.fixture(scope="module")
def crosscheck() -> Any:
    spec = importlib.util.spec_from_file_location("crosscheck", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["crosscheck"] = module
    spec.loader.exec_module(module)
    return module


def test_a_pair_is_reversed_only_if_both_measurements_are_decided(crosscheck: Any) -> None:
    slow, fast, mixed = [2.0] * 6, [1.0] * 6, [2.0, 0.5] * 3
    times = {
        ("preloaded", "one"): slow,
        ("preloaded", "two"): fast,
        ("compared", "one"): fast,
        ("compared", "two"): slow,
    }
    reverse, decided, agreeing = crosscheck.reversed_pairs(times, ["one", "two"])
    assert len(reverse) == decided == 1
    assert agreeing == 0
    assert reverse[0].startswith("one / two: preloaded 2.00 (2.00 to 2.00), compared 0.50")
    times["compared", "one"] = mixed
    times["compared", "two"] = fast
    assert crosscheck.reversed_pairs(times, ["one", "two"]) == ([], 1, 0)
    times["compared", "one"] = slow
    assert crosscheck.reversed_pairs(times, ["one", "two"]) == ([], 1, 1)


@pytest.fixture
def run(
    crosscheck: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Run the program, with the times that a function gives in the place of measurements."""

    def run(time_of: Any, *arguments: str) -> tuple[int, str]:
        found = [crosscheck.Allocator(name, "system") for name in ("glibc", "other")]
        monkeypatch.setattr(crosscheck, "found_here", lambda: found)
        monkeypatch.setattr(crosscheck, "measure", lambda w, a, way, _: time_of(w, a.name, way))
        monkeypatch.setattr(sys, "argv", ["crosscheck.py", *arguments])
        code: int = crosscheck.main()
        return code, capsys.readouterr().out

    return run


REST = "0 not clearly, 1 the other way round"
PAIR = "preloaded 0.50 (0.50 to 0.50), compared 2.00 (2.00 to 2.00)"


def test_the_exit_code_says_whether_a_pair_is_reversed(run: Any) -> None:
    def reversed_at_sh6(workload: str, allocator: str, way: str) -> float:
        other = 1.0 if (workload, way) == ("sh6", "compared") else 4.0
        return 2.0 if allocator == "glibc" else other

    arguments = ("--rounds", "6", "--workloads")
    code, out = run(reversed_at_sh6, *arguments, "sh6,larson")
    assert code == 1
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "sh6: times as long as glibc's, preloaded and compared",
        "other 2.00 (2.00 to 2.00) 0.50 (0.50 to 0.50)",
        "larson: times as long as glibc's, preloaded and compared",
        "other 2.00 (2.00 to 2.00) 2.00 (2.00 to 2.00)",
        f"2 pairs differ when preloaded: 1 the same way when compared, {REST}",
        f"reversed: sh6: glibc / other: {PAIR}",
    ]
    code, out = run(reversed_at_sh6, *arguments, "larson")
    assert (code, out.splitlines()[-1]) == (0, "no pair is reversed")


@pytest.mark.parametrize("way", ["preloaded", "compared"])
def test_a_workload_is_measured_either_way(crosscheck: Any, way: str) -> None:
    for allocator in crosscheck.found_here()[:2]:
        assert crosscheck.measure("sh6", allocator, way, ["--quick"]) > 0


def test_too_few_rounds_are_refused(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(None, "--rounds", "5")
    assert caught.value.code == 2
    assert "5 rounds decide nothing" in capsys.readouterr().err
