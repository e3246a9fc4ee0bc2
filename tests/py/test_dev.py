# SPDX-License-Identifier: MIT
"""dev.py on machines that lack something: one line says what to install, and nothing is made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPLETE = {
    "executable": "/opt/python/bin/python",
    "implementation": "CPython",
    "version": "3.12.1",
    "headers": True,
    "venv": True,
}

pytestmark = pytest.mark.skipif(os.name != "posix", reason="made of shell scripts and of PATH")


class Machine:
    """A PATH with just the programs that a test puts there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, name: str, script: str = "") -> None:
        program = self.path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def add_python(self, name: str, **facts: object) -> None:
        self.add(name, f"echo '{json.dumps({**COMPLETE, **facts})}'")

    def complaint(self, *arguments: str) -> str:
        """Run dev.py, which must fail with one line that starts with its name; return the rest."""
        env = {key: value for key, value in os.environ.items() if key != "CC"}
        env["PATH"] = str(self.path)
        before = set(ROOT.glob(".venv*"))
        done = subprocess.run(
            [sys.executable, str(ROOT / "dev.py"), *arguments],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert done.stdout == ""
        assert set(ROOT.glob(".venv*")) == before
        name, _, message = done.stderr.rstrip("\n").partition("dev.py: ")
        assert name == ""
        assert "\n" not in message
        return message


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("command", ["demo", "test"])
def test_no_compiler(machine: Machine, command: str) -> None:
    message = machine.complaint(command)
    assert "lacks a C compiler; install with: " in message
    assert message.endswith("apt install gcc")


@pytest.mark.parametrize(
    ("facts", "packages"),
    [
        ({"headers": False}, "python3.12-dev"),
        ({"venv": False}, "python3.12-venv"),
        ({"headers": False, "venv": False}, "python3.12-dev python3.12-venv"),
        ({"headers": False, "implementation": "PyPy"}, "pypy3-dev"),
        ({"venv": False, "implementation": "PyPy"}, "pypy3-venv"),
    ],
)
def test_incomplete_python(machine: Machine, facts: dict[str, object], packages: str) -> None:
    machine.add("gcc")
    machine.add_python("some-python", **facts)
    message = machine.complaint("test", "--python", "some-python")
    assert message.endswith(f"apt install {packages}")


def test_the_distribution_s_own_python(machine: Machine) -> None:
    machine.add("clang")
    own = os.path.realpath("/usr/bin/python3")
    machine.add_python("some-python", executable=own, headers=False, venv=False)
    message = machine.complaint("test", "--python", "some-python")
    assert message.endswith("apt install python3-dev python3-venv")


def test_everything_is_named_at_once(machine: Machine) -> None:
    machine.add_python("some-python", headers=False, venv=False)
    message = machine.complaint("test", "--python", "some-python")
    assert message.endswith("apt install gcc python3.12-dev python3.12-venv")


def test_the_c_tests_need_no_python_headers(machine: Machine) -> None:
    machine.add_python("some-python", headers=False)
    message = machine.complaint("test", "--core-only", "--python", "some-python")
    assert message.endswith("apt install gcc")


@pytest.mark.parametrize("version", ["3.8.20", "2.7.18"])
def test_python_is_too_old(machine: Machine, version: str) -> None:
    machine.add_python("old-python", version=version)
    message = machine.complaint("test", "--python", "old-python")
    assert message == f"Python 3.9 or later is needed, old-python is {version}"


def test_python_is_not_there(machine: Machine) -> None:
    message = machine.complaint("test", "--python", "no-python")
    assert message == "no-python is not an executable file"


@pytest.mark.parametrize("script", ["exit 1", "echo 3.12", "echo '{}'"])
def test_python_is_something_else(machine: Machine, script: str) -> None:
    machine.add("odd-python", script)
    assert (
        machine.complaint("test", "--python", "odd-python") == "odd-python is not a working Python"
    )
