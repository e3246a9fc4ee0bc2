# SPDX-License-Identifier: MIT
"""The benchmarks of Python-level operations run, each of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks" / "py"))

import memory  # noqa: E402 - on the path as of now
import values  # noqa: E402

# They leave what they have made to the end of the process
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

GROUPS: dict[str, list[Any]] = {
    "malloc": memory.allocation(28),
    "stack": memory.stack_calls(),
    "views": memory.views(),
    "copies": memory.copies(),
    "live": memory.live_blocks(100),
    **{f"store {kind}": values.storing(kind, load=False) for kind in values.STORED},
    **{f"load {kind}": values.storing(kind, load=True) for kind in values.STORED},
    **{f"array {what}": values.arrays(what) for what in range(4)},
}


@pytest.mark.parametrize("group", GROUPS)
def test_every_case_runs(group: str) -> None:
    cases = GROUPS[group]
    assert cases[0].name == "pointers"
    assert len({case.name for case in cases}) == len(cases)
    for case in cases:
        if case.possible:
            timed = case.timer()
            # The second call finds what the first has set up
            assert timed(1) > 0 < timed(2)


def test_a_case_that_needs_what_is_not_there_is_no_case() -> None:
    from case import Case

    assert Case("a", "pass").possible
    assert Case("a", "pass", needs="json").possible
    assert not Case("a", "pass", needs="no_such_module_as_this").possible


def test_what_is_timed_happens_and_is_set_up_once(tmp_path: Path) -> None:
    from case import Case

    log = tmp_path / "log"
    setup = f"from pathlib import Path\nlog = Path({str(log)!r})\nlog.write_text('set up ')"
    statement = "log.write_text(log.read_text() + 'timed ')"
    timed = Case("a", statement, setup).timer()
    assert not log.exists()
    timed(3)
    timed(4)
    assert log.read_text() == "set up " + "timed " * 7
