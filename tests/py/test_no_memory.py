# SPDX-License-Identifier: MIT
"""Memory that runs out at any allocation of any operation: see the program for what must hold."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("_testcapi", reason="CPython's own tests can take its memory away")

PROGRAM = Path(__file__).with_name("_no_memory.py")


@pytest.mark.parametrize("count", [1, 12])
def test_no_block_is_lost_and_all_is_done_or_nothing(count: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(PROGRAM), str(count)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        check=False,
    )
    last = done.stdout.splitlines()[-1:]
    assert (done.returncode, last, done.stderr) == (0, ["end"], "")
