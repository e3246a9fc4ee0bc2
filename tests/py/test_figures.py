# SPDX-License-Identifier: MIT
"""benchmarks/py/figures.py has a row for each public operation, and every row runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pointers

FOLDER = str(Path(__file__).parents[2] / "benchmarks" / "py")
sys.path.append(FOLDER)

import peers  # noqa: E402 - needs the path that was just appended
import rows_memory  # noqa: E402
import rows_values  # noqa: E402
from rows import NANOSECOND, Row  # noqa: E402

#: Public names without a row, each with the reason.
EXCEPTIONS = {
    "Foreign": "its operations are the system allocator's, with another malloc",
    "load_allocator": "runs once in a program, and takes what dlopen takes",
    "report_faults": "runs once in a program",
    "dump": "prints for a person",
    "layout": "prints for a person",
    ".dump": "prints for a person",
    "__version__": "is a text",
    "tracemalloc_domain": "is a number",
    ".__class_getitem__": "is for annotations",
    ".__del__": "is timed as the leaked malloc(28)",
    ".__delitem__": "always refuses",
    ".__reduce__": "always refuses",
    ".__reduce_ex__": "always refuses",
    "Allocator.__reduce__": "always refuses",
    ".__init__": "always refuses",
    ".__ge__": "is compiled with .__lt__",
    ".__gt__": "is compiled with .__lt__",
    ".__le__": "is compiled with .__lt__",
    ".__ne__": "is compiled with .__eq__",
    ".__radd__": "is .__add__",
    ".__rsub__": "always refuses",
    ".__getattr__": "finds _as_parameter_ and refuses the rest",
    ".__buffer__": "is timed as .view",
    "Allocator.__new__": "is timed with the class",
}
#: Attributes that Python adds to every class.
OF_PYTHON = {
    "__annotations__",
    "__class__",
    "__dict__",
    "__doc__",
    "__module__",
    "__orig_bases__",
    "__parameters__",
    "__slots__",
    "__weakref__",
    "__firstlineno__",
    "__static_attributes__",
    "__release_buffer__",
}
THREAD_ROWS = rows_memory.THREAD_ROWS
ROWS: list[Row] = [*rows_memory.ROWS, *rows_values.ROWS, *THREAD_ROWS]


def public_names() -> set[str]:
    """Return the public names of the package, and with a dot those of its classes."""
    names = set()
    for name in pointers.__all__:
        value = getattr(pointers, name)
        if isinstance(value, type) and issubclass(value, BaseException):
            continue
        names.add(name)
        if not isinstance(value, type):
            continue
        for base, prefix in ((pointers.Pointer, "."), (pointers.Allocator, "Allocator.")):
            if issubclass(value, base):
                attributes = {each for kind in value.__mro__[:-1] for each in vars(kind)}
                names |= {
                    prefix + each
                    for each in attributes - OF_PYTHON
                    if not each.startswith("_") or each.startswith("__")
                }
    return names


def test_every_public_name_has_a_row_or_a_reason() -> None:
    covered = {name for row in ROWS for name in row.covers}
    without = public_names() - covered - set(EXCEPTIONS)
    assert sorted(without) == []
    assert not covered & set(EXCEPTIONS)
    known = {name for name in covered if not name.startswith("._")}
    assert not known - public_names(), "no such names"


def test_each_row_has_its_own_name_and_existing_peers() -> None:
    names = [row.case.name for row in ROWS]
    assert len(set(names)) == len(names)
    there = {case.name for case in [*peers.PEERS, *peers.THREAD_PEERS]} | {NANOSECOND}
    assert {peer for row in ROWS for _, peer in (row.cpython, row.pypy)} <= there


@pytest.mark.parametrize("path", ["fast", "reference"])
def test_the_results_are_written_as_json(tmp_path: Path, path: str) -> None:
    quick = ["--rounds", "1", "--seconds", "1e-5", "--imports", "1"]
    done = subprocess.run(
        [sys.executable, f"{FOLDER}/figures.py", *quick, "--path", path, "--json", "out.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: Any = json.loads((tmp_path / "out.json").read_text("utf-8"))
    fast = path == "fast" and sys.implementation.name == "cpython"
    assert found["path"] == ("compiled" if fast else "Python")
    assert [each["name"] for each in found["rows"]][:-1] == [row.case.name for row in ROWS]
    for each in found["rows"]:
        assert each["ratio"] == pytest.approx(each["ns"] / each["peer_ns"])
        assert each["met"] is (each["ratio"] <= each["goal"])
