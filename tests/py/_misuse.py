# SPDX-License-Identifier: MIT
"""The machinery of the misuse matrix: each case must raise, and leave all else unharmed.

All cases of a table run in one subprocess, which prints each case's exception and
message.  After each case, a few other blocks ("bystanders") must have kept their
contents, and the allocator's statistics must be balanced.  If the process dies, its
cases run again one by one, so that the failure names the case.  Programs that may
end their process each run in a process of their own.
"""

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from pointers._ffi import fast

HERE = Path(__file__).parent
DRIVER = HERE / "_misuse_driver.py"

PYPY = sys.implementation.name == "pypy"

# Whether the cases run on the compiled fast path, whose errors may differ from the reference's
FAST = fast is not None

NOTHING = "nothing"  # the "error" of a case that must not raise

_MODES: "dict[str, tuple[tuple[str, ...], dict[str, str]]]" = {
    "plain": ((), {}),
    "dev": (("-X", "dev"), {"PYTHONMALLOC": "debug"}),
    "synth": ((), {"POINTERS_IMAGES": "synth"}),
}


def _chosen_modes() -> "list[str]":
    """Return the modes that POINTERS_MISUSE_MODES names: "all", or names with commas."""
    names = os.environ.get("POINTERS_MISUSE_MODES") or "plain"
    modes = list(_MODES) if names == "all" else names.split(",")
    assert set(modes) <= set(_MODES), f"POINTERS_MISUSE_MODES is {names}"
    # PyPy synthesises images in every mode
    return [mode for mode in modes if not (PYPY and mode == "synth")]


#: Runs a test in every mode that was asked for.
in_modes = pytest.mark.parametrize("mode", _chosen_modes())


class Case(NamedTuple):
    """Code that must raise (`act`), code that sets up its state, and checks after it."""

    name: str
    act: str
    error: str  # the exception's exact type, or NOTHING
    message: str = ""  # a regular expression that the message contains
    before: str = ""
    after: str = ""


def cases(
    prefix: str,
    acts: "Mapping[str, str] | Iterable[str]",
    error: str,
    message: str = "",
    *,
    before: str = "",
    after: str = "",
) -> "list[Case]":
    """Return cases that differ only in `act`.

    :param acts: The code of each case by its name, or alone if the code is its own name.
    """
    named = acts if isinstance(acts, Mapping) else {act: act for act in acts}
    before, after = textwrap.dedent(before), textwrap.dedent(after)
    return [
        Case(
            f"{prefix}, {name}".replace(": ", ":").replace("\n", "; "),
            textwrap.dedent(act),
            error,
            message,
            before,
            after,
        )
        for name, act in named.items()
    ]


def tables(cases_by_name: "Mapping[str, list[Case]]") -> "pytest.MarkDecorator":
    """Parametrise a test by `table`."""
    return pytest.mark.parametrize(
        "table", list(cases_by_name.values()), ids=list(cases_by_name.keys())
    )


def _run(
    arguments: "list[str]",
    mode: str,
    tmp_path: Path,
    options: "tuple[str, ...]" = ("-W", "error"),
    environment: "dict[str, str] | None" = None,
    timeout: float = 300,
) -> "subprocess.CompletedProcess[str]":
    mode_options, mode_environment = _MODES[mode]
    variables = {
        **{name: value for name, value in os.environ.items() if name != "POINTERS_IMAGES"},
        "PYTHONPATH": str(HERE),
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUNBUFFERED": "1",
        **mode_environment,
        **(environment or {}),
    }
    done = subprocess.run(
        [sys.executable, *mode_options, *options, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        env=variables,
        # Not in the source tree, whose folder `pointers` would hide the installed package
        cwd=tmp_path,
        check=False,
    )
    # AddressSanitizer warns of each allocation that is too large for it
    done.stderr = re.sub(r"==\d+==WARNING: AddressSanitizer failed to .*\n", "", done.stderr)
    return done


def _outcomes(stdout: str) -> "dict[str, tuple[str, str]]":
    lines = [line.split(": ", 2) for line in stdout.splitlines() if ": " in line]
    return {line[0]: (line[1], line[2] if len(line) > 2 else "") for line in lines}


def _complaint(case: Case, outcome: "tuple[str, str] | None") -> str:
    """Return a text that says how the outcome of a case is wrong, or "" if it is right."""
    if outcome is None:
        return "did not run"
    kind, message = outcome
    if kind != case.error:
        return f"{kind}: {message}\n    instead of {case.error}"
    if not re.search(case.message, message):
        return f"{kind}: {message}\n    which does not contain {case.message!r}"
    return ""


def check_table(table: "list[Case]", mode: str, tmp_path: Path) -> None:
    """Run cases in one process and assert that each ends as it should."""
    names = [case.name for case in table]
    assert names
    assert len(set(names)) == len(names), "two cases have one name"
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([(c.name, c.before, c.act, c.after) for c in table]), "utf-8")
    done = _run([str(DRIVER), str(path), ""], mode, tmp_path)
    outcomes = _outcomes(done.stdout)
    complaints = {case.name: _complaint(case, outcomes.get(case.name)) for case in table}
    healthy = (done.returncode, done.stderr) == (0, "") and done.stdout.endswith("unharmed\n")
    if not healthy:
        # The first case without an outcome, or one shortly before it, killed the process
        first = next((n for n, name in enumerate(names) if name not in outcomes), 0)
        for case in table[max(0, first - 5) : first + 5]:
            single = _run([str(DRIVER), str(path), case.name], mode, tmp_path)
            if (single.returncode, single.stderr) != (0, ""):
                complaints[case.name] = f"exit code {single.returncode}\n{single.stderr}"
    wrong = [f"{name}: {text}" for name, text in complaints.items() if text]
    assert not wrong, "\n".join([f"{len(wrong)} of {len(table)} cases:", *wrong])
    assert healthy, f"all together: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"


def check_program(
    code: str,
    mode: str,
    tmp_path: Path,
    *options: str,
    output: str = "",
    exit_code: int = 0,
    errors: "str | None" = "",
    last: str = "unharmed()",
    environment: "dict[str, str] | None" = None,
    timeout: float = 300,
) -> None:
    """Run a program in a process of its own and assert how it ends.

    :param output: The program's output before "unharmed".
    :param errors: Its standard error; None if any will do.
    :param last: Its last line; a program that ends itself has to call
        ``unharmed()`` by itself.
    """
    program = (
        f"from pointers import *; from _misuse_driver import *\n{textwrap.dedent(code)}\n{last}\n"
    )
    path = tmp_path / "program.py"
    path.write_text(program, "utf-8")
    done = _run([str(path)], mode, tmp_path, ("-W", "error", *options), environment, timeout)
    report = f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == exit_code, report
    assert done.stdout == f"{output}unharmed\n", report
    assert errors is None or done.stderr == errors, report
