# SPDX-License-Identifier: MIT
"""Python as a workload: the interpreter with a library in the place of malloc."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pointers._cli.bench.measure.allocators import Allocator
    from pointers._cli.bench.result.schema import Workload

_PREFIX = "python-"
_SCRIPT = Path(__file__).with_name("_programs.py")

#: By the names that `_programs.py` gives them.
_ABOUT = {
    "json": "CPython without pymalloc: a document of 200 records is written and read",
    "compile": "CPython without pymalloc: the standard library's argparse is compiled",
    "xml": "CPython without pymalloc: a tree of 1000 elements is built, written and read",
    "words": "CPython without pymalloc: 20000 words are split, counted and sorted",
}


class Call(NamedTuple):
    """What is run, and what the environment has in addition; or why nothing is."""

    command: list[str]
    environment: dict[str, str]
    problem: str = ""


def workloads() -> list[Workload]:
    """Return the workloads; none where memory is not malloc's."""
    # A build without the global lock refuses to do without its own allocator
    own = sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED")
    if own or not sys.platform.startswith("linux"):
        return []
    return [{"name": _PREFIX + name, "description": about} for name, about in _ABOUT.items()]


def is_one(workload: str) -> bool:
    """Tell whether a workload is one of these."""
    return workload.startswith(_PREFIX) and workload[len(_PREFIX) :] in _ABOUT


def call(workload: str, allocator: Allocator, arguments: Sequence[str]) -> Call:
    """Return how a workload is run on an allocator.

    The C library's needs nothing, and a library is preloaded; all others have no malloc.
    """
    if allocator.checked or (allocator.path is None and allocator.name != "system"):
        return Call([], {}, "only a C library's malloc can be put in the place of Python's")
    # No user's packages: they would load other libraries
    command = [sys.executable, "-s", "-S", str(_SCRIPT), workload[len(_PREFIX) :], *arguments]
    environment = {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}
    if allocator.path:
        earlier = os.environ.get("LD_PRELOAD")
        if earlier:
            return Call([], {}, f"LD_PRELOAD is {earlier} already")
        environment["LD_PRELOAD"] = allocator.path
    return Call(command, environment)
