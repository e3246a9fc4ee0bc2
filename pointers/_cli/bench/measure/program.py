# SPDX-License-Identifier: MIT
"""The workload program, and one measurement by it in a child process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pointers._cli.bench.measure import interpreter
from pointers._cli.bench.result import schema
from pointers._cli.bench.result.document import UsageError, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pointers._cli.bench.measure.allocators import Allocator
    from pointers._cli.bench.result.schema import Figures, Status, Workload

NAME = "ptrs-workload"

# Below this, the program's own pages would be most of what it has touched
_LEAST_LIVE = 1 << 20

# What ends a comparison
_INTERRUPTS = {signal.SIGINT, signal.SIGTERM}

_LAST_LINES = 300


class Outcome(NamedTuple):
    """How one measurement ended."""

    status: Status
    reason: str = ""
    figures: Figures | None = None
    parameters: dict[str, Any] = {}  # noqa: RUF012 - nothing changes it


def find() -> Path:
    """Return the installed program, which lies beside the package."""
    # Through the package's loader, which alone knows where files of an editable install are
    path = resources.files("pointers") / NAME
    if not path.is_file():
        raise UsageError(
            f"the package is installed without {NAME}: build it from source on Linux, or name a "
            "program by --program"
        )
    return Path(str(path))


def asked(
    command: Sequence[object], *, seconds: float = 60, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a short command, and return what it said."""
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env=environment,
    )


def workloads(program: Path) -> list[Workload]:
    """Ask the program which workloads it has."""
    try:
        done = asked([program, "--list"])
        done.check_returncode()
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"{program} --list does not work: {error}") from None
    lines = [line.partition(" ") for line in done.stdout.splitlines() if line.strip()]
    if not lines:
        raise UsageError(f"{program} --list names no workload")
    return [{"name": name, "description": about.strip()} for name, _, about in lines]


def probe(program: Path, *arguments: object, environment: Mapping[str, str] | None = None) -> str:
    """Return why the program cannot load what the arguments name; empty if it can."""
    done = asked([program, "--probe", *arguments], environment=environment)
    return done.stderr.strip() or f"exit code {done.returncode}" if done.returncode else ""


def problem(program: Path, allocator: Allocator) -> str:
    """Return why an allocator's library does not load; empty if it does."""
    environment = allocator.environment()
    return probe(program, "--allocator", allocator.spec, environment=environment)


@cache
def _peak_live(program: Path, workload: str, arguments: tuple[str, ...], limit: float) -> int:
    """Return how many bytes live at most, counted in a run that is not timed; 0 if not known."""
    command = [program, workload, "--allocator", "direct", *arguments, "--count", "--json"]
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return int(parse(asked(command, seconds=limit).stdout)["peak_live_bytes"])
    return 0


def _ended(process: subprocess.Popen[str] | None) -> None:
    """End a child and what it has started, and wait for it."""
    if process is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.communicate()


def _read(text: str) -> Outcome:
    """Read the JSON object that a run prints."""
    try:
        said = parse(text)
        unsupported = said.get("unsupported")
    except (ValueError, AttributeError):
        return Outcome("failed", f"printed no JSON object but {text.strip()[:80]!r}")
    if unsupported is not None:
        return Outcome("unsupported", str(unsupported))
    answer: dict[str, Any] = {"peak_live_bytes": None, "fragmentation": None, **said}
    try:
        schema.check(answer, schema.Figures, "its answer")
    except ValueError as error:
        return Outcome("failed", str(error))
    if answer["ns_per_op"] <= 0:
        return Outcome("failed", f"its ns_per_op is {answer['ns_per_op']}")
    figures: Any = {name: answer[name] for name in schema.fields(schema.Figures) if name in answer}
    return Outcome("ok", "", figures, answer.get("parameters", {}))


def _run(
    command: Sequence[str], environment: Mapping[str, str], time_limit: float
) -> tuple[int, str, str]:
    """Return the exit code and both outputs of a child, which Ctrl-C or the time limit ends."""
    process: subprocess.Popen[str] | None = None
    try:
        # A signal amid the start would leave a child that nothing knows of: it comes after it
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
        try:
            # In a session of its own: Ctrl-C is for us, and whatever it starts ends with it
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=environment,
                start_new_session=True,
                preexec_fn=partial(signal.pthread_sigmask, signal.SIG_SETMASK, before),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        output, errors = process.communicate(timeout=time_limit)
    except BaseException:
        _ended(process)
        raise
    return process.returncode, output, errors.strip()[-_LAST_LINES:].replace("\n", "; ")


def measure(
    program: Path,
    workload: str,
    allocator: Allocator,
    arguments: Sequence[str],
    time_limit: float,
) -> Outcome:
    """Run a workload once, for at most so many seconds."""
    checked = ["--checked"] if allocator.checked else []
    call = interpreter.Call(
        [str(program), workload, "--allocator", allocator.spec, *arguments, "--json", *checked], {}
    )
    is_python = interpreter.is_one(workload)
    if is_python:
        call = interpreter.call(workload, allocator, arguments)
        if call.problem:
            return Outcome("unsupported", call.problem)
    environment = {**allocator.environment(), **call.environment}
    try:
        code, output, errors = _run(call.command, environment, time_limit)
    except OSError as error:
        return Outcome("failed", f"{program} does not start: {error}")
    except subprocess.TimeoutExpired:
        return Outcome("timeout", f"was ended after {time_limit:g} s")
    if code < 0:
        killer = f"was killed by signal {-code} ({signal.strsignal(-code)})"
        return Outcome("killed", f"{killer}: {errors}" if errors else killer)
    outcome = _read(output)
    if code and outcome.status != "unsupported":
        return Outcome("failed", f"exit code {code}: {errors or output.strip()[:80]}")
    figures = outcome.figures
    if figures and figures["peak_live_bytes"] is None and not is_python:
        live = _peak_live(program, workload, tuple(arguments), time_limit)
        figures["peak_live_bytes"] = live or None
        if live >= _LEAST_LIVE:
            figures["fragmentation"] = figures["peak_rss_bytes"] / live
    return outcome
