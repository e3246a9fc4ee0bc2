# SPDX-License-Identifier: MIT
"""What can be compared: the core's allocators, those of libraries, and checked blocks on them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pointers._cli.bench.measure import libraries
from pointers._cli.bench.result.names import BASELINE, CHECKED, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

#: The core's own, with what each is.
BUILT_IN = {
    "direct": "the C library's malloc, called without the core",
    "system": "the C library's malloc through the core's interface: the others' measure",
    "system+stats": "the same with the core's statistics",
    "arena": "bump allocation in chunks; memory comes back at a reset",
    "pool": "blocks of one size, from a free list",
    "guard": "each block against a page that nobody can touch",
}
DEFAULT = ("direct", "system", "system+stats", "system+checked", "arena", "pool", "guard")


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
    def base(self) -> str:
        """The name without `+checked`."""
        return self.name[: -len(CHECKED)] if self.checked else self.name

    def environment(self) -> dict[str, str]:
        """Return the environment that a child process needs."""
        environment = dict(os.environ)
        if self.tunables:
            given = environment.get("GLIBC_TUNABLES", "")
            environment["GLIBC_TUNABLES"] = f"{given}:{self.tunables}" if given else self.tunables
        return environment


class Choice(NamedTuple):
    """The allocators that are compared, and why others are not."""

    allocators: list[Allocator]
    notes: list[str]

    def loading(self, problem: Callable[[Allocator], str], *, named: bool) -> Choice:
        """Return those of which `problem` tells none.

        :param named: By the user, who then is told of a library that does not load.
        """
        found, notes = [], list(self.notes)
        for allocator in self.allocators:
            reason = problem(allocator) if allocator.path else ""
            if reason and named:
                raise UsageError(f"{allocator.name} does not load: {reason}")
            if reason:
                notes.append(f"{allocator.name} is left out: {reason}")
            else:
                found.append(allocator)
        return Choice(found, notes)


def _of_library(library: libraries.Library, path: Path) -> Allocator:
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
    if not path:
        raise UsageError(f"{token!r} names no library: give foreign:PATH or foreign:PATH:PREFIX")
    if "/" in path and not Path(path).is_file():
        raise UsageError(f"{token!r}: there is no file {path}")
    for library in libraries.LIBRARIES:
        if Path(path).name in library.files:
            return Allocator(name, spec, path=path, tunables=library.tunables)
    return Allocator(name, spec, path=path)


def names() -> list[str]:
    """Return every name that `choose` knows, apart from foreign:PATH and +checked."""
    return [*BUILT_IN, *(library.name for library in libraries.LIBRARIES)]


def _one(token: str, notes: list[str]) -> Allocator | None:
    """Return the allocator that one name stands for; None, and a note, if it is missing here."""
    base = token[: -len(CHECKED)] if token.endswith(CHECKED) else token
    found: Allocator | None = None
    if base in BUILT_IN:
        found = Allocator(base, base)
    elif base.startswith("foreign:") or "=foreign:" in base:
        found = _foreign(base)
    else:
        known = {library.name: library for library in libraries.LIBRARIES}
        if base not in known:
            raise UsageError(
                f"unknown allocator {token!r}: choose from {', '.join(names())}, or "
                f"foreign:PATH[:PREFIX]; each may end in {CHECKED}"
            )
        path = libraries.find(known[base])
        if path is None:
            notes.append(
                f"{base} is left out: no {' or '.join(known[base].files)} here (Debian package "
                f"{known[base].package})"
            )
            return None
        found = _of_library(known[base], path)
    if base == token:
        return found
    if base == "direct":
        raise UsageError(f"{token!r}: checked blocks need the core; take {BASELINE}{CHECKED}")
    return found._replace(name=token, checked=True)


def choose(text: str | None) -> Choice:
    """Return what a comma-separated list names; without one, all that is here."""
    tokens = [*DEFAULT, *(library.name for library in libraries.LIBRARIES)]
    if text is not None:
        tokens = [token.strip() for token in text.split(",") if token.strip()]
        if not tokens:
            raise UsageError("--allocators names none")
    notes: list[str] = []
    if BASELINE not in tokens:
        tokens.insert(0, BASELINE)
        notes.append(f"{BASELINE} is added: the others are compared with it")
    found = [_one(token, notes) for token in dict.fromkeys(tokens)]
    return Choice([allocator for allocator in found if allocator is not None], notes)
