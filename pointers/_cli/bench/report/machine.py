# SPDX-License-Identifier: MIT
"""The machine of a result, in words."""

from __future__ import annotations

_GIBIBYTE = 1 << 30


def text(machine: dict[str, object]) -> str:
    """Describe a machine in one line."""
    memory = machine.get("memory_bytes")
    parts = [
        f"{machine.get('cpu')} ({machine.get('architecture')}), {machine.get('cores')} cores",
        f"{memory / _GIBIBYTE:.1f} GiB" if isinstance(memory, int) else "",
        f"{machine.get('system')} {machine.get('kernel')}",
        str(machine.get("libc")),
        f"{machine.get('implementation')} {machine.get('python')}",
    ]
    return ", ".join(part for part in parts if part)
