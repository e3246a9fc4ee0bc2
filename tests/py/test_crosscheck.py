# SPDX-License-Identifier: MIT
"""benchmarks/crosscheck.py: `bench` compared with the same libraries preloaded."""

from __future__ import annotations

import importlib.util
import subprocess
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


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PATH, *arguments], capture_output=True, text=True, timeout=300, check=False
    )


def test_the_program_measures_preloaded_and_compared() -> None:
    done = run("--rounds", "6", "--workloads", "sh6")
    assert "sh6: times as long as glibc's" in done.stdout
    assert "pairs differ when preloaded: " in done.stdout
    # Which allocator is faster depends on the machine, and so may the result
    assert done.returncode == ("reversed:" in done.stdout)


def test_too_few_rounds_are_refused() -> None:
    done = run("--rounds", "5")
    assert done.returncode == 2
    assert "5 rounds decide nothing" in done.stderr
