# SPDX-License-Identifier: MIT
"""The commands that show something: ``info``, ``dump EXPRESSION``, ``layout TYPE``."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys

from pointers._cli.bench.measure.libraries import LIBRARIES, find
from pointers._pointer.array import AllocatedArrayPointer
from pointers._pointer.heap import AllocatedPointer
from pointers._show.dump import dump
from pointers._show.info import info
from pointers._show.layouts import layout
from pointers._typing import Any


def add_commands(commands: Any) -> None:
    """Add the commands to a parser's."""
    shown = commands.add_parser("info", help="what to paste into a report of a fault")
    shown.set_defaults(run=_info)
    dumped = commands.add_parser("dump", help="the bytes and fields of an object as it is stored")
    dumped.add_argument("expression", help="a Python expression, such as 2**40 or calloc(2, 28)")
    dumped.set_defaults(run=_dump)
    laid_out = commands.add_parser("layout", help="the fields of a type's objects")
    laid_out.add_argument("expression", metavar="type", help="a type or an object, such as int")
    laid_out.set_defaults(run=_layout)
    for parser in (shown, dumped, laid_out):
        parser.add_argument("--json", action="store_true", help="for programs")


def run(options: argparse.Namespace) -> int:
    """Run one of the commands; return the exit code."""
    code: int = options.run(options)
    return code


def _tell(text: str) -> None:
    """Print text, with colours where rich is there and somebody looks at them."""
    if sys.stdout.isatty() and importlib.util.find_spec("rich") is not None:
        from rich.console import Console

        Console().print(text, markup=False, soft_wrap=True)
    else:
        print(text)


def _tell_either(shown: Any, options: argparse.Namespace) -> int:
    _tell(json.dumps(shown.to_dict(), indent=2) if options.json else str(shown))
    return 0


def _info(options: argparse.Namespace) -> int:
    facts = info()
    for library in LIBRARIES:
        facts[library.name] = str(find(library) or "not found")
    if options.json:
        _tell(json.dumps(facts, indent=2))
        return 0
    width = max(map(len, facts))
    _tell("\n".join(f"{name:{width}}  {value}" for name, value in facts.items()))
    return 0


def _evaluate(options: argparse.Namespace) -> Any:
    names: dict[str, Any] = {}
    exec("from pointers import *", names)
    return eval(options.expression, names)


def _with_value(options: argparse.Namespace, show: Any) -> int:
    try:
        value = _evaluate(options)
    except Exception as error:
        print(f"{options.expression}: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    try:
        return _tell_either(show(value), options)
    finally:
        # What the expression has allocated
        kinds = (AllocatedPointer, AllocatedArrayPointer)
        if isinstance(value, kinds) and not value.freed and not value.offset:
            value.free()


def _dump(options: argparse.Namespace) -> int:
    return _with_value(options, dump)


def _layout(options: argparse.Namespace) -> int:
    return _with_value(options, layout)
