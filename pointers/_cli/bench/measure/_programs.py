# SPDX-License-Identifier: MIT
"""What the interpreter does as a workload: a few programs of its standard library.

Run as a script, with nothing else of the package, with a library in the place of malloc:

    LD_PRELOAD=LIBRARY PYTHONMALLOC=malloc python _programs.py NAME [--quick] [--scale X]
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK = 0.05


def run_json(times: int) -> None:
    """Write and read a document of 200 records."""
    records = [
        {"id": i, "name": f"user {i}", "tags": [f"tag {j}" for j in range(i % 7)], "score": i / 7}
        for i in range(200)
    ]
    for _ in range(times):
        records = json.loads(json.dumps(records))


def run_compile(times: int) -> None:
    """Compile a module of the standard library."""
    source = Path(argparse.__file__).read_text(encoding="utf-8")
    for _ in range(times):
        compile(source, "argparse", "exec")


def run_xml(times: int) -> None:
    """Build a tree of 1,000 elements, write it and read it."""
    from xml.etree import ElementTree as Tree

    for _ in range(times):
        root = Tree.Element("list")
        for i in range(1000):
            Tree.SubElement(root, "item", {"id": str(i)}).text = f"text {i}"
        Tree.fromstring(Tree.tostring(root))


def run_words(times: int) -> None:
    """Split, count, sort and join 20,000 words."""
    text = " ".join(f"word{i * i % 5003}" for i in range(20000))
    for _ in range(times):
        counted = Counter(text.split())
        " ".join(sorted(counted)).upper()


#: With the times of a full run, which takes about two seconds.
PROGRAMS: dict[str, tuple[Callable[[int], None], int]] = {
    "json": (run_json, 800),
    "compile": (run_compile, 30),
    "xml": (run_xml, 120),
    "words": (run_words, 250),
}


def _status(name: str) -> int:
    """Return a line of /proc/self/status, which counts KiB, in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def _file_of(name: str) -> str:
    """Return the file whose function this process uses."""
    function = ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value or 0
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        bounds, *_, path = line.split(None, 5)
        start, end = (int(bound, 16) for bound in bounds.split("-"))
        if start <= function < end:
            return path
    return ""


def main() -> None:
    """Run a program and print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=PROGRAMS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--scale", type=float, default=1)
    options = parser.parse_args()
    library = os.environ.get("LD_PRELOAD", "")
    if library and _file_of("malloc") == _file_of("getenv"):
        print(json.dumps({"unsupported": f"{library} has no function malloc of its own"}))
        return
    function, times = PROGRAMS[options.name]
    scale = options.scale * (QUICK if options.quick else 1)
    times = max(1, round(times * scale))
    before = resource.getrusage(resource.RUSAGE_SELF)
    resident = _status("VmRSS")
    start = time.perf_counter()
    function(times)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "operations": times,
        "seconds": seconds,
        "ns_per_op": seconds * 1e9 / times,
        "ops_per_s": times / seconds,
        "peak_rss_bytes": max(0, _status("VmHWM") - resident),
        "page_faults": after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt,
        "user_seconds": after.ru_utime - before.ru_utime,
        "system_seconds": after.ru_stime - before.ru_stime,
        "parameters": {"scale": scale},
    }
    print(json.dumps(found))


if __name__ == "__main__":
    # Modules of this folder must not be taken for others of the same name
    del sys.path[0]
    main()
