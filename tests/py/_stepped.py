# SPDX-License-Identifier: MIT
"""Operations of the package, interrupted before a chosen step of their Python code."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any, Callable

from _watched import CPYTHON

import pointers

PACKAGE = Path(pointers.__file__).parent
TIMEOUT = 60

# Whether a trace function is called for each bytecode: from 3.13 on, not in a function's first call
TRACES_BYTECODES = CPYTHON and sys.version_info < (3, 13)

Action = Callable[[], Any]


def stop_at(step: int, action: Action, operation: Action, *, lines_of: str = "") -> bool:
    """Run an operation, and an action before its step number `step`; see `stop_at_each`."""
    return stop_at_each({step: action}, operation, lines_of=lines_of)


def stop_at_each(actions: dict[int, Action], operation: Action, *, lines_of: str = "") -> bool:
    """Run an operation, and before some of its steps the action for the number of that step.

    Returns whether the operation has more steps than the last number: tests increase it
    until it has not.  An action stands for a signal handler, a finalizer or another thread;
    an exception that it raises is raised by the step.

    :param lines_of: A module whose lines are the steps.  If empty, each bytecode of the
        package is a step, or each line where bytecodes cannot be traced.
    """
    n_steps = 0
    last = max(actions)
    of_interpreter = TRACES_BYTECODES and not lines_of
    start = str(PACKAGE / lines_of)

    def trace(frame: Any, event: str, _arg: Any) -> Any:
        nonlocal n_steps
        if not frame.f_code.co_filename.startswith(start):
            return None
        if event == "call" and of_interpreter:
            frame.f_trace_opcodes = True
        # Not both: up to 3.9, an exception raised at a line is lost at its first bytecode
        elif event == ("opcode" if of_interpreter else "line"):
            n_steps += 1
            if n_steps - 1 in actions:
                actions[n_steps - 1]()
            if n_steps > last:
                sys.settrace(None)  # the rest of the operation runs much faster untraced
                return None
        return trace

    before = sys.gettrace()
    if of_interpreter:
        sys._getframe().f_trace_opcodes = True  # 3.12 wants one frame to have it before settrace
    sys.settrace(trace)
    try:
        operation()
    finally:
        sys.settrace(before)
    return n_steps > last


def stop_both_at(
    steps: tuple[int, int], operations: tuple[Action, Action], *, lines_of: str
) -> list[bool]:
    """Run two operations in two threads, each stopped before one of its lines in a module.

    The first operation stops before its line; then the second runs up to its own line; then
    the first runs to its end, and the second after it.  Returns for each operation whether
    it has so many lines.
    """
    there, go_on = threading.Event(), threading.Event()
    stopped = [False, False]

    def wait() -> None:
        there.set()
        assert go_on.wait(TIMEOUT)

    def second() -> None:
        stopped[1] = stop_at(steps[1], wait, operations[1], lines_of=lines_of)
        there.set()

    def start() -> None:
        thread.start()
        assert there.wait(TIMEOUT)

    thread = threading.Thread(target=second, daemon=True)
    stopped[0] = stop_at(steps[0], start, operations[0], lines_of=lines_of)
    go_on.set()
    if stopped[0]:
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    return stopped
