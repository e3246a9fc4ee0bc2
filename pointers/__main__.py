# SPDX-License-Identifier: MIT
"""The command line: ``python -m pointers`` with demo, info, dump, layout or bench."""

from __future__ import annotations

import argparse

from pointers import __version__
from pointers._cli import demo, show
from pointers._cli.bench import command


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m pointers", description="C's manual memory for Python, with a safety net."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("demo", help="a short tour: each step with its result")
    show.add_commands(commands)
    bench = commands.add_parser(
        "bench",
        help="compare allocators on this machine",
        description="Compare allocators: each measurement is a process of its own, all in "
        "interleaved rounds, as ratios to the C library's malloc.",
    )
    command.add_arguments(bench)
    options = parser.parse_args(arguments)
    if options.command == "bench":
        return command.main(options)
    return demo.main() if options.command == "demo" else show.run(options)


if __name__ == "__main__":
    raise SystemExit(main())
