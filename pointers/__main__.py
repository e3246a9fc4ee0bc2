# SPDX-License-Identifier: MIT
"""The command line: ``python -m pointers`` with demo, info, dump, layout or bench."""

from __future__ import annotations

import argparse
import os
import sys

from pointers import __version__
from pointers._cli import demo, show
from pointers._cli.bench import command
from pointers._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


#: As a shell tells of a program that SIGPIPE has ended.
_READER_GONE = 128 + 13


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit code.

    A reader that has gone, such as `head`, ends any command quietly.
    """
    try:
        try:
            return _run(arguments)
        finally:
            if sys.stdout:  # what waits to be written meets that reader now, not after the end
                sys.stdout.flush()
    except BrokenPipeError:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            _let_end(stream)
        return _READER_GONE


def _let_end(stream: TextIO) -> None:
    """If a stream's reader has gone, send what still waits for it nowhere: it must not wait."""
    try:
        stream.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _run(arguments: list[str] | None) -> int:
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
