# SPDX-License-Identifier: MIT
"""Tables and the progress bar by rich: the extra `cli`.  Import fails without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable
from rich.text import Text

from pointers._cli.bench.report.table import Table, split
from pointers._cli.bench.result import figures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

# What rich puts between two columns, more than plain text has
_PADDING = 1


def _style(cell: str) -> str:
    """Colour ratios that are differences; what is none is dim."""
    if not cell.endswith(figures.TIMES):
        return "" if cell[:1].isdigit() and not cell.endswith("?") else "dim"
    return "cyan" if float(cell[:-1]) < 1 else "yellow"


def print_tables(tables: Sequence[Table], width: int, stream: TextIO) -> None:
    """Print tables in colour."""
    console = Console(file=stream, width=width)
    for table in tables:
        for part in split(table, width - 2 - _PADDING * len(table.heads)):
            if part.title:  # not the table's own, which would be no wider than the table
                console.print(Text(part.title, style="bold"))
            rich = RichTable(box=SIMPLE_HEAD, pad_edge=False)
            rich.add_column(part.heads[0], no_wrap=True)
            for head in part.heads[1:]:
                rich.add_column(head, justify="right", no_wrap=True)
            for row in part.rows:
                rich.add_row(Text(row[0]), *(Text(cell, style=_style(cell)) for cell in row[1:]))
            console.print(rich)


class Bar:
    """A progress bar."""

    def __init__(self, stream: TextIO) -> None:
        self._progress = Progress(
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=Console(file=stream),
            transient=True,
        )
        self._task: TaskID | None = None

    def step(self, done: int, total: int, text: str) -> None:
        """Show how far things are."""
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task(text, total=total)
        self._progress.update(self._task, completed=done, total=total, description=text)

    def close(self) -> None:
        """Take the bar away."""
        self._progress.stop()
