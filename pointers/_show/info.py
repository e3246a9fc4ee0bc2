# SPDX-License-Identifier: MIT
"""What a report of a fault should tell of the machine, the interpreter and this package."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from pointers._codec.store import BACK_END
from pointers._ffi import COUNTS_REFERENCES, fast, ffi
from pointers._version import __version__


def _limit(name: str) -> str:
    try:
        import resource

        soft, _hard = resource.getrlimit(getattr(resource, name))
    except (ImportError, AttributeError, ValueError):
        return "unknown"
    return "unlimited" if soft == resource.RLIM_INFINITY else f"{soft} bytes"


def _mappings() -> str:
    try:
        return Path("/proc/sys/vm/max_map_count").read_text("ascii").strip()
    except OSError:
        return "unknown"


def _fast_path() -> str:
    if fast is not None:
        return "compiled"
    if not COUNTS_REFERENCES:
        return "Python, which this interpreter compiles"
    if os.environ.get("POINTERS_FAST") == "0":
        return "Python, since POINTERS_FAST is 0"
    return "Python, since this interpreter's objects do not survive being stored in C"


def info() -> dict[str, str]:
    """Return facts by name, as texts."""
    version = sys.version.replace("\n", " ")
    return {
        "pointers": __version__,
        "interpreter": f"{platform.python_implementation()} {version}",
        "system": f"{platform.platform()}, {platform.machine()}, {sys.byteorder}-endian",
        "libc": " ".join(platform.libc_ver()) or "unknown",
        "cffi": str(getattr(sys.modules.get("_cffi_backend"), "__version__", "unknown")),
        "operations": _fast_path(),
        "images": BACK_END,
        "bytes of an address": str(ffi.sizeof("void *")),
        "stack": _limit("RLIMIT_STACK"),
        "locked memory": _limit("RLIMIT_MEMLOCK"),
        "address space": _limit("RLIMIT_AS"),
        "mappings": _mappings(),
        "POINTERS_ variables": ", ".join(
            f"{name}={value}" for name, value in sorted(os.environ.items())
            if name.startswith("POINTERS_")
        ) or "none",
    }  # fmt: skip
