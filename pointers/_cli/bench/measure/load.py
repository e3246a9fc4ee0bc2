# SPDX-License-Identifier: MIT
"""What else the machine did while things were measured."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from pathlib import Path

#: In /proc/stat: user, nice, system, irq, softirq, steal; the others are idle or counted twice.
_BUSY = (0, 1, 2, 5, 6, 7)


def _busy_seconds() -> float | None:
    """Return how long all processors together have been busy; None if that is not known."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
        return sum(int(line[index]) for index in _BUSY) / os.sysconf("SC_CLK_TCK")
    return None


def _own_seconds() -> float:
    """Return what this process and its children, which have ended, took of it."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = map(resource.getrusage, who)
    return sum(one.ru_utime + one.ru_stime for one in used)


class Load:
    """Watches a stretch of time."""

    def __init__(self) -> None:
        self._start = (time.monotonic(), _busy_seconds(), _own_seconds())

    def end(self) -> dict[str, float | None]:
        """Return the load average, and how many processors others kept busy; begin anew."""
        began, busy_before, own_before = self._start
        self._start = began_anew, busy, own = time.monotonic(), _busy_seconds(), _own_seconds()
        others: float | None = None
        if busy is not None and busy_before is not None:
            seconds = max(began_anew - began, 1e-3)
            others = round(max(0.0, busy - busy_before - (own - own_before)) / seconds, 2)
        average: float | None = None
        with contextlib.suppress(OSError, AttributeError):  # not everywhere
            average = round(os.getloadavg()[0], 2)
        return {"load_average": average, "others": others}
