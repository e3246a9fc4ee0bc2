# SPDX-License-Identifier: MIT
"""Tables and progress in the terminal: by rich if it is installed, as plain text if not."""

from __future__ import annotations

import contextlib
import shutil
import time
from importlib import import_module
from typing import TYPE_CHECKING

from pointers._cli.bench.report.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TextIO

    Step = Callable[[int, int, str], None]

_GAP = "  "
_WIDTH = 100
_LINE_SECONDS = 15.0
_COLOURS = {"faster": "cyan", "slower": "yellow", "none": "dim"}


def _lines(table: Table) -> list[list[str]]:
    return [table.heads, *([cell.text for cell in row] for row in table.rows)]


def _widths(table: Table) -> list[int]:
    return [max(map(len, column)) for column in zip(*_lines(table))]


def split(table: Table, width: int) -> Iterator[Table]:
    """Cut a table into ones that are not wider than `width`, each with the first column."""
    widths = _widths(table)
    start, title = 1, table.title
    while start < len(widths):
        used, end = widths[0], start
        while end == start or (end < len(widths) and used + len(_GAP) + widths[end] <= width):
            used += len(_GAP) + widths[end]
            end += 1
        rows = [[row[0], *row[start:end]] for row in table.rows]
        yield Table(title, [table.heads[0], *table.heads[start:end]], rows)
        start, title = end, ""


def plain(table: Table, width: int) -> str:
    """Write a table as text."""
    lines = []
    for part in split(table, width):
        first, *widths = _widths(part)
        lines += [part.title, ""] if part.title else []
        for name, *texts in _lines(part):
            cells = [text.rjust(size) for text, size in zip(texts, widths)]
            lines.append(_GAP.join([name.ljust(first), *cells]).rstrip())
        lines.append("")
    return "\n".join(lines)


def _has_rich(stream: TextIO) -> bool:
    """Tell whether the extra `cli` is installed, and somebody looks at the stream."""
    with contextlib.suppress(ImportError):
        import_module("rich.progress")
        return stream.isatty()
    return False


def _print_rich(found: Sequence[Table], width: int, stream: TextIO) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(file=stream, width=width)
    for table in found:
        # Between two columns, rich puts one character more than plain text
        for part in split(table, width - 2 - len(table.heads)):
            if part.title:  # not the table's own, which would be no wider than the table
                console.print(Text(part.title, style="bold"))
            drawn = RichTable(box=SIMPLE_HEAD, pad_edge=False)
            for index, head in enumerate(part.heads):
                drawn.add_column(head, justify="right" if index else "left", no_wrap=True)
            for row in part.rows:
                drawn.add_row(*(Text(one.text, style=_COLOURS.get(one.kind, "")) for one in row))
            console.print(drawn)


def show_tables(found: Sequence[Table], stream: TextIO) -> None:
    """Print tables, as wide as the terminal."""
    width = shutil.get_terminal_size((_WIDTH, 24)).columns if stream.isatty() else _WIDTH
    if _has_rich(stream):
        _print_rich(found, width, stream)
        return
    for table in found:
        print(plain(table, width), file=stream)


def _log(stream: TextIO) -> Step:
    """Return what prints a line every so often: for logs."""
    next_ = 0.0

    def step(done: int, total: int, text: str) -> None:
        nonlocal next_
        now = time.monotonic()
        if now >= next_ or done == total:
            next_ = now + _LINE_SECONDS
            print(f"{done}/{total} {text}", file=stream, flush=True)

    return step


@contextlib.contextmanager
def progress(stream: TextIO) -> Iterator[Step]:
    """Yield what shows how many measurements are done, of how many, and what is next."""
    if not _has_rich(stream):
        yield _log(stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = (MofNCompleteColumn(), BarColumn(), TimeElapsedColumn(), "{task.description}")
    with Progress(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, text: bar.update(
            task, completed=done, total=total, description=text
        )
