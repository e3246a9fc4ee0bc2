# SPDX-License-Identifier: MIT
"""benchmarks/py/instructions.py: its programs run, and what it reads of callgrind's report."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "py"))

import instructions

REPORT = "==7== Callgrind\n==7== Events    : Ir\n==7== Collected : 1234567\n"


def test_every_program_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "3"])
    for statement in instructions.STATEMENTS.values():
        exec(instructions.program(statement), {})


def test_the_difference_of_two_loops_is_one_turns() -> None:
    assert instructions.total(REPORT) == 1234567
    assert instructions.per_turn((1_000_000, 3_000_000), (1_000, 11_000)) == 200
    with pytest.raises(SystemExit, match="counted nothing"):
        instructions.total("==7== nothing")


def test_without_valgrind_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["instructions.py"])
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(SystemExit, match="valgrind is needed"):
        instructions.main()
