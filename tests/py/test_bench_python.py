# SPDX-License-Identifier: MIT
"""Each case of benchmarks/py runs, and prints its figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = str(ROOT / "benchmarks" / "py")
sys.path.append(FOLDER)

from case import Case  # noqa: E402 - needs the path that was just appended

# In a process of its own, since cases keep their blocks until the process ends
RUN = f"""
import json, sys
sys.path.append({FOLDER!r})
import memory, values

GROUPS = {{
    "malloc": memory.allocation(28),
    "stack": memory.stack_calls(),
    "views": memory.views(),
    "copies": memory.copies(),
    "live": memory.live_blocks(100),
    **{{f"store {{kind}}": values.storing(kind, load=False) for kind in values.STORED}},
    **{{f"load {{kind}}": values.storing(kind, load=True) for kind in values.STORED}},
    **{{f"array {{what}}": values.arrays(what) for what in range(4)}},
}}
times = {{}}
for group, cases in GROUPS.items():
    for case in cases:
        if case.possible:
            timed = case.timer()
            # The second call uses the setup of the first
            times.setdefault(group, []).append([case.name, timed(1), timed(2)])
print(json.dumps(times))
"""


def test_every_case_runs(run_python: Any) -> None:
    done = run_python(RUN, "-W", "ignore::ResourceWarning")
    assert done.returncode == 0, done.stderr
    groups = json.loads(done.stdout)
    assert len(groups) >= 30
    for cases in groups.values():
        names = [name for name, _, _ in cases]
        assert names[0] == "pointers"
        assert len(set(names)) == len(names)
        assert all(first >= 0 and second >= 0 for _, first, second in cases)
    assert {"bytearray", "ctypes, libc malloc and free", "cffi, ffi.new"} <= {
        name for name, _, _ in groups["malloc"]
    }


def test_a_case_whose_module_is_missing_is_left_out() -> None:
    assert Case("a", "pass").possible
    assert Case("a", "pass", needs="json").possible
    assert not Case("a", "pass", needs="no_such_module_as_this").possible


def test_a_timed_statement_runs_as_often_as_asked_and_its_setup_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    setup = f"from pathlib import Path\nlog = Path({str(log)!r})\nlog.write_text('set up ')"
    statement = "log.write_text(log.read_text() + 'timed ')"
    timed = Case("a", statement, setup).timer()
    assert not log.exists()
    timed(3)
    timed(4)
    assert log.read_text() == "set up " + "timed " * 7


def test_the_command_prints_medians_and_ratios(tmp_path: Path) -> None:
    pytest.importorskip("pyperf")
    quick = ["-q", "-p", "1", "-n", "1", "-w", "1", "-l", "10"]
    done = subprocess.run(
        [sys.executable, f"{FOLDER}/run.py", *quick, "--groups", "stack call"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    table = lines[lines.index("stack call") + 1 :]
    rows = {line[2:38].strip(): line.split()[-1] for line in table if line.startswith("  ")}
    assert rows["pointers"] == "1.00"
    assert {"pointers, malloc and free", "bytearray", "no memory at all"} <= set(rows)


@pytest.mark.parametrize("options", [[], ["--beside"]], ids=["alone", "beside"])
def test_the_figures_are_ratios_with_verdicts(tmp_path: Path, options: list[str]) -> None:
    done = subprocess.run(
        [
            sys.executable,
            f"{FOLDER}/figures.py",
            "--rounds",
            "1",
            "--seconds",
            "1e-5",
            "--imports",
            "1",
            *options,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ("after a second thread" in done.stdout) is bool(options)
    rows = [line.split() for line in done.stdout.splitlines() if line.endswith(("met", "missed"))]
    assert len(rows) >= 15
    for row in rows:
        limit, ratio = float(row[row.index("x") - 1]), float(row[-3])
        if abs(ratio - limit) > 0.01:  # both are rounded
            assert row[-1] == ("met" if ratio < limit else "missed"), row
