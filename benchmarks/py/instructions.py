# SPDX-License-Identifier: MIT
"""How many instructions frequent operations take: counted, so that the machine's load is nothing.

Each statement runs in two loops of different length under valgrind's callgrind, and the
difference, per turn, is printed.  It has the interpreter's share in it: the loop, its numbers,
the calls.  Run it with an installed package: python benchmarks/py/instructions.py
"""

from __future__ import annotations

import argparse
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LOOPS = 1_000, 21_000
#: A name, and the statement that is counted.
STATEMENTS = {
    "malloc(28) and free": "free(malloc(28))",
    "store an int": "ptr <<= 1",
    "load an int": "~ptr",
    "bytearray(28)": "bytearray(28)",
    "an empty turn": "pass",
}


def program(statement: str) -> str:
    """Return the source of a program that runs a statement as often as its argument says."""
    return (
        "import sys\n"
        "from pointers import free, malloc\n"
        "def run(n):\n"
        "    ptr = malloc(64)\n"
        "    ptr <<= 1\n"
        "    for _ in range(n):\n"
        f"        {statement}\n"
        "    free(ptr)\n"
        "run(int(sys.argv[1]))\n"
    )


def total(output: str) -> int:
    """Return the number of instructions that callgrind reports."""
    found = re.search(r"Collected : (\d+)", output)
    if not found:
        sys.exit(f"callgrind has counted nothing:\n{output}")
    return int(found.group(1))


def count(valgrind: str, source: str, loops: int, folder: Path) -> int:
    """Return the instructions of a whole process."""
    command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={folder / 'out'}"]
    # One seed of hashes, since the tables of names depend on it
    environment = {"PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [*command, sys.executable, "-c", source, str(loops)],
        cwd=folder,  # in a clone, the folder pointers/ would hide the package
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return total(done.stderr)


def per_turn(counts: tuple[int, int], loops: tuple[int, int] = LOOPS) -> float:
    """Return the instructions of one turn, without those of the start and the end."""
    return (counts[1] - counts[0]) / (loops[1] - loops[0])


def main() -> None:
    """Count, and print a line for each statement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.parse_args()
    valgrind = shutil.which("valgrind")
    if not valgrind:
        sys.exit("valgrind is needed, and not there: install your system's package of it")
    print(f"{platform.python_implementation()} {platform.python_version()},", end=" ")
    print(f"{platform.python_compiler()}, {platform.machine()}")
    with tempfile.TemporaryDirectory() as name:
        for title, statement in STATEMENTS.items():
            source = program(statement)
            short, long = (count(valgrind, source, loops, Path(name)) for loops in LOOPS)
            print(f"{title:24}{per_turn((short, long)):8.0f}", flush=True)


if __name__ == "__main__":
    main()
