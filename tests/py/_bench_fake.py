# SPDX-License-Identifier: MIT
"""A workload program for the tests of `bench`: known figures, and each kind of failure.

`write` writes the program, whose workload's name says how it fails.  `Bench` runs
the command `bench` over it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pointers._cli.bench.result import schema

#: Whether the extra `report` is installed.
HAS_REPORT = all(importlib.util.find_spec(name) for name in ("altair", "jinja2", "vl_convert"))

WORKLOADS = {
    "even": "costs 10 ns on system, half of that on arena, and three times that on guard",
    "refusing": "reports that arena cannot serve the workload",
    "failing": "ends with exit code 3 on arena",
    "silent": "prints nothing on arena",
    "nonsense": "prints a word in place of a figure on arena",
    "hanging": "does not end on arena",
    "dying": "is killed by a signal on arena",
    "larson": "runs on threads",
    "live-blocks": "keeps blocks",
}

_SCRIPT = """#!{python}
import json, os, signal, sys, time

WORKLOADS = {workloads!r}
if sys.argv[1:] == ["--list"]:
    for name, text in WORKLOADS.items():
        print(name, text)
    sys.exit()
name = sys.argv[1]
if name == "--probe":
    sys.exit()
arguments = [one for one in sys.argv[2:] if one != "--quick"]
options = dict(zip(arguments[::2], arguments[1::2]))
allocator = options["--allocator"]
log = os.environ.get("FAKE_LOG")
if log:
    with open(log, "a") as file:
        call = [sys.argv[1:], os.getpid(), os.environ.get("GLIBC_TUNABLES")]
        print(json.dumps(call), file=file)
factor = {{"arena": 0.5, "guard": 3.0}}.get(allocator, 1.0)
if "--checked" in sys.argv:
    factor *= 2
if allocator == "arena":
    if name == "refusing":
        print(json.dumps({{"unsupported": "it has no free"}}))
        sys.exit(int(os.environ.get("FAKE_UNSUPPORTED_CODE", "0")))
    if name == "failing":
        print("out of luck", file=sys.stderr)
        sys.exit(3)
    if name == "silent":
        sys.exit()
    if name == "hanging":
        time.sleep(600)
    if name == "dying":
        os.kill(os.getpid(), signal.SIGSEGV)
if log and os.environ.get("FAKE_SLEEP"):
    time.sleep(float(os.environ["FAKE_SLEEP"]))
threads = int(options.get("--threads", 1))
cost = 10.0 * factor / threads
print(json.dumps({{
    "workload": name, "allocator": allocator, "checked": "--checked" in sys.argv,
    "threads": threads, "operations": 1000,
    "seconds": cost * 1e-6, "ns_per_op": "much" if name == "nonsense" and factor < 1 else cost,
    "ops_per_s": 1e9 / cost, "peak_rss_bytes": int(20_000_000 * factor),
    "peak_live_bytes": 8_000_000, "fragmentation": None, "parameters": {{"scale": 1}},
}}))
"""


def write(folder: Path) -> Path:
    """Write the program; return its path."""
    program = folder / "ptrs-workload"
    script = _SCRIPT.format(python=sys.executable, workloads=WORKLOADS)
    program.write_text(script, encoding="utf-8")
    program.chmod(0o755)
    return program


class Bench:
    """Runs the command in a folder of its own, which also hides the source tree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = write(folder)
        self.log = folder / "log"
        self.json = folder / "out.json"

    def command(self, *arguments: str) -> list[str]:
        own = ["--program", str(self.program)]
        return [sys.executable, "-m", "pointers", "bench", *own, *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "FAKE_LOG": str(self.log), **more}

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.environment(**environment),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def measured(self, *arguments: str, code: int = 0, **environment: str) -> dict[str, Any]:
        """Run the command with --json; return the document that the command wrote."""
        done = self.run("--json", str(self.json), *arguments, **environment)
        assert done.returncode == code, done.stderr
        return self.document()

    def document(self) -> dict[str, Any]:
        document = json.loads(self.json.read_text(encoding="utf-8"))
        schema.check(document)
        assert isinstance(document, dict)
        return document

    def calls(self) -> list[list[str]]:
        """Return the arguments of every measurement."""
        return [json.loads(line)[0] for line in self.log.read_text().splitlines()]


def case(document: dict[str, Any], allocator: str, **wanted: object) -> dict[str, Any]:
    """Return the one case of an allocator whose fields have the `wanted` values."""
    (found,) = [
        case
        for case in document["cases"]
        if case["allocator"] == allocator and all(case[k] == v for k, v in wanted.items())
    ]
    assert isinstance(found, dict)
    return found
