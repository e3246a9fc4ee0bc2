# SPDX-License-Identifier: MIT
"""A comparison as a document: written to a file, read back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointers._cli.bench.result import schema
from pointers._cli.bench.result.names import BASELINE, UsageError
from pointers._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

Document = dict[str, Any]


def head() -> Document:
    """Return the part that is the same for all documents of this package."""
    return {
        "schema": schema.KIND,
        "version": schema.VERSION,
        "package": {"name": "pointers-cffi", "version": __version__},
        "baseline": BASELINE,
    }


def of_experiment(document: Document, experiment: str) -> list[dict[str, Any]]:
    """Return the cases of one experiment."""
    return [case for case in document["cases"] if case["experiment"] == experiment]


def unique(values: Iterable[str]) -> list[str]:
    """Return each value once, in order."""
    return list(dict.fromkeys(values))


def write(path: Path, text: str) -> None:
    """Write a file as a whole: an interruption leaves the old one or the new one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def dumps(document: Document) -> str:
    """Return the text of a document."""
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def load(path: Path) -> Document:
    """Read a document.

    :raises UsageError: the file cannot be read, or is none of ours.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
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
    found: Document = document
    return found
