# SPDX-License-Identifier: MIT
"""Consumers of buffers, tried one by one: how long each keeps the memory pinned.

Run as a program, this file tries each expression of docs/lending.md, and prints as
JSON the word that the page should have for each.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import hashlib
import io
import json
import mmap
import operator
import os
import pickle
import re
import socket
import struct
import sys
from pathlib import Path
from typing import Any, NamedTuple

import cffi
from _collecting import collect_all

from pointers import acquire_stack_alloc, calloc, malloc
from pointers._ffi import fast, lib

PAGE = Path(__file__).resolve().parents[2] / "docs" / "lending.md"
np: Any = None  # NumPy, once main() has imported it
PYPY = sys.implementation.name == "pypy"
ffi = cffi.FFI()

# Every kind of pointer that lends its memory; the results must be the same for all
POINTERS = (
    lambda: malloc(64),
    lambda: malloc(64) + 8,
    lambda: calloc(4, 16),
    lambda: calloc(4, 16)[1],
)
SOURCES = {
    "ptr": lambda ptr: ptr,
    "view": lambda ptr: ptr.view(),
    "read-only view": lambda ptr: ptr.view(writable=False),
}

NONE = "-"  # this version of Python or NumPy has no such function

# By whether the block is still pinned after the view was deleted, after it was released,
# and after the consumer's results were deleted, too
WORDS = {
    (False, False, False): "copies",
    (True, True, False): "pins",
    (True, False, False): "until release",
    (True, True, True): "for ever",
    (True, False, True): "for ever, or until release",
}


class Trial(NamedTuple):
    """The results of one consumer that was given the memory of two pointers."""

    code: str
    dropped: Any  # the pointer whose view was deleted without release()
    released: Any  # the pointer whose view was released
    made: list[Any]  # the consumer's results for both; cleared to let go of them


def table(title: str) -> list[list[str]]:
    """Return the rows of the table under a heading of the page, each a list of cells."""
    section = PAGE.read_text("utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)
    return [[cell.strip() for cell in row.split(" | ")] for row in rows]


def is_pinned(ptr: Any) -> bool:
    return bool(lib.ptrs_access_pins_of(ptr._block))


def evaluate(code: str, x: Any) -> Any:
    """Return the list `out` if an expression of the page filled it, else the expression's value."""
    out: list[Any] = []
    sock, other = socket.socketpair()
    other.send(b"data")
    with sock, other, open(os.devnull, "r+b", 0) as file:  # noqa: PTH123
        names = {"x": x, "out": out, "sock": sock, "file": file}
        value = eval(code, globals(), names)
    return out or value


def take(code: str, source: str, ptr: Any, release: bool) -> Any:
    """Give a pointer or a view of it to a consumer, then let go of the view; return the result."""
    x = SOURCES[source](ptr)
    made = evaluate(code, x)
    if release and x is not ptr:
        with contextlib.suppress(BufferError):  # the result may hold a buffer of the view
            x.release()
    return made


def remark(trial: Trial, source: str) -> str:
    """Return a remark on a consumer's result if it shares the memory in an unsafe way, or "".

    To see whether the memory is shared, its bytes are changed.
    """
    made, ptr = trial.made[0], trial.dropped
    if np is not None and isinstance(made, np.ndarray) and made.dtype == object:
        return "object"
    if isinstance(made, ffi.CData):
        made = ffi.buffer(made)  # cffi ignores that a view is read-only
    try:
        seen = memoryview(made)
    except TypeError:
        return ""
    before = bytes(seen)
    ptr.write(bytes(byte ^ 255 for byte in ptr.read()))
    if bytes(seen) == before:
        return ""
    if not is_pinned(ptr):
        return "though it uses memory that is not pinned"
    return "writable" if source == "read-only view" and not seen.readonly else ""


def try_all(codes: list[str], source: str) -> dict[str, str]:
    """Return for each expression the word and the remarks that the page should have."""
    words: dict[str, set[str]] = {code: set() for code in codes}
    trials: list[Trial] = []
    for code in codes:
        for make in POINTERS:
            trial = Trial(code, make(), make(), [])
            try:
                trial.made.append(take(code, source, trial.dropped, release=False))
                trial.made.append(take(code, source, trial.released, release=True))
            except AttributeError:
                words[code].add(NONE)
            except Exception as error:
                words[code].add(type(error).__name__)
            else:
                trials.append(trial)
    collect_all()
    pins = [(is_pinned(trial.dropped), is_pinned(trial.released)) for trial in trials]
    remarks = [remark(trial, source) for trial in trials]
    for trial in trials:
        trial.made.clear()
    collect_all()
    for trial, (dropped, released), said in zip(trials, pins, remarks):
        word = WORDS[dropped, released, is_pinned(trial.dropped)]
        words[trial.code].add(said if said == "object" else ", ".join(filter(None, (word, said))))
    return {code: " / ".join(sorted(some)) for code, some in words.items()}


def try_stack(code: str) -> str:
    """Return the word for an expression that is given a pointer to memory of the stack."""

    def function(ptr: Any) -> str:
        try:
            made = evaluate(code, ptr)
        except AttributeError:
            return NONE
        except Exception as error:
            return type(error).__name__
        return remark(Trial(code, ptr, None, [made]), "ptr") or "copies"

    return acquire_stack_alloc(64)(function)


def main() -> None:
    """Print the words for this interpreter and path."""
    global np
    with contextlib.suppress(ImportError):
        # Never imported by the tests' own process: on PyPy, NumPy makes each collection slower
        import numpy as np
    codes = [row[0].strip("`") for row in table("What takes a buffer")[1:]]
    if np is None:
        codes = [code for code in codes if "np." not in code]
    columns = {source: try_all(codes, source) for source in SOURCES}
    columns["stack pointer"] = {code: try_stack(code) for code in codes}
    print(json.dumps({"fast": fast is not None, "columns": columns}))


if __name__ == "__main__":
    # The page's expressions use these modules
    assert all((array, ctypes, hashlib, io, mmap, operator, pickle, struct))
    main()
