#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`python -m pointers bench` from a checkout: the same options, and nothing to install before.

python3 benchmarks/compare.py --quick --html report.html

It builds this checkout into .venv, as dev.py does, and needs no more than Python's
standard library and a C compiler.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import dev  # noqa: E402 - it lies in the folder above

# Not -m: in the checkout, the folder pointers/ would hide the installed package
RUN = "import sys; from pointers.__main__ import main; sys.exit(main(['bench', *sys.argv[1:]]))"


def main() -> int:
    """Install this checkout and run the comparison; return its exit code."""
    try:
        interpreter = dev.probe(sys.executable)
        dev.require_system(interpreter, headers=True)
        environment = dev.Environment(interpreter, ".venv")
        environment.create()
        # What draws a report is large: only who wants one waits for it
        wanted = any(one.startswith("--html") for one in sys.argv[1:])
        environment.install("cli,report" if wanted else "cli")
    except dev.DevError as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 1
    command = [environment.program("python"), "-I", "-c", RUN, *sys.argv[1:]]
    # Not ended by Ctrl-C: the terminal tells the child as well, which writes its files and ends
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    process = subprocess.Popen(command, env=environment.env)
    signal.signal(signal.SIGTERM, lambda _number, _frame: process.terminate())
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())
