# SPDX-License-Identifier: MIT
"""Each command of `python -m pointers` ends quietly where nobody reads its output any more."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import _bench_fake
import pytest

from pointers._cli.bench.result import schema

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a pipe without a reader")

# Each command has a new pipe in the place of its outputs; the last one's is there until the end
RUN = """
import json, os, sys
from pointers.__main__ import main

program, report = os.environ["PROGRAM"], os.environ["REPORT"]
bench = ["bench", "--program", program, "--workloads", "even", "--rounds", "1"]
errors = os.dup(2)
codes = {}
for name, arguments, descriptors in (
    ("demo", ["demo"], [1]),
    ("info", ["info"], [1]),
    ("info --json", ["info", "--json"], [1]),
    ("dump", ["dump", "2**40"], [1]),
    ("layout", ["layout", "int"], [1]),
    ("bench --list", [*bench, "--list"], [1]),
    ("bench", [*bench, "--json", "out.json"], [1]),
    ("bench, progress", [*bench, "--json", "progress.json"], [1, 2]),
):
    reading, writing = os.pipe()
    os.close(reading)
    for descriptor in descriptors:
        os.dup2(writing, descriptor)
    os.close(writing)
    codes[name] = main(arguments)
    os.dup2(errors, 2)
with open(report, "w") as file:
    json.dump(codes, file)
reading, writing = os.pipe()
os.close(reading)
os.dup2(writing, 1)
sys.exit(main(["dump", "2**40"]))
"""


def test_each_command_ends_quietly_without_a_reader(run_python: Any, tmp_path: Path) -> None:
    program = _bench_fake.write(tmp_path)
    report = tmp_path / "report.json"
    done = run_python(RUN, PROGRAM=str(program), REPORT=str(report))
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert done.returncode == 128 + 13
    codes = json.loads(report.read_text())
    assert len(codes) == 8
    assert set(codes.values()) == {128 + 13}
    # What was measured is there
    for name, complete in (("out.json", True), ("progress.json", False)):
        document = json.loads((tmp_path / name).read_text())
        schema.check(document)
        assert document["complete"] is complete
