# SPDX-License-Identifier: MIT
"""The command line: ``python -m pointers demo``."""

from __future__ import annotations

import argparse

from pointers import __version__, _demo


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m pointers", description="C's manual memory for Python, with a safety net."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("demo", help="a short tour: each step with its result")
    parser.parse_args(arguments)
    return _demo.main()


if __name__ == "__main__":
    raise SystemExit(main())
