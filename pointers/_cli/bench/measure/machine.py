# SPDX-License-Identifier: MIT
"""What the figures were measured on."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path


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


def describe() -> dict[str, object]:
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
