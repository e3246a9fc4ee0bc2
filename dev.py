#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Set up, show and test a checkout, with nothing but Python's standard library.

python3 dev.py demo   install the package into .venv and show what it does
python3 dev.py test   run the C tests, then the Python tests here and on PyPy if there is one
"""

import argparse
import ast
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

# This file keeps to the syntax of Python 3.6, so that an old Python gets as far as this line
if sys.version_info < (3, 9):  # noqa: UP036
    sys.exit("dev.py: Python 3.9 or later is needed, this is " + platform.python_version())

ROOT = Path(__file__).resolve().parent
BIN = "Scripts" if os.name == "nt" else "bin"
SOURCES = (
    "benchmarks/core",
    "bindings",
    "core",
    "pointers",
    "meson.build",
    "meson_options.txt",
    "pointers_pytest.py",
    "pyproject.toml",
)
NO_TESTS = 5  # the exit code of a pytest that has found none
N_PORTIONS = 8
COMPILERS = ("cc", "gcc", "clang", "cl")

# Run by the interpreter that is asked about, which may be older than this file allows
PROBE = """
import json, os, platform, sys, sysconfig
try:
    import ensurepip
    venv = ensurepip.version() is not None
except Exception:
    venv = False
print(json.dumps({
    "executable": os.path.realpath(getattr(sys, "_base_executable", sys.executable)),
    "implementation": platform.python_implementation(),
    "version": platform.python_version(),
    "headers": os.path.isfile(os.path.join(sysconfig.get_paths()["include"], "Python.h")),
    "venv": venv,
}))
"""


class DevError(Exception):
    """Ends the program, or the tests of one interpreter, with a message of one line."""


class Interpreter(NamedTuple):
    """What an interpreter says of itself."""

    executable: str
    implementation: str
    version: str
    headers: bool
    venv: bool

    def __str__(self) -> str:
        return f"{self.implementation} {self.version}"

    @property
    def package(self) -> str:
        """The Debian package that this interpreter comes from."""
        if self.implementation == "PyPy":
            return "pypy3"
        if self.executable == os.path.realpath("/usr/bin/python3"):
            return "python3"
        return "python" + ".".join(self.version.split(".")[:2])


def say(message: str) -> None:
    """Print a line of progress, ahead of what a child process prints next."""
    print(f"dev.py: {message}", flush=True)


def probe(command: str) -> Interpreter:
    """Ask an interpreter about itself."""
    executable = shutil.which(command)
    if executable is None:
        raise DevError(f"{command} is not an executable file")
    try:
        answer = subprocess.check_output([executable, "-c", PROBE], stderr=subprocess.PIPE)
        interpreter = Interpreter(**json.loads(answer.decode()))
    except (OSError, ValueError, TypeError, subprocess.CalledProcessError):
        raise DevError(f"{command} is not a working Python") from None
    if [int(part) for part in interpreter.version.split(".")[:2]] < [3, 9]:
        raise DevError(f"Python 3.9 or later is needed, {command} is {interpreter.version}")
    return interpreter


def require_system(interpreter: Interpreter, *, headers: bool) -> None:
    """Name every system package that the build would miss."""
    missing: dict[str, str] = {}
    if not os.environ.get("CC") and not any(map(shutil.which, COMPILERS)):
        missing["a C compiler"] = "gcc"
    if headers and not interpreter.headers:
        missing["Python.h"] = f"{interpreter.package}-dev"
    if not interpreter.venv:
        missing["venv"] = f"{interpreter.package}-venv"
    if missing:
        what = ", ".join(missing)
        sudo = "sudo " if getattr(os, "geteuid", int)() else ""
        command = f"{sudo}apt install {' '.join(missing.values())}"
        raise DevError(f"{interpreter} lacks {what}; install with: {command}")


def build_requires() -> list[str]:
    """Return pyproject.toml's build requirements: an array of strings reads as Python, too."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"^requires = (\[.*?\])$", text, re.MULTILINE | re.DOTALL)
    assert found is not None, "pyproject.toml has no build requirements"
    return [str(requirement) for requirement in ast.literal_eval(found.group(1))]


def digest() -> str:
    """Return a digest of everything that the package is built from."""
    total = hashlib.sha256()
    for name in SOURCES:
        source = ROOT / name
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if path.is_file() and path.suffix != ".pyc":
                total.update(str(path.relative_to(ROOT)).encode() + b"\0")
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def counts(*reports: Path) -> str:
    """Sum up JUnit reports, as in `12 passed, 1 skipped`."""
    total = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for report in reports:
        for suite in ElementTree.parse(str(report)).iter("testsuite"):
            for key in total:
                total[key] += int(suite.get(key, "0"))
    failed, skipped = total["failures"] + total["errors"], total["skipped"]
    text = f"{total['tests'] - failed - skipped} passed"
    if failed:
        text += f", {failed} failed"
    if skipped:
        text += f", {skipped} skipped"
    return text


def failures(report: Path) -> str:
    """Name the tests that failed, by a JUnit report, as in `; failed: test_a, test_b`."""
    cases = ElementTree.parse(str(report)).iter("testcase")
    names = [
        case.get("name", "")
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return f"; failed: {', '.join(names)}" if names else ""


def not_downloaded(output: str) -> None:
    """Raise an error if a program's output is that of a pip that could not download."""
    found = re.search(r"^ERROR: No matching distribution found for ([^\s(]+)", output, re.MULTILINE)
    if found is not None:
        broken = "connection broken" in output or "ConnectionError" in output
        why = "no connection to its index" if broken else "its index has none for this Python"
        raise DevError(
            f"pip cannot download {found.group(1)}: {why}; with a network, or an index or folder "
            "of packages that PIP_INDEX_URL or PIP_FIND_LINKS names, run this again"
        )


class Environment:
    """A virtual environment beside this file, with the build directories inside it.

    Each step leaves a stamp with the state it was done for, so that it is skipped the next time.
    """

    def __init__(self, interpreter: Interpreter, name: str) -> None:
        self.interpreter = interpreter
        self.path = ROOT / name
        self.bin = self.path / BIN
        self.env = dict(
            os.environ,
            # meson-python calls the first meson and ninja on PATH
            PATH=os.pathsep.join([str(self.bin), os.environ.get("PATH", os.defpath)]),
            VIRTUAL_ENV=str(self.path),
            PIP_DISABLE_PIP_VERSION_CHECK="1",
            PIP_ROOT_USER_ACTION="ignore",
        )
        for variable in ("PYTHONHOME", "PYTHONPATH"):
            self.env.pop(variable, None)

    def program(self, name: str) -> str:
        """Return the path of a program that is installed here."""
        return shutil.which(name, path=str(self.bin)) or str(self.bin / name)

    def run(self, *command: str) -> None:
        """Run a program, silent unless it fails."""
        done = subprocess.run(
            command, cwd=str(ROOT), env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode:
            not_downloaded(done.stdout.decode("utf-8", "replace"))
            sys.stderr.buffer.write(done.stdout)
            sys.stderr.buffer.flush()
            program = Path(command[0]).name
            raise DevError(f"{program} {command[1]}, exit code {done.returncode}; see above")

    def pip_install(self, *arguments: str) -> None:
        """Install here; pip asks no index for what is installed already."""
        self.run(self.program("python"), "-m", "pip", "install", *arguments)

    def stamp(self, step: str) -> Path:
        """Return the file that tells what a step was last done for."""
        return self.path / f"{step}.stamp"

    def is_done(self, step: str, state: str) -> bool:
        """Tell whether a step was last done for this state."""
        stamp = self.stamp(step)
        return stamp.is_file() and stamp.read_text() == state

    def create(self) -> None:
        """Make the environment, and install the tools that both builds use."""
        base = f"{self.interpreter} {self.interpreter.executable}"
        if not self.is_done("base", base):
            if self.path.exists() and not self.stamp("base").exists():
                raise DevError(f"{self.path.name} was not made by dev.py; move it away")
            say(f"creating {self.path.name} for {self.interpreter}")
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir()
            self.stamp("base").write_text("incomplete")
            self.run(self.interpreter.executable, "-m", "venv", str(self.path))
            self.pip_install("--upgrade", "pip")
            self.stamp("base").write_text(base)
        requires = build_requires()
        if not self.is_done("tools", str(requires)):
            self.pip_install("ninja", *requires)
            self.stamp("tools").write_text(str(requires))

    def install(self, extra: str) -> None:
        """Install the package as it is now, with an extra or with none."""
        state = digest()
        if self.is_done("package", state) and (not extra or self.is_done(extra, state)):
            for built in self.path.glob("lib/*/site-packages/pointers/_core.*"):
                built.touch()  # as new as its sources, which an import in here looks at
            return
        say(f"building for {self.interpreter}")
        self.pip_install(
            "--no-build-isolation",
            f"--config-settings=build-dir={self.path / 'build'}",
            f"{ROOT}[{extra}]" if extra else str(ROOT),
        )
        for step in filter(None, ("package", extra)):
            self.stamp(step).write_text(state)

    def test_core(self) -> str:
        """Build and run the C tests; return their counts."""
        say("running the C tests")
        build = self.path / "core"
        meson = self.program("meson")
        setup = [meson, "setup", "-Dpython=disabled", "-Dtests=true", "-Dwerror=true"]
        if (build / "build.ninja").exists():
            setup.append("--reconfigure")
        self.run(*setup, str(build), str(ROOT))
        self.run(meson, "test", "--print-errorlogs", "-C", str(build))
        return counts(build / "meson-logs" / "testlog.junit.xml")

    def test_python(self, arguments: list[str]) -> str:
        """Install the package and run pytest, with its own output; return its counts."""
        self.install("test")
        say(f"running the Python tests on {self.interpreter}")
        reports, codes = [], []
        for number, modules in enumerate(self.portions(arguments)):
            report = self.path / f"pytest-{number}.xml"
            report.unlink(missing_ok=True)
            command = [self.program("pytest"), f"--junitxml={report}", *arguments, *modules]
            codes.append(subprocess.call(command, cwd=str(ROOT), env=self.env))
            reports += [report] if report.exists() else []
        result = counts(*reports) if reports else "no report"
        # A portion may have no test that was asked for.  One that has crashed has a negative code.
        ran = [code for code in codes if code != NO_TESTS] or [NO_TESTS]
        failed = [code for code in ran if code]
        if failed:
            names = "".join(map(failures, reports))
            raise DevError(f"{result} (exit code {failed[0]}){names}")
        return result

    def portions(self, arguments: list[str]) -> list[list[str]]:
        """Return the test modules that processes of their own run, one process after another.

        Each collection on PyPy goes through all objects: what other modules have left there makes
        the tests that collect often three times as slow.
        """
        chosen = any((ROOT / each.split("::")[0]).exists() for each in arguments)
        if self.interpreter.implementation == "CPython" or chosen:
            return [[]]
        modules = sorted(str(path) for path in ROOT.glob("tests/py/test_*.py"))
        return [modules[first::N_PORTIONS] for first in range(N_PORTIONS)]


def own_environment(interpreter: Interpreter) -> Environment:
    """Return the environment that is an interpreter's alone, whatever is in .venv."""
    name = f".venv-{interpreter.implementation.lower()}{interpreter.version}"
    return Environment(interpreter, name)


def environment_of(interpreter: Interpreter) -> Environment:
    """Return .venv, unless that is another interpreter's, or for CPython alone."""
    if interpreter.implementation != "CPython":
        return own_environment(interpreter)
    environment = Environment(interpreter, ".venv")
    stamp = environment.stamp("base")
    # One of an older version of the same interpreter is made anew
    if stamp.is_file() and interpreter.executable not in stamp.read_text():
        return own_environment(interpreter)
    return environment


def demo(python: str) -> int:
    """Install the package and run its short tour."""
    interpreter = probe(python or sys.executable)
    require_system(interpreter, headers=True)
    environment = environment_of(interpreter)
    environment.create()
    environment.install("")
    program = environment.program("python")
    code = subprocess.call([program, "-m", "pointers", "demo"], cwd=str(ROOT), env=environment.env)
    if not code:
        here = os.path.relpath(program)
        say(f"installed into {environment.path.name}; go on, in this folder or any other, with")
        say(f"  {here} -m pointers demo    or    {here} YOUR_PROGRAM.py")
    return code


def pypy() -> Environment:
    """Return PyPy's environment, if PyPy can be used."""
    found = probe("pypy3")
    require_system(found, headers=True)
    return own_environment(found)


def test(python: str, *, core: bool, package: bool, arguments: list[str]) -> int:
    """Run the tests; end with one line for the core and one for each interpreter."""
    found = probe(python or sys.executable)
    require_system(found, headers=package)
    environments = [own_environment(found) if python else environment_of(found)]
    summary = []
    if package and not python and found.implementation != "PyPy" and shutil.which("pypy3"):
        try:
            environments.append(pypy())
        except DevError as error:
            summary.append(f"PyPy not tested: {error}")
    jobs = [("C", environments[0])] if core else []
    if package:
        jobs += [("Python", environment) for environment in environments]
    failed = False
    for language, environment in jobs:
        name = str(environment.interpreter) if language == "Python" else "C core"
        try:
            environment.create()
            if language == "Python":
                result = environment.test_python(arguments)
            else:
                result = environment.test_core()
        except DevError as error:
            result = f"FAILED: {error}"
            failed = True
        summary.append(f"{name}: {result}")
    for line in summary:
        say(line)
    return int(failed)


def main(argv: list[str]) -> int:
    """Run the command line."""
    cut = argv.index("--") if "--" in argv else len(argv)
    parser = argparse.ArgumentParser(
        prog="dev.py",
        description=__doc__,
        epilog="What follows -- goes to pytest.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=["demo", "test"])
    parser.add_argument("--python", metavar="EXE", default="", help="this interpreter alone")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--core-only", action="store_true", help="only the C tests")
    only.add_argument("--python-only", action="store_true", help="only the Python tests")
    options = parser.parse_args(argv[:cut])
    try:
        if options.command == "demo":
            return demo(options.python)
        return test(
            options.python,
            core=not options.python_only,
            package=not options.core_only,
            arguments=argv[cut + 1 :],
        )
    except DevError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
