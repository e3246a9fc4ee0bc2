# SPDX-License-Identifier: MIT
"""`bench`: Python itself as a workload, on libraries that are preloaded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pointers._cli.bench.measure import interpreter, libraries
from pointers._cli.bench.measure.allocators import Allocator

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    not interpreter.workloads(), reason="this interpreter does not use malloc"
)


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pointers", "bench", "--rounds", "1", "--scale", "0.001"]
    return subprocess.run(
        [*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def cases(folder: Path, workloads: str, choice: str) -> dict[tuple[str, str], dict[str, Any]]:
    done = bench(folder, "--workloads", workloads, "--allocators", choice, "--json", "o.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "o.json").read_text())["cases"]
    return {(case["workload"], case["allocator"]): case for case in found}


def test_each_program_runs_on_the_c_library(tmp_path: Path) -> None:
    names = [one["name"] for one in interpreter.workloads()]
    found = cases(tmp_path, ",".join(names), "system")
    assert len(found) == len(names) == 4
    for case in found.values():
        (measured,) = case["measurements"]
        assert measured["operations"] >= 1
        assert measured["page_faults"] > 0
        assert measured["peak_live_bytes"] is None


def test_allocators_that_cannot_be_preloaded_are_unsupported(tmp_path: Path) -> None:
    found = cases(tmp_path, "python-words", "direct,system,system+checked,arena")
    assert found["python-words", "system"]["status"] == "ok"
    for name in ("direct", "system+checked", "arena"):
        case = found["python-words", name]
        assert case["status"] == "unsupported"
        assert "only a C library's malloc" in case["reason"]


@pytest.mark.parametrize("library", libraries.LIBRARIES, ids=lambda library: library.name)
def test_a_library_is_preloaded(tmp_path: Path, library: libraries.Library) -> None:
    if libraries.find(library) is None:
        pytest.skip(f"{library.name} is not installed")
    found = cases(tmp_path, "python-json", library.name)
    assert found["python-json", library.name]["status"] == "ok"


def test_a_library_whose_functions_have_a_prefix_is_not_preloaded(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source = "#include <stdlib.h>\nvoid *my_malloc(size_t n) { return malloc(n); }\n"
    source += "void *my_calloc(size_t n, size_t m) { return calloc(n, m); }\n"
    source += "void *my_realloc(void *p, size_t n) { return realloc(p, n); }\n"
    source += "void my_free(void *p) { free(p); }\n"
    (tmp_path / "my.c").write_text(source)
    build = [compiler, "-shared", "-fPIC", "-o", "libmy.so", "my.c"]
    subprocess.run(build, cwd=tmp_path, check=True)
    found = cases(tmp_path, "python-json,churn", "my=foreign:libmy.so:my_")
    assert found["churn", "my"]["status"] == "ok"
    assert found["python-json", "my"]["status"] == "unsupported"
    assert "no function malloc" in found["python-json", "my"]["reason"]


def test_an_earlier_preload_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "libother.so")
    one = Allocator("mine", "foreign:/lib/mine.so", path="/lib/mine.so")
    assert interpreter.call("python-json", one, ()).problem == "LD_PRELOAD is libother.so already"
