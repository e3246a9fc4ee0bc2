# SPDX-License-Identifier: MIT
"""Figures as people read them: three digits, and a unit."""

from __future__ import annotations

from decimal import Decimal

MEBIBYTE = 1 << 20
TIMES = "\N{MULTIPLICATION SIGN}"
_BYTES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_TIMES = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"))
_COUNTS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def digits(value: float) -> str:
    """Write a number with three significant digits, and never with an exponent."""
    return format(Decimal(f"{value:#.3g}"), "f") if value else "0"


def ratio(value: float) -> str:
    """Write a ratio: two places where it is near 1."""
    return f"{value:.2f}" if 0.095 <= value < 9.995 else digits(value)


def _in_units(value: float, units: tuple[tuple[float, str], ...], least: str) -> tuple[float, str]:
    """Return a number in the largest unit that it has one of, and the unit; else in the least."""
    for unit, name in units:
        if value >= unit:
            return value / unit, name
    return value, least


def bytes_(value: float) -> str:
    """Write a number of bytes."""
    number, unit = _in_units(value, _BYTES, "B")
    return f"{number:.0f} B" if unit == "B" else f"{digits(number)} {unit}"


def nanoseconds(value: float) -> str:
    """Write a time of one operation."""
    number, unit = _in_units(value, _TIMES, "ns")
    return f"{digits(number)} {unit}"


def short_nanoseconds(value: float) -> str:
    """Write a round time, as axes have them."""
    number, unit = _in_units(value, _TIMES, "ns")
    return f"{number:g} {unit}"


def count(value: float) -> str:
    """Write a number of things: 100, 10k, 1M."""
    number, unit = _in_units(value, _COUNTS, "")
    return f"{number:g}{unit}"
