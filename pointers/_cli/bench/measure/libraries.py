# SPDX-License-Identifier: MIT
"""The malloc(3) families of other libraries that may be installed here."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import NamedTuple


class Library(NamedTuple):
    """An allocator library, under the names that distributions give it."""

    name: str
    files: tuple[str, ...]
    prefix: str
    package: str
    #: What the environment of a process needs in order to load it late.
    tunables: str = ""


LIBRARIES = (
    Library("mimalloc", ("libmimalloc.so.2", "libmimalloc.so.3"), "mi_", "libmimalloc2.0"),
    Library(
        "jemalloc",
        ("libjemalloc.so.2",),
        "",
        "libjemalloc2",
        # It has more thread-local memory than glibc keeps for libraries that come late
        tunables="glibc.rtld.optional_static_tls=16384",
    ),
    Library(
        "tcmalloc", ("libtcmalloc_minimal.so.4", "libtcmalloc.so.4"), "", "libtcmalloc-minimal4"
    ),
)


def folders() -> list[Path]:
    """Return where shared libraries are, in the order in which the loader looks."""
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    names = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    for root in ("/usr/local/lib", "/usr/lib", "/lib"):
        names += [f"{root}/{multiarch}" if multiarch else "", f"{root}64", root]
    return [Path(name) for name in dict.fromkeys(names) if name]


def find(library: Library) -> Path | None:
    """Return the path of a library, or None if it is not installed.

    It is not loaded: a second allocator has no business in this process.
    """
    paths = (folder / name for folder in folders() for name in library.files)
    return next((path for path in paths if path.is_file()), None)
