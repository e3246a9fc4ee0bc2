# SPDX-License-Identifier: MIT
"""dev.py on incomplete machines: one line says what to install, and no environment is created."""

from __future__ import annotations

import json
import os
import shutil
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

pytestmark = pytest.mark.skipif(os.name != "posix", reason="fakes programs by shell scripts")


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
            timeout=300,
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
def test_a_missing_compiler_is_named(machine: Machine, command: str) -> None:
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
def test_missing_parts_of_python_are_named(
    machine: Machine, facts: dict[str, object], packages: str
) -> None:
    machine.add("gcc")
    machine.add_python("some-python", **facts)
    message = machine.complaint("test", "--python", "some-python")
    assert message.endswith(f"apt install {packages}")


def test_the_system_s_python_needs_packages_without_a_version(machine: Machine) -> None:
    machine.add("clang")
    own = os.path.realpath("/usr/bin/python3")
    machine.add_python("some-python", executable=own, headers=False, venv=False)
    message = machine.complaint("test", "--python", "some-python")
    assert message.endswith("apt install python3-dev python3-venv")


def test_all_that_is_missing_is_named_at_once(machine: Machine) -> None:
    machine.add_python("some-python", headers=False, venv=False)
    message = machine.complaint("test", "--python", "some-python")
    assert message.endswith("apt install gcc python3.12-dev python3.12-venv")


def test_the_c_tests_need_no_python_headers(machine: Machine) -> None:
    machine.add_python("some-python", headers=False)
    message = machine.complaint("test", "--core-only", "--python", "some-python")
    assert message.endswith("apt install gcc")


@pytest.mark.parametrize("version", ["3.8.20", "2.7.18"])
def test_an_old_python_is_refused(machine: Machine, version: str) -> None:
    machine.add_python("old-python", version=version)
    message = machine.complaint("test", "--python", "old-python")
    assert message == f"Python 3.9 or later is needed, old-python is {version}"


def test_a_python_that_does_not_exist_is_named(machine: Machine) -> None:
    message = machine.complaint("test", "--python", "no-python")
    assert message == "no-python is not an executable file"


@pytest.mark.parametrize("script", ["exit 1", "echo 3.12", "echo '{}'"])
def test_a_program_that_is_no_python_is_named(machine: Machine, script: str) -> None:
    machine.add("odd-python", script)
    assert (
        machine.complaint("test", "--python", "odd-python") == "odd-python is not a working Python"
    )


# A fake Python: `venv` copies the script, `pip` fails with the text of the file pip-says
FAKE_PYTHON = """
case "$*" in
  "-m venv "*) /bin/mkdir -p "$3/bin" && /bin/cp "$0" "$3/bin/python" ;;
  "-m pip "*) /bin/cat "$(dirname "$0")/../../pip-says" 2>/dev/null && exit 1 ;;
  "-m pointers demo") echo "the tour in $PWD" ;;
  *) echo '%s' ;;
esac
exit 0
"""
NO_NETWORK = """\
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/x/
ERROR: Could not find a version that satisfies the requirement ninja (from versions: none)
ERROR: No matching distribution found for ninja
"""


class Checkout:
    """A folder with dev.py, and a PATH with fake Pythons."""

    def __init__(self, path: Path) -> None:
        self.machine = Machine(path / "bin")
        self.machine.path.mkdir()
        self.machine.add("gcc")
        self.machine.add("dirname", 'exec /usr/bin/dirname "$@"')
        self.path = path / "checkout"
        self.path.mkdir()
        for name in ("dev.py", "pyproject.toml"):
            shutil.copy(ROOT / name, self.path)

    def add_python(self, name: str, **facts: object) -> None:
        executable = str(self.machine.path / name)
        answer = json.dumps({**COMPLETE, "executable": executable, **facts})
        self.machine.add(name, FAKE_PYTHON % answer)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(self.path / "dev.py"), *arguments],
            env={**os.environ, "PATH": str(self.machine.path), "CC": "gcc"},
            cwd=self.path.parent,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def environments(self) -> dict[str, str]:
        """Return the interpreter of each environment, by the environment's name."""
        return {path.name: (path / "base.stamp").read_text() for path in self.path.glob(".venv*")}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_demo_says_how_to_run_it_again_and_how_to_run_a_program(checkout: Checkout) -> None:
    checkout.add_python("some-python")
    done = checkout.run("demo", "--python", "some-python")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "dev.py: creating .venv for CPython 3.12.1"
    assert f"the tour in {checkout.path}" in lines
    assert "checkout/.venv/bin/python -m pointers demo" in lines[-1]
    assert "checkout/.venv/bin/python YOUR_PROGRAM.py" in lines[-1]
    # The second run finds the environment
    done = checkout.run("demo", "--python", "some-python")
    assert done.returncode == 0
    assert done.stdout.splitlines() == lines[-3:]


def test_each_interpreter_has_an_environment_of_its_own(checkout: Checkout) -> None:
    checkout.add_python("python-a")
    checkout.add_python("python-b", version="3.13.0")
    checkout.add_python("pypy-a", implementation="PyPy", version="3.9.16")
    for name in ("pypy-a", "python-a", "python-b", "pypy-a", "python-a"):
        done = checkout.run("demo", "--python", name)
        assert done.returncode == 0, done.stderr
    bin_ = checkout.machine.path
    assert checkout.environments() == {
        ".venv": f"CPython 3.12.1 {bin_}/python-a",
        ".venv-cpython3.13.0": f"CPython 3.13.0 {bin_}/python-b",
        ".venv-pypy3.9.16": f"PyPy 3.9.16 {bin_}/pypy-a",
    }


def test_an_upgraded_interpreter_gets_a_new_environment(
    checkout: Checkout,
) -> None:
    for version in ("3.12.1", "3.12.2"):
        checkout.add_python("python-a", version=version)
        done = checkout.run("demo", "--python", "python-a")
        assert done.stdout.startswith(f"dev.py: creating .venv for CPython {version}\n")
    assert list(checkout.environments()) == [".venv"]


# A fake pytest: reports one test for each portion, and for the portion 3 runs the given command
FAKE_PYTEST = """#!/bin/sh
for each in "$@"; do
  case $each in
    *pytest-3.xml) %s ;;
  esac
  case $each in
    --junitxml=*) echo '<testsuite tests="1" failures="0" errors="0" skipped="0"/>' >"${each#*=}" ;;
  esac
done
"""


@pytest.mark.parametrize(
    ("act", "code", "said"),
    [
        (":", 0, "8 passed"),
        ("exit 5", 0, "7 passed"),
        ("exit 1", 1, "FAILED: 7 passed (exit code 1)"),
        ("kill -SEGV $$", 1, "FAILED: 7 passed (exit code -11)"),
    ],
)
def test_a_failure_of_one_portion_of_the_tests_is_reported(
    checkout: Checkout, act: str, code: int, said: str
) -> None:
    checkout.add_python("pypy-a", implementation="PyPy", version="3.9.16")
    assert checkout.run("demo", "--python", "pypy-a").returncode == 0
    Machine(checkout.path / ".venv-pypy3.9.16" / "bin").add("pytest", FAKE_PYTEST % act)
    folder = checkout.path / "tests" / "py"
    folder.mkdir(parents=True)
    for number in range(10):
        (folder / f"test_{number}.py").touch()
    done = checkout.run("test", "--python-only", "--python", "pypy-a")
    assert done.returncode == code, done.stderr
    assert f"PyPy 3.9.16: {said}" in done.stdout + done.stderr


def test_the_error_says_why_pip_cannot_download(checkout: Checkout) -> None:
    checkout.add_python("some-python")
    for text, why in (
        (NO_NETWORK, "no connection to its index"),
        (NO_NETWORK.partition("\n")[2], "its index has none for this Python"),
    ):
        (checkout.path / "pip-says").write_text(text)
        done = checkout.run("demo", "--python", "some-python")
        assert done.returncode == 1
        assert done.stderr.startswith(f"dev.py: pip cannot download ninja: {why}; ")
        assert done.stderr.count("\n") == 1
    # Another failure is shown as it is
    (checkout.path / "pip-says").write_text("ERROR: odd\n")
    done = checkout.run("demo", "--python", "some-python")
    assert done.stderr.startswith("ERROR: odd\ndev.py: ")
    (checkout.path / "pip-says").unlink()
    assert checkout.run("demo", "--python", "some-python").returncode == 0
