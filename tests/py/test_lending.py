# SPDX-License-Identifier: MIT
"""Lent memory is as docs/lending.md says in each cell of its tables, and pins refuse free()."""

from __future__ import annotations

import array
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import _lending
import cffi
import pytest
from _collecting import collect_all
from _lending import NONE, PYPY, is_pinned, table

from pointers import (
    acquire_stack_alloc,
    calloc,
    free,
    malloc,
    realloc,
)
from pointers._ffi import fast

HEADER, *ROWS = table("What takes a buffer")
ffi = cffi.FFI()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the results on this interpreter, by POINTERS_FAST, source and expression."""
    runs = {}
    for choice in ("1",) if PYPY else ("1", "0"):
        done = subprocess.run(
            [sys.executable, "-W", "ignore::ResourceWarning", _lending.__file__],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "POINTERS_FAST": choice},
            cwd=tmp_path_factory.mktemp("lending"),
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        runs[choice] = json.loads(done.stdout)
    return runs


def named(source: str, choice: str) -> str:
    """Return the head of a column of the page."""
    if PYPY:
        return f"{source}, PyPy"
    return f"{source}, `POINTERS_FAST=0`" if source == "`ptr`" and choice == "0" else source


def test_the_page_has_all_columns() -> None:
    sources = ("`ptr`", "view", "read-only view")
    heads = {named(source, choice) for source in sources for choice in "10"}
    assert heads < set(HEADER)
    assert len(HEADER) == 9
    assert all(len(row) == len(HEADER) for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("`"))
def test_buffer_consumers_do_what_the_page_says(found: dict[str, Any], row: list[str]) -> None:
    code, said = row[0].strip("`"), dict(zip(HEADER, row))
    if code not in next(iter(found.values()))["columns"]["ptr"]:
        pytest.skip("there is no NumPy")
    for choice, run in found.items():
        if choice == "1" and not PYPY and not run["fast"]:
            continue  # this interpreter has no compiled path
        words = {source: by_code[code] for source, by_code in run["columns"].items()}
        expected = {
            "ptr": said[named("`ptr`", choice)],
            "view": said[named("view", choice)],
            "read-only view": said[named("read-only view", choice)],
        }
        compiled = run["fast"]
        expected["stack pointer"] = said["stack pointer"] if compiled else expected["ptr"]
        assert words == {s: words[s] if e == NONE else e for s, e in expected.items()}, choice


@pytest.mark.parametrize("row", table("What is lent")[1:], ids=lambda row: row[0].strip("`"))
def test_the_lent_size_is_what_the_page_says(row: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ptr = eval(row[0].strip("`"), {"malloc": malloc, "calloc": calloc, "realloc": realloc})
    for take in (lambda p: p.view(), memoryview)[: 1 if fast is None else 2]:
        view = take(ptr)
        assert view.nbytes == int(row[1])
        assert is_pinned(ptr)
        view.release()
        del view
        collect_all()
        assert not is_pinned(ptr)
    owner = ptr if ptr._root is None else ptr._root
    free(owner)


def test_stack_pointers_lend_nothing() -> None:
    @acquire_stack_alloc(64)
    def result(ptr: Any) -> str:
        for place in (ptr, ptr + 8):
            with pytest.raises(BufferError, match="stack memory has no views"):
                place.view()
            with pytest.raises(TypeError if fast is None else BufferError):
                memoryview(place)
        return "done"

    assert result == "done"


def test_pointers_as_iterables_are_copied_or_refused() -> None:
    iterates = fast is None and not PYPY and sys.version_info < (3, 12)
    with malloc(64) as ptr:
        ptr <<= 5
        assert array.array("B", ptr) == array.array("B", [5])
        if fast is not None or PYPY:
            assert bytearray(ptr) == ptr.read()
        elif iterates:
            assert bytearray(ptr) == b"\5"
        else:
            with pytest.raises(TypeError, match=r"ptr\.view\(\)"):
                bytearray(ptr)
        data = bytearray()
        with pytest.raises(TypeError):
            data += ptr
        assert data == b""


def test_files_read_into_pointers_that_are_buffers(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"0123456789")
    with malloc(8) as ptr, path.open("rb") as file:
        if fast is None:
            with pytest.raises(TypeError):
                file.readinto(ptr)
            with ptr.view() as view:
                assert file.readinto(view) == 8
        else:
            assert file.readinto(ptr) == 8
        assert ptr.read() == b"01234567"
