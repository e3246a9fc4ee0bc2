# SPDX-License-Identifier: MIT
"""`bench`: workloads that users write themselves, and results as comma-separated values."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pointers._cli.bench.measure import program

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

DOCS = Path(__file__).parents[2] / "docs" / "comparing.md"

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="built on Linux"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
]


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., CompletedProcess[str]]:
    def run(*arguments: str, **environment: str) -> CompletedProcess[str]:
        command = [sys.executable, "-m", "pointers", "bench", "--rounds", "2", "--scale", "0.001"]
        return subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """Write the example of the documentation to a file; the page promises about 40 lines."""
    (block,) = re.findall(r"```c\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(block.splitlines()) < 45
    path = tmp_path / "mine.c"
    path.write_text(block, encoding="utf-8")
    return path


def test_the_example_is_measured_on_each_allocator(
    example: Path, bench: Callable[..., CompletedProcess[str]]
) -> None:
    allocators = "direct,system,system+stats,arena,pool,guard"
    done = bench(
        "--workload", example.name, "--allocators", allocators, "--json", "o.json", "--csv", "o.csv"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((example.parent / "o.json").read_text())
    assert found["workloads"] == [{"name": "mine", "description": "from mine.c"}]
    cases = {case["allocator"]: case for case in found["cases"]}
    assert {name: case["status"] for name, case in cases.items()} == dict.fromkeys(
        allocators.split(","), "ok"
    )
    assert {one["operations"] for one in cases["pool"]["measurements"]} == {5001}
    # At most 5001 texts of 32 to 2048 bytes
    assert 4.5e6 < cases["system"]["measurements"][0]["peak_live_bytes"] < 5.9e6
    with (example.parent / "o.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(cases)
    assert {row["workload"] for row in rows} == {"mine"}
    assert all(float(row["ns_per_op"]) > 0 and int(row["page_faults"]) > 0 for row in rows)


def test_checked_blocks_are_unsupported_by_a_workload_of_c(
    example: Path, bench: Callable[..., CompletedProcess[str]]
) -> None:
    done = bench("--workload", "mine.c", "--allocators", "system,system+checked", "--csv", "o.csv")
    assert done.returncode == 0, done.stderr
    with (example.parent / "o.csv").open(newline="") as file:
        reasons = {row["allocator"]: (row["status"], row["reason"]) for row in csv.DictReader(file)}
    status, reason = reasons["system+checked"]
    assert status == "unsupported"
    assert "bare memory" in reason


def test_the_example_compiles_without_warnings_and_runs_as_a_shared_object(
    example: Path, bench: Callable[..., CompletedProcess[str]]
) -> None:
    build = ["cc", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2", "-fPIC", "-shared"]
    headers = f"-I{program.find().parent}"
    subprocess.run([*build, headers, "-o", example.parent / "built.so", example], check=True)
    done = bench("--workload", "built.so", "--workload", "mine.c", "--allocators", "system")
    assert done.returncode == 0, done.stderr
    assert "built" in done.stdout
    assert "mine" in done.stdout


@pytest.mark.parametrize(
    ("result", "code", "words"),
    [
        ("PTRS_WORKLOAD_CORRUPT", 1, "had not what was written into it"),
        ("PTRS_WORKLOAD_NO_MEMORY", 0, ""),
        ("0", 0, ""),
    ],
)
def test_corruption_is_an_error_but_a_lack_of_memory_is_not(
    tmp_path: Path, bench: Callable[..., CompletedProcess[str]], result: str, code: int, words: str
) -> None:
    source = '#include "ptrs-workload.h"\nint64_t ptrs_workload(const PtrsWorkload *load)\n'
    (tmp_path / "bad.c").write_text(f"{source}{{ (void)load; return {result}; }}\n")
    done = bench("--workload", "bad.c", "--allocators", "system")
    assert done.returncode == code, done.stderr
    assert words in done.stderr


def test_the_error_says_why_a_file_is_no_workload(
    tmp_path: Path, bench: Callable[..., CompletedProcess[str]]
) -> None:
    (tmp_path / "broken.c").write_text("int64_t broken(")
    (tmp_path / "empty.c").write_text("int nothing;\n")
    (tmp_path / "churn.c").write_text("int nothing;\n")
    (tmp_path / "a b.c").write_text("int nothing;\n")
    (tmp_path / "text.so").write_text("no library")
    for name, words in [
        ("missing.c", "--workload missing.c: there is no such file"),
        ("broken.c", "broken.c cannot be built:"),
        ("empty.c", "has no function ptrs_workload; see "),
        ("churn.c", "there is a workload churn; rename the file"),
        ("a b.c", "a name with blanks or commas cannot be told"),
        ("text.so", "--workload text.so:"),
    ]:
        done = bench("--workload", name, "--allocators", "system")
        assert done.returncode == 2, done.stderr
        assert words in done.stderr
    done = bench("--workload", "empty.c", CC="/no/such/compiler -g")
    assert done.returncode == 2
    assert "needs a C compiler: /no/such/compiler: No such file or directory" in done.stderr
