# SPDX-License-Identifier: MIT
"""Leaked pointers: their memory is freed, and a warning says where it was allocated."""

from pathlib import Path

import pytest
from _misuse import PYPY, check_program, in_modes

CATCH = """
import warnings
def drop(code, message, count):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        names = {name: getattr(pointers, name) for name in pointers.__all__}
        exec(code, names)
        names.clear()
        for _ in range(3):
            gc.collect()
    found = [(w.category.__name__, str(w.message)) for w in caught]
    assert found == [("ResourceWarning", message)] * count, (code, found)
    assert settled_balance(BALANCE) == BALANCE, code
"""

DROPS = {
    "block": ("malloc(48)", "AllocatedPointer to 48 bytes", 1),
    "value": ("malloc(48).move('x')", "AllocatedPointer to 48 bytes", 1),
    "reference": ("malloc(48).move([1])", "AllocatedPointer to 48 bytes", 1),
    "itself": ("p = malloc(48); p <<= [p]; del p", "AllocatedPointer to 48 bytes", 1),
    "alias last": ("p = malloc(48) + 8; del p", "AllocatedPointer to 48 bytes", 1),
    "rebound": ("p = malloc(48); p = 0", "AllocatedPointer to 48 bytes", 1),
    "array": ("calloc(3, 28).fill(1)", "AllocatedArrayPointer to 84 bytes", 1),
    "slot last": ("s = calloc(3, 28)[2]; del s", "AllocatedArrayPointer to 84 bytes", 1),
    "resized": ("realloc(malloc(8), 1000)", "AllocatedPointer to 1000 bytes", 1),
    "many": ("for _ in range(100): malloc(48)", "AllocatedPointer to 48 bytes", 100),
    "in a cycle": ("l = [malloc(48)]; l.append(l); del l", "AllocatedPointer to 48 bytes", 1),
    "after a failed free": (
        "p = malloc(48)\ntry: free(p + 1)\nexcept ValueError: pass\ndel p",
        "AllocatedPointer to 48 bytes",
        1,
    ),
    "freed": ("p = malloc(48); free(p); del p", "", 0),
    "freed by an alias": ("p = malloc(48); free(p + 0); del p", "", 0),
    "freed before a second block": (
        "import gc; p = malloc(48); free(p); q = malloc(64).move(1); del p; gc.collect(); free(q)",
        "",
        0,
    ),
    "dropped after a freed block": (
        "free(malloc(8)); malloc(48)",
        "AllocatedPointer to 48 bytes",
        1,
    ),
    "with": ("with malloc(48) as p: p <<= [p]", "", 0),
    "freed inside with": ("with malloc(48) as p: free(p)", "", 0),
    "array freed by its slot": ("a = calloc(3, 28); free(a[0])", "", 0),
    "stack": ("acquire_stack_alloc(48)(lambda p: p.move([p]) and None)", "", 0),
    "failed malloc": ("try: malloc(2**62)\nexcept MemoryError: pass", "", 0),
    "failed constructor": ("try: AllocatedPointer()\nexcept TypeError: pass", "", 0),
    "pointer without state": (
        "AllocatedPointer.__new__(AllocatedPointer); object.__new__(Pointer)",
        "",
        0,
    ),
    "viewed": ("p = malloc(48); v = p.view(); del p; assert v.nbytes == 48; del v", "", 0),
}


@in_modes
def test_each_leaked_block_warns_once_and_is_freed(mode: str, tmp_path: Path) -> None:
    calls = [
        f"drop({code!r}, {message + ' was dropped without free()'!r}, {count})"
        for name, (code, message, count) in DROPS.items()
        # PyPy's collector decides which of view and pointer goes first
        if not (PYPY and name == "viewed")
    ]
    check_program("\n".join([CATCH, *calls]), mode, tmp_path)


@in_modes
def test_memory_is_freed_also_where_the_warning_is_an_error(mode: str, tmp_path: Path) -> None:
    code = """
    import contextlib, io
    with contextlib.redirect_stderr(io.StringIO()) as errors:
        def drop():
            malloc(48).move([1])
        drop()
        for _ in range(3):
            gc.collect()
    assert "ResourceWarning: AllocatedPointer to 48 bytes was dropped" in errors.getvalue()
    """
    check_program(code, mode, tmp_path)


# check_program adds an import as the program's first line, so that line numbers are one higher
SOURCE = """\
import tracemalloc, warnings
def innocent(): return [object() for _ in range(100)]
def make():
    padding = innocent()
    ptr = {make}  # the line
    return ptr, padding
kept = make()
kept = None
for _ in range(3): gc.collect()
"""


@in_modes
@pytest.mark.skipif(PYPY, reason="PyPy has no tracemalloc")
@pytest.mark.parametrize("make", ["malloc(48)", "calloc(3, 16)", "System().malloc(48).move(1)"])
def test_tracemalloc_shows_the_line_of_malloc(make: str, mode: str, tmp_path: Path) -> None:
    code = SOURCE.format(make=make) + "import sys\n"
    path = tmp_path / "program.py"
    line = (
        "\n".join(["", *code.splitlines()]).splitlines().index(f"    ptr = {make}  # the line") + 1
    )
    # The program reads its own standard error, where Python prints the warning
    check_program(
        "import io, sys, tracemalloc; sys.stderr = io.StringIO(); tracemalloc.start(10)\n"
        + code
        + f"""
text = sys.stderr.getvalue()
sys.stderr = sys.__stderr__
assert "ResourceWarning: Allocated" in text, text
assert "Object allocated at (most recent call last)" in text, text
frames = [row.strip() for row in text.partition("Object allocated at")[2].splitlines()]
at = [n for n, row in enumerate(frames) if row == 'File "{path}", lineno {line + 1}']
assert at and frames[at[-1] + 1] == "ptr = {make}  # the line", text
""",
        mode,
        tmp_path,
        "-W",
        "always::ResourceWarning",
    )
