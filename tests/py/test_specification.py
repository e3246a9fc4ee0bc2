# SPDX-License-Identifier: MIT
"""The unchanged examples of the specification run, where it lies beside the project."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPECIFICATION = ROOT.parent / "shared" / "spec" / "allocation.md"

# The output of each block, by its number; FRAGMENTS has the blocks that are no whole programs.
PRINTS = {
    0: "",
    1: "1\n",
    2: "1\n2 1\n",
    4: "",
    5: "False\n",
    6: "",
    7: "1\n",
    8: "1\n",
    9: "",
    11: "",
}
FRAGMENTS = {3}  # a line that uses a pointer which no line of the block allocates
RAISES = {10: "ValueError"}


def blocks() -> "list[str]":
    if not SPECIFICATION.exists():
        return []
    return re.findall(
        r"^```py\n(.*?)^```", SPECIFICATION.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )


BLOCKS = blocks()

pytestmark = pytest.mark.skipif(not BLOCKS, reason="the specification is not here")


def test_every_block_is_run_by_one_of_these_tests() -> None:
    assert set(range(len(BLOCKS))) == PRINTS.keys() | FRAGMENTS | RAISES.keys()


@pytest.mark.parametrize("number", sorted(PRINTS))
def test_block_prints(run_python: Any, number: int) -> None:
    if "getsizeof" in BLOCKS[number] and sys.maxsize < 2**32 and sys.implementation.name != "pypy":
        pytest.skip("too little on 32-bit CPython: docs/limits.md")
    # Some blocks leak their pointers
    done = run_python(BLOCKS[number], "-W", "ignore::ResourceWarning")
    assert (done.returncode, done.stdout, done.stderr) == (0, PRINTS[number], "")


@pytest.mark.parametrize("number", sorted(RAISES))
def test_block_raises(run_python: Any, number: int) -> None:
    done = run_python(BLOCKS[number])
    assert done.returncode == 1
    error = done.stderr.splitlines()[-1].split(":")[0]
    name = error.rpartition(".")[2]
    code = f"import builtins, pointers\nprint(issubclass(pointers.{name}, {RAISES[number]}))"
    assert run_python(code).stdout == "True\n"


def test_realloc_returns_the_same_pointer(run_python: Any) -> None:
    assert FRAGMENTS == {3}
    code = "from pointers import *\nptr = malloc(24)\nold = ptr\n" + BLOCKS[3]
    done = run_python(code + "assert ptr is old and ptr.size == 28\nfree(ptr)\n")
    assert (done.returncode, done.stderr) == (0, "")


def test_zero_fits_into_24_bytes_and_one_does_not() -> None:
    from pointers import InvalidSizeError, malloc

    with malloc(24) as ptr:
        ptr <<= 0
        assert ~ptr == 0
        with pytest.raises(InvalidSizeError):
            ptr <<= 1
        assert ~ptr == 0
