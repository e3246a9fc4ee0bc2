# SPDX-License-Identifier: MIT
"""Operations of the package, one step at a time: what comes in between any two of them."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any, Callable

from _watched import CPYTHON

import pointers

PACKAGE = Path(pointers.__file__).parent
TIMEOUT = 60

# Whether the interpreter tells of its steps.  3.13 does so only from the second call on.
TELLS = CPYTHON and sys.version_info < (3, 13)

Action = Callable[[], Any]


def stop_at(step: int, action: Action, operation: Action, *, lines_of: str = "") -> bool:
    """Run an operation, and an action before a step of it; see `stop_at_each`."""
    return stop_at_each({step: action}, operation, lines_of=lines_of)


def stop_at_each(actions: dict[int, Action], operation: Action, *, lines_of: str = "") -> bool:
    """Run an operation, and actions before steps of its Python code; whether it has so many.

    An action is in the place of a signal handler, a finalizer or another thread.  What it
    raises, the step raises.

    :param lines_of: A module, whose lines are the steps.  Without it, they are all steps of the
        interpreter, in the whole package, or lines where it does not tell of those.
    """
    n_steps = 0
    last = max(actions)
    of_interpreter = TELLS and not lines_of
    start = str(PACKAGE / lines_of)

    def trace(frame: Any, event: str, _arg: Any) -> Any:
        nonlocal n_steps
        if not frame.f_code.co_filename.startswith(start):
            return None
        if event == "call" and of_interpreter:
            frame.f_trace_opcodes = True
        # Not both: up to 3.9, what is raised at a line is lost at the step there
        elif event == ("opcode" if of_interpreter else "line"):
            n_steps += 1
            if n_steps - 1 in actions:
                actions[n_steps - 1]()
            if n_steps > last:
                sys.settrace(None)  # what is left takes a fraction of the time
                return None
        return trace

    before = sys.gettrace()
    if of_interpreter:
        sys._getframe().f_trace_opcodes = True  # in 3.12, a frame must have it before
    sys.settrace(trace)
    try:
        operation()
    finally:
        sys.settrace(before)
    return n_steps > last


def stop_both_at(
    steps: tuple[int, int], operations: tuple[Action, Action], *, lines_of: str
) -> list[bool]:
    """Run two operations in two threads; whether each has so many lines in a module.

    The first stops before one of its lines, the second comes to one of its own, the first
    goes on to its end, and the second then.
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
