# SPDX-License-Identifier: MIT
"""Code of the caller that runs amid operations on memory of C, and ends what these use."""

from pathlib import Path

import pytest
from _misuse import NOTHING, Case, cases, check_table, in_modes, tables

pytest.importorskip("ctypes")

BEFORE = """
import ctypes
from _foreign import Buffer
buffer = Buffer()
here = buffer.address
class Frees:
    def __init__(self, number):
        self.number = number
    def __index__(self):
        free(p)
        return self.number
p = from_address(here, 64, free=buffer.free)
"""

TABLES = {
    "numbers": [
        *cases(
            "a number that frees",
            ["p.realloc(Frees(8))", "realloc(p, Frees(8))", "p + Frees(8)", "p[Frees(8)]"],
            "FreedMemoryError",
            "was freed",
            before=BEFORE,
            after="assert buffer.freed == [here]",
        ),
        *cases(
            "a number that frees other memory",
            ["from_address(Frees(here), 64).free()", "from_address(here, Frees(64)).free()"],
            NOTHING,
            before=BEFORE,
            after="assert buffer.freed == [here]",
        ),
    ],
    "functions": [
        cases(
            f"a function that does {act}",
            ["free(p)"],
            "FreedMemoryError",
            "was freed",
            before=f"{BEFORE}free(p)\np = from_address(here, 64, free=lambda address: {act})",
            after="assert p.freed",
        )[0]
        for act in ("free(p)", "p.release()", "~p", "p.realloc(8)", "p.cast(ctypes.c_int)")
    ],
    "objects that are kept": [
        cases(
            f"one that does {act}",
            [
                f"{end}; gc.collect(); print('ended')"
                for end in ("free(p)", "p.release()", "p = None")
            ],
            NOTHING,
            before=f"{BEFORE}free(p)\nclass Kept:\n    def __del__(self):\n"
            f"        try: {act}\n        except (ValueError, AttributeError, TypeError): pass\n"
            "p = from_address(here, 64, keepalive=Kept())",
        )[0]
        for act in ("free(p)", "p.release()", "~p", "p.realloc(8)", "p.cast(ctypes.c_int)")
    ],
}


@in_modes
@tables(TABLES)
def test_reentered(table: "list[Case]", mode: str, tmp_path: Path) -> None:
    check_table(table, mode, tmp_path)
