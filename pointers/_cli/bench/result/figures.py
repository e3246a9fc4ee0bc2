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


def bytes_(value: float) -> str:
    """Write a number of bytes."""
    for unit, name in _BYTES:
        if value >= unit:
            return f"{digits(value / unit)} {name}"
    return f"{value:.0f} B"


def nanoseconds(value: float) -> str:
    """Write a time of one operation."""
    for unit, name in _TIMES:
        if value >= unit:
            return f"{digits(value / unit)} {name}"
    return f"{digits(value)} ns"


def short_nanoseconds(value: float) -> str:
    """Write a round time, as axes have them."""
    for unit, name in _TIMES:
        if value >= unit:
            return f"{value / unit:g} {name}"
    return f"{value:g} ns"


def count(value: float) -> str:
    """Write a number of things: 100, 10k, 1M."""
    for unit, name in _COUNTS:
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"
