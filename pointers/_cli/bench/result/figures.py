# SPDX-License-Identifier: MIT
"""Figures as people read them: three digits, and a unit."""

from __future__ import annotations

from decimal import Decimal

MEBIBYTE = 1 << 20
TIMES = "\N{MULTIPLICATION SIGN}"


def digits(value: float) -> str:
    """Write a number with three significant digits, and never with an exponent."""
    return format(Decimal(f"{value:#.3g}"), "f") if value else "0"


def ratio(value: float) -> str:
    """Write a ratio: two places where it is near 1."""
    return f"{value:.2f}" if 0.095 <= value < 9.995 else digits(value)


def _in_units(value: float, step: int, units: tuple[str, ...]) -> tuple[float, str]:
    """Return a number in the largest of the units that it has one of, and that unit."""
    index = 0
    while value >= step and index + 1 < len(units):
        value, index = value / step, index + 1
    return value, units[index]


def bytes_(value: float) -> str:
    """Write a number of bytes."""
    number, unit = _in_units(value, 1024, ("B", "KiB", "MiB", "GiB"))
    return f"{number:.0f} B" if unit == "B" else f"{digits(number)} {unit}"


def nanoseconds(value: float) -> str:
    """Write a time of one operation."""
    number, unit = _in_units(value, 1000, ("ns", "µs", "ms", "s"))
    return f"{digits(number)} {unit}"


def count(value: float) -> str:
    """Write a number of things: 100, 10k, 1M."""
    number, unit = _in_units(value, 1000, ("", "k", "M", "G"))
    return f"{number:g}{unit}"


def threads(value: int) -> str:
    """Write a number of threads."""
    return "1 thread" if value == 1 else f"{value} threads"
