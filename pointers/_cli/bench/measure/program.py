# SPDX-License-Identifier: MIT
"""The workload program, and one measurement by it in a child process."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pointers._cli.bench.measure import interpreter
from pointers._cli.bench.result.names import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pointers._cli.bench.measure.allocators import Allocator

NAME = "ptrs-workload"

#: What a measurement has, with the types; None stands for "has no meaning here".
FIGURES: dict[str, tuple[type, ...]] = {
    "operations": (int,),
    "seconds": (float, int),
    "ns_per_op": (float, int),
    "ops_per_s": (float, int),
    "peak_rss_bytes": (int,),
    "peak_live_bytes": (int, type(None)),
    "fragmentation": (float, int, type(None)),
}

#: What else it may have.
USED = ("page_faults", "user_seconds", "system_seconds")

# Below this, the program's own pages would be most of what it has touched
_LEAST_LIVE = 1 << 20

# What ends a comparison
_INTERRUPTS = {signal.SIGINT, signal.SIGTERM}

_LAST_LINES = 300


class Workload(NamedTuple):
    """A workload, as the program lists it."""

    name: str
    description: str


class Outcome(NamedTuple):
    """How one measurement ended.

    `status` is ok, unsupported (the allocator cannot serve this workload),
    failed, killed (by a signal) or timeout.
    """

    status: str
    reason: str = ""
    figures: dict[str, Any] | None = None
    parameters: dict[str, Any] | None = None


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


def list_workloads(program: Path, *, python: bool = False) -> list[Workload]:
    """Ask the program which workloads it has.

    :param python: Add those of the interpreter.
    """
    try:
        done = subprocess.run(
            [str(program), "--list"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"{program} --list does not work: {error}") from None
    lines = [line.split(None, 1) for line in done.stdout.splitlines() if line.strip()]
    if not lines:
        raise UsageError(f"{program} --list names no workload")
    found = [Workload(line[0], line[1].strip() if len(line) > 1 else "") for line in lines]
    return [*found, *(Workload(*one) for one in interpreter.listed() if python)]


def problem(program: Path, allocator: Allocator) -> str:
    """Return why an allocator's library does not load; empty if it does."""
    command = [str(program), "--probe", "--allocator", allocator.spec]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=allocator.environment(),
    )
    return done.stderr.strip() or f"exit code {done.returncode}" if done.returncode else ""


@cache
def _peak_live(program: Path, workload: str, arguments: tuple[str, ...], limit: float) -> int:
    """Return how many bytes live at most, counted in a run that is not timed; 0 if not known."""
    command = [str(program), workload, "--allocator", "direct", *arguments, "--count", "--json"]
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True)
        return int(json.loads(done.stdout)["peak_live_bytes"])
    return 0


def _with_live(outcome: Outcome, live: int) -> Outcome:
    """Add to an outcome what lived at the peak."""
    figures = dict(outcome.figures or {})
    figures["peak_live_bytes"] = live or None
    if live >= _LEAST_LIVE:
        figures["fragmentation"] = figures["peak_rss_bytes"] / live
    return outcome._replace(figures=figures)


def _ended(process: subprocess.Popen[str] | None) -> None:
    """End a child and what it has started, and wait for it."""
    if process is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.communicate()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # the real-time signals have no names
        return f"signal {number}"


def _figures(text: str) -> Outcome:
    """Read the JSON object that a run prints."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        return Outcome("failed", f"printed no JSON object but {text.strip()[:80]!r}")
    if "unsupported" in answer:
        return Outcome("unsupported", str(answer["unsupported"]))
    figures: dict[str, Any] = {name: answer[name] for name in USED if name in answer}
    answer = {"peak_live_bytes": None, "fragmentation": None, **answer}
    for name, types in FIGURES.items():
        value = answer.get(name)
        if not isinstance(value, types) or isinstance(value, bool):
            return Outcome("failed", f"its {name} is {value!r}")
        if isinstance(value, float) and not math.isfinite(value):
            return Outcome("failed", f"its {name} is {value!r}")
        figures[name] = value
    if figures["ns_per_op"] <= 0:
        return Outcome("failed", f"its ns_per_op is {figures['ns_per_op']}")
    parameters = answer.get("parameters")
    return Outcome("ok", "", figures, parameters if isinstance(parameters, dict) else {})


def measure(
    program: Path,
    workload: str,
    allocator: Allocator,
    arguments: Sequence[str],
    *,
    time_limit: float,
) -> Outcome:
    """Run a workload once, in a child process that a Ctrl-C or the time limit ends.

    :param time_limit: Seconds.
    """
    command = [str(program), workload, "--allocator", allocator.spec, *arguments, "--json"]
    if allocator.checked:
        command.append("--checked")
    environment = allocator.environment()
    is_python = interpreter.is_one(workload)
    if is_python:
        call = interpreter.call(workload, allocator, arguments)
        if call.problem:
            return Outcome("unsupported", call.problem)
        command = call.command
        environment.update(call.environment)
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
        except OSError as error:
            return Outcome("failed", f"{program} does not start: {error}")
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        output, errors = process.communicate(timeout=time_limit)
    except subprocess.TimeoutExpired:
        _ended(process)
        return Outcome("timeout", f"was ended after {time_limit:g} s")
    except BaseException:
        _ended(process)
        raise
    last = errors.strip()[-_LAST_LINES:].replace("\n", "; ")
    if process.returncode < 0:
        killer = f"was killed by {_signal_name(-process.returncode)}"
        return Outcome("killed", f"{killer}: {last}" if last else killer)
    outcome = _figures(output)
    if process.returncode and outcome.status != "unsupported":
        return Outcome("failed", f"exit code {process.returncode}: {last or output.strip()[:80]}")
    if outcome.figures and outcome.figures["peak_live_bytes"] is None and not is_python:
        live = _peak_live(program, workload, tuple(arguments), time_limit)
        outcome = _with_live(outcome, live)
    return outcome
