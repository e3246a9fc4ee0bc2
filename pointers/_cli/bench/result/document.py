# SPDX-License-Identifier: MIT
"""A comparison as a document: its cases, and how it is written to a file and read back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointers._cli.bench.result import figures, schema
from pointers._version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pointers._cli.bench.result.schema import Case, Document

#: The allocator that ratios refer to.
BASELINE = "system"
#: What the name of an allocator ends in if checked blocks are on it.
CHECKED = "+checked"
PACKAGE = "pointers-cffi"


class UsageError(Exception):
    """What the user asked for makes no sense: the program ends with exit code 2."""


def label(case: Case) -> str:
    """Name a case's row: its workload and what was varied."""
    if case["blocks"] is not None:
        return f"{case['workload']}, {figures.count(case['blocks'])} blocks"
    if case["threads"] is not None:
        return f"{case['workload']}, {figures.threads(case['threads'])}"
    return case["workload"]


def group(case: Case) -> tuple[object, ...]:
    """Return what the cases that are compared with each other have in common."""
    return case["experiment"], case["workload"], case["threads"], case["blocks"]


def unique(values: Iterable[str]) -> list[str]:
    """Return each value once, in order."""
    return list(dict.fromkeys(values))


def names_in(option: str, text: str) -> list[str]:
    """Return the names in an option's comma-separated list."""
    names = unique(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise UsageError(f"{option} names none")
    return names


def of_experiment(document: Document, experiment: str) -> list[Case]:
    """Return the cases of one experiment."""
    return [case for case in document["cases"] if case["experiment"] == experiment]


def grouped(cases: Sequence[Case], by: Callable[[Case], str]) -> dict[str, list[Case]]:
    """Return the cases by what a function says of each, in the order of the first ones."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(by(case), []).append(case)
    return found


def by_workload(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """Return the cases by workload."""
    return grouped(cases, lambda case: case["workload"])


def write(path: Path, text: str) -> None:
    """Write a file as a whole: an interruption leaves the old one or the new one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def dumps(found: object) -> str:
    """Return JSON."""
    return json.dumps(found, indent=1, allow_nan=False) + "\n"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def parse(text: str) -> Any:
    """Read JSON, which has no NaN and no Infinity."""
    return json.loads(text, parse_constant=_refuse_constant)


def load(path: Path) -> Document:
    """Read a document.

    :raises UsageError: the file cannot be read, or is none of ours.
    """
    try:
        document: Document = parse(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and document.get("schema") == schema.KIND:
            version = document.get("version")
            if version != schema.VERSION:
                raise UsageError(
                    f"{path} has version {version!r} of the format, this package reads "
                    f"{schema.VERSION}"
                )
        schema.check(document)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path} is no result of `pointers bench`: {error}") from None
    return document


def package() -> schema.Package:
    """Return what measures."""
    return {"name": PACKAGE, "version": __version__}
