# SPDX-License-Identifier: MIT
"""Every example of README.md and docs/ runs, on both paths; links and named files exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OTHERS = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md"]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FOLDERS = ("core/", "bindings/", "pointers/", "tests/", "benchmarks/", "docs/", ".ci/")

#: Languages of a page's blocks; test_clib.py compiles the example in C and compares its output.
LANGUAGES = {"python", "sh", "c", "text"}


def named(paths: list[Path]) -> Any:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def examples() -> list[Any]:
    """Return each example as (file, line, code), with an id that says where it stands."""
    found = []
    for path in PAGES:
        text = path.read_text("utf-8")
        for fence in FENCE.finditer(text):
            line = text.count("\n", 0, fence.start(2))
            if fence.group(1) == "python":
                found.append(pytest.param(path, line, fence.group(2), id=f"{path.stem}-{line}"))
    return found


@named(PAGES)
def test_each_block_of_a_page_is_closed_and_has_a_known_language(path: Path) -> None:
    text = path.read_text("utf-8")
    blocks = FENCE.findall(text)
    assert 2 * len(blocks) == len(re.findall("^ *```", text, re.MULTILINE))
    assert {language for language, _ in blocks} <= LANGUAGES


# pytest-markdown-docs would import every test module a second time
@pytest.mark.parametrize(("path", "line", "code"), examples())
@pytest.mark.parametrize("fast", ["1"] if sys.implementation.name == "pypy" else ["1", "0"])
def test_each_example_runs(path: Path, line: int, code: str, fast: str, run_python: Any) -> None:
    if "import numpy" in code and importlib.util.find_spec("numpy") is None:
        pytest.skip("there is no NumPy")
    if "numpy_allocator" in code and sys.implementation.name != "cpython":
        pytest.skip("NumPy takes memory from allocators on CPython alone")
    # Each in a process of its own: an import chooses the path, and NumPy slows PyPy's collector
    where = f"exec(compile({chr(10) * line + code!r}, {str(path)!r}, 'exec'))"
    done = run_python(where, POINTERS_FAST=fast)
    assert (done.returncode, done.stderr) == (0, "")


@named([path for path in PAGES if "```sh" in path.read_text("utf-8")])
def test_commands_name_options_that_exist(path: Path) -> None:
    # The source that declares a program's options, by the start of its command
    sources = {
        "python3 dev.py": ["dev.py"],
        "python3 benchmarks/compare.py": ["pointers/_cli/bench/command.py"],
        "python -m pointers bench": ["pointers/_cli/bench/command.py"],
        "python -m pointers": ["pointers/_cli/show.py"],
        "python benchmarks/py/run.py": ["benchmarks/py/run.py", "benchmarks/py/case.py"],
        "meson": ["meson_options.txt"],
    }
    for language, text in FENCE.findall(path.read_text("utf-8")):
        for command in text.splitlines() if language == "sh" else ():
            start = next(start for start in sources if command.startswith(start))
            source = "".join((ROOT / name).read_text("utf-8") for name in sources[start])
            for word in shlex.split(command, comments=True):
                option = re.match(r"-D(\w+)=|(--[a-z-]+)(?!=)$", word)
                if option is not None:
                    quotes = "'" if option.group(1) else '"'
                    assert f"{quotes}{option.group(1) or option.group(2)}{quotes}" in source, word


@named([*PAGES, *OTHERS])
def test_each_link_leads_to_a_file(path: Path) -> None:
    for link in LINK.findall(path.read_text("utf-8")):
        assert (path.parent / link).exists(), link


@named([*PAGES, *OTHERS])
def test_files_that_a_page_names_exist(path: Path) -> None:
    checked = 0
    for code in CODE.findall(FENCE.sub("", path.read_text("utf-8"))):
        for word in code.split():
            name = re.sub(r"<\w+>", "*", word)
            if name.startswith(FOLDERS):
                assert list(ROOT.glob(name.rstrip("/"))), word
                checked += 1
    assert checked >= 20 or path.name != "CONTRIBUTING.md"
