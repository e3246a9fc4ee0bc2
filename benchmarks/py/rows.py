# SPDX-License-Identifier: MIT
"""What a row of the figures is: an operation, its peer, and the most that it may take."""

from __future__ import annotations

import platform
from typing import NamedTuple

from case import Case

PYPY = platform.python_implementation() == "PyPy"
#: The peer of what is held to a time instead of a ratio.
NANOSECOND = "1 ns"


class Row(NamedTuple):
    """An operation, and the most that it may take as a multiple of what users have without it."""

    case: Case
    cpython: tuple[float, str]
    pypy: tuple[float, str]
    #: The public names that the operation measures, such as `malloc` and `.address`.
    covers: tuple[str, ...]

    @property
    def wanted(self) -> tuple[float, str]:
        return self.pypy if PYPY else self.cpython


def row(
    name: str,
    statement: str,
    covers: str,
    peer: str,
    goals: tuple[float, float] = (1, 2),
    setup: str = "",
    operations: int = 1,
) -> Row:
    """Make a row; `covers` has names with spaces between them.

    Where the design names no goal, an operation may take as long as its peer, and
    twice as long on PyPy.
    """
    case = Case(name, statement, setup, "", operations)
    cpython, pypy = goals
    return Row(case, (cpython, peer), (pypy, peer), tuple(covers.split()))
