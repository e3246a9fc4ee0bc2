# SPDX-License-Identifier: MIT
"""Imports in a checkout, whose folder `pointers` comes before the installed package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pointers

ROOT = Path(__file__).parents[2]


def run_here(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    options = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 300, **options}
    return subprocess.run([sys.executable, *command], **options)


WHERE = "import pointers, pointers._alloc.guard as g; print(pointers.__file__); print(g.__file__)"


@pytest.mark.parametrize("arguments", [["-c", WHERE], ["-W", "error", "-c", WHERE]])
def test_an_import_in_the_checkout_gives_the_installed_package(arguments: list[str]) -> None:
    done = run_here(*arguments)
    installed = Path(pointers.__file__)
    lines = [str(installed), str(installed.parent / "_alloc" / "guard.py")]
    assert (done.stderr, done.stdout.splitlines()) == ("", lines)


def test_the_command_line_works_in_a_checkout() -> None:
    done = run_here("-W", "error", "-m", "pointers", "demo")
    assert (done.stderr, done.returncode) == ("", 0)
    assert "FreedMemoryError" in done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout's folder `pointers`, with the same files as the installed package."""
    skipped = shutil.ignore_patterns("__pycache__", "_core*", "_version.py")
    folder = tmp_path / "pointers"
    shutil.copytree(Path(pointers.__file__).parent, folder, ignore=skipped)
    (folder / "meson.build").touch()
    return folder


def test_an_unchanged_checkout_imports_without_a_warning(copy: Path) -> None:
    done = run_here("-c", WHERE, cwd=copy.parent)
    assert (done.stderr, done.stdout.splitlines()[0]) == ("", pointers.__file__)


@pytest.mark.parametrize("name", ["pointers/_alloc/guard.py", "pointers/_new.py", "core/src/a.c"])
def test_a_changed_checkout_warns_that_the_installed_package_is_old(copy: Path, name: str) -> None:
    path = copy.parent / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write("\n")
    later = path.stat().st_mtime + 60
    os.utime(path, (later, later))
    code = f"import sys; sys.path.insert(0, {str(copy.parent)!r})\n{WHERE}"
    done = run_here("-c", code, cwd=copy.parent.parent)
    assert done.stdout.splitlines()[0] == pointers.__file__
    assert (
        f"<string>:2: RuntimeWarning: {path} has changed since {pointers.__file__}" in done.stderr
    )
    assert "dev.py demo" in done.stderr


def test_the_error_says_how_to_build_a_package_that_is_not_installed(copy: Path) -> None:
    done = run_here("-S", "-c", WHERE, cwd=copy.parent)
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    message = done.stderr.splitlines()[-1]
    assert message.startswith(f"ImportError: pointers is not built for {sys.executable}, and ")
    assert "'python3 dev.py demo'" in message
    assert "-e" not in message.split()


def test_a_package_of_another_interpreter_is_named_in_the_error(tmp_path: Path) -> None:
    skipped = shutil.ignore_patterns("__pycache__", "_core*")
    shutil.copytree(Path(pointers.__file__).parent, tmp_path / "pointers", ignore=skipped)
    done = run_here("-c", WHERE, cwd=tmp_path)
    assert "without a compiled module for" in done.stderr.splitlines()[-1]
