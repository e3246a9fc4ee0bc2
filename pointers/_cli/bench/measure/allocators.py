# SPDX-License-Identifier: MIT
"""What can be compared: the core's allocators, those of libraries, and checked blocks on them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pointers._cli.bench.measure import libraries
from pointers._cli.bench.result.document import BASELINE, CHECKED, UsageError, names_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from pointers._cli.bench.result.schema import Allocator as Described

#: The core's own, with what each is.
BUILT_IN = {
    "direct": "the C library's malloc, called without the core",
    "system": "the C library's malloc through the core's interface: the others' measure",
    "system+stats": "the same with the core's statistics",
    "arena": "bump allocation in chunks; memory comes back at a reset",
    "pool": "blocks of one size, from a free list",
    "guard": "each block against a page that nobody can touch",
}
_LIBRARIES = {library.name: library for library in libraries.LIBRARIES}
_DEFAULT = ("direct", "system", "system+stats", "system+checked", "arena", "pool", "guard")

#: Every name that `choose` knows, apart from foreign:PATH and +checked.
NAMES = (*BUILT_IN, *_LIBRARIES)


class Allocator(NamedTuple):
    """One column of the comparison."""

    #: As in the tables: `pool`, `mimalloc`, `system+checked`.
    name: str
    #: The workload program's argument.
    spec: str
    checked: bool = False
    #: Of a library.
    path: str | None = None
    tunables: str = ""

    @property
    def is_guard(self) -> bool:
        """Whether each block takes two mappings, of which a process has but some ten thousand."""
        return self.spec == "guard"

    def environment(self) -> dict[str, str]:
        """Return the environment that a child process needs."""
        environment = dict(os.environ)
        if self.tunables:
            given = environment.get("GLIBC_TUNABLES", "")
            environment["GLIBC_TUNABLES"] = f"{given}:{self.tunables}" if given else self.tunables
        return environment

    def described(self) -> Described:
        """Return what the document says of it."""
        return {
            "name": self.name,
            "spec": self.spec,
            "checked": self.checked,
            "path": self.path,
        }


def of_library(library: libraries.Library, path: Path) -> Allocator:
    """Return the allocator of a library that is installed."""
    spec = f"foreign:{path}" + (f":{library.prefix}" if library.prefix else "")
    return Allocator(library.name, spec, path=str(path), tunables=library.tunables)


def _foreign(token: str) -> Allocator:
    """Return the allocator for [NAME=]foreign:PATH[:PREFIX]."""
    name, _, spec = token.rpartition("=") if "=foreign:" in token else (token, "", token)
    _, path, *prefix = spec.split(":")
    # What is a file here is not looked for elsewhere, with ./ or without
    if path and Path(path).is_file():
        path = str(Path(path).absolute())
        spec = ":".join(["foreign", path, *prefix])
    elif not path:
        raise UsageError(f"{token!r} names no library: give foreign:PATH or foreign:PATH:PREFIX")
    elif "/" in path:
        raise UsageError(f"{token!r}: there is no file {path}")
    known = [one.tunables for one in libraries.LIBRARIES if Path(path).name in one.files]
    return Allocator(name, spec, path=path, tunables="".join(known))


def _named(token: str) -> Allocator | str:
    """Return the allocator that one name stands for, or why it is missing here."""
    base = token[: -len(CHECKED)] if token.endswith(CHECKED) else token
    if base in BUILT_IN:
        found = Allocator(base, base)
    elif base.startswith("foreign:") or "=foreign:" in base:
        found = _foreign(base)
    elif base in _LIBRARIES:
        library = _LIBRARIES[base]
        path = libraries.find(library)
        if path is None:
            files = " or ".join(library.files)
            return f"{base} is left out: no {files} here (Debian package {library.package})"
        found = of_library(library, path)
    else:
        raise UsageError(
            f"unknown allocator {token!r}: choose from {', '.join(NAMES)}, or "
            f"foreign:PATH[:PREFIX]; each may end in {CHECKED}"
        )
    if base == token:
        return found
    if base == "direct":
        raise UsageError(f"{token!r}: checked blocks need the core; take {BASELINE}{CHECKED}")
    return found._replace(name=token, checked=True)


def choose(
    text: str | None, problem: Callable[[Allocator], str]
) -> tuple[list[Allocator], list[str]]:
    """Return what a comma-separated list names, and what is not as it was asked for.

    :param text: None for all that are here.
    :param problem: Says why a library does not load; a user who named it gets an error.
    """
    tokens = [*_DEFAULT, *_LIBRARIES] if text is None else names_in("--allocators", text)
    found, notes = [], []
    if BASELINE not in tokens:
        tokens.insert(0, BASELINE)
        notes.append(f"{BASELINE} is added: the others are compared with it")
    for token in tokens:
        one = _named(token)
        if isinstance(one, str):
            notes.append(one)
            continue
        reason = problem(one) if one.path else ""
        if reason and text is not None:
            raise UsageError(f"{one.name} does not load: {reason}")
        if reason:
            notes.append(f"{one.name} is left out: {reason}")
        else:
            found.append(one)
    return found, notes
