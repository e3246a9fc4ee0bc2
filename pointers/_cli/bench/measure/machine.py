# SPDX-License-Identifier: MIT
"""What the figures were measured on, and what else that machine did meanwhile."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pointers._cli.bench.result.schema import Load, Machine

#: In /proc/stat: user, nice, system, irq, softirq, steal; the others are idle or counted twice.
_BUSY = (0, 1, 2, 5, 6, 7)


def cores() -> int:
    """Return how many processors this process may use."""
    with contextlib.suppress(AttributeError):  # not everywhere
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _proc(file: str, key: str) -> str:
    """Return a value out of a file of `key : value` lines; empty if it is not there."""
    with contextlib.suppress(OSError):
        for line in Path(file).read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return ""


def _kibibytes(key: str) -> int | None:
    number = _proc("/proc/meminfo", key).split(" ")[0]
    return int(number) * 1024 if number.isdigit() else None


def available_bytes() -> int | None:
    """Return how much memory can be taken without swapping; None if that is not known."""
    return _kibibytes("MemAvailable")


def describe() -> Machine:
    """Describe this machine."""
    return {
        "cpu": _proc("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cores": cores(),
        "memory_bytes": _kibibytes("MemTotal"),
        "system": platform.system(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()).strip() or "unknown",
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
    }


def _busy_seconds() -> float | None:
    """Return how long all processors together have been busy; None if that is not known."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
        return sum(int(line[index]) for index in _BUSY) / os.sysconf("SC_CLK_TCK")
    return None


def _own_seconds() -> float:
    """Return what this process and its children, which have ended, took of it."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


class Watch:
    """Watches a stretch of time."""

    def __init__(self) -> None:
        self._start = (time.monotonic(), _busy_seconds(), _own_seconds())

    def end(self) -> Load:
        """Return what else the machine did; begin anew."""
        began, busy_before, own_before = self._start
        self._start = now, busy, own = time.monotonic(), _busy_seconds(), _own_seconds()
        others = average = None
        if busy is not None and busy_before is not None:
            taken = busy - busy_before - (own - own_before)
            others = round(max(0.0, taken) / max(now - began, 1e-3), 2)
        with contextlib.suppress(OSError, AttributeError):  # not everywhere
            average = round(os.getloadavg()[0], 2)
        return {"load_average": average, "others": others}
