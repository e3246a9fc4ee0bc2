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

from pointers._cli.bench.measure.program import Workload
from pointers._cli.bench.result.names import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# As the header's own name says; it lies beside the program
_HEADER = "ptrs-workload.h"
_LAST_LINES = 2000


def _build(source: Path, program: Path, folder: Path) -> Path:
    """Build a C file into a shared object."""
    built = folder / f"{source.stem}.so"
    compiler = [*shlex.split(os.environ.get("CC", "cc")), "-O2", "-fPIC", "-shared", "-pthread"]
    command = [*compiler, f"-I{program.parent}", "-o", str(built), str(source)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except OSError as error:
        raise UsageError(
            f"{source} needs a C compiler: {compiler[0]}: {error.strerror}; name one by CC, or "
            "give a shared object"
        ) from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{source}: {compiler[0]} did not end in 300 s") from None
    if done.returncode:
        raise UsageError(f"{source} cannot be built:\n{done.stderr.strip()[-_LAST_LINES:]}")
    return built


def _check(path: Path, library: Path, program: Path) -> None:
    """Refuse a shared object that has not what is wanted of it."""
    command = [str(program), "--probe", "--from", str(library), "--allocator", "system"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        reason = done.stderr.strip() or f"exit code {done.returncode}"
        raise UsageError(f"--workload {path}: {reason}; see {program.parent / _HEADER}")


def listed(paths: Sequence[Path]) -> list[Workload]:
    """Return the workloads as they are listed."""
    return [Workload(path.stem, f"from {path.name}") for path in paths]


@contextlib.contextmanager
def built(
    paths: Sequence[Path], program: Path, known: Sequence[Workload]
) -> Iterator[dict[str, Path]]:
    """Build what has to be built; yield the shared objects by the names of their workloads."""
    taken = {workload.name for workload in known}
    found: dict[str, Path] = {}
    with tempfile.TemporaryDirectory(prefix="pointers-bench-") as folder:
        for path in paths:
            if not path.is_file():
                raise UsageError(f"--workload {path}: there is no such file")
            name = path.stem
            if name in taken:
                raise UsageError(f"--workload {path}: there is a workload {name}; rename the file")
            if not name.strip() or set(name) & set(", \t\n"):
                raise UsageError(f"--workload {path}: a name with blanks or commas cannot be told")
            taken.add(name)
            is_source = path.suffix == ".c"
            library = _build(path, program, Path(folder)) if is_source else path.resolve()
            _check(path, library, program)
            found[name] = library
        yield found
