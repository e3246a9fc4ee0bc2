# SPDX-License-Identifier: MIT
"""Workloads of the user's own: C files, which are built here, or shared objects."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pointers._cli.bench.measure.program import asked, probe
from pointers._cli.bench.result.document import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pointers._cli.bench.result.schema import Workload

# As the header's own name says; it lies beside the program
_HEADER = "ptrs-workload.h"
_LAST_LINES = 2000
_SECONDS = 300


def _build(source: Path, program: Path, folder: str) -> Path:
    """Build a C file into a shared object."""
    built = Path(folder, f"{source.stem}.so")
    compiler = [*shlex.split(os.environ.get("CC", "cc")), "-O2", "-fPIC", "-shared", "-pthread"]
    try:
        done = asked([*compiler, f"-I{program.parent}", "-o", built, source], seconds=_SECONDS)
    except OSError as error:
        raise UsageError(
            f"{source} needs a C compiler: {compiler[0]}: {error.strerror}; name one by CC, or "
            "give a shared object"
        ) from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{source}: {compiler[0]} did not end in {_SECONDS} s") from None
    if done.returncode:
        raise UsageError(f"{source} cannot be built:\n{done.stderr.strip()[-_LAST_LINES:]}")
    return built


def listed(paths: Sequence[Path]) -> list[Workload]:
    """Return the workloads as they are listed."""
    return [{"name": path.stem, "description": f"from {path.name}"} for path in paths]


@contextlib.contextmanager
def built(
    paths: Sequence[Path], program: Path, known: Collection[str]
) -> Iterator[dict[str, Path]]:
    """Build what has to be built; yield the shared objects by the names of their workloads."""
    found: dict[str, Path] = {}
    with tempfile.TemporaryDirectory(prefix="pointers-bench-") as folder:
        for path in paths:
            name = path.stem
            if not path.is_file():
                raise UsageError(f"--workload {path}: there is no such file")
            if name in known or name in found:
                raise UsageError(f"--workload {path}: there is a workload {name}; rename the file")
            if not name.strip() or set(name) & set(", \t\n"):
                raise UsageError(f"--workload {path}: a name with blanks or commas cannot be told")
            library = path.resolve()
            if path.suffix == ".c":
                library = _build(path, program, folder)
            reason = probe(program, "--from", library, "--allocator", "system")
            if reason:
                raise UsageError(f"--workload {path}: {reason}; see {program.parent / _HEADER}")
            found[name] = library
        yield found
