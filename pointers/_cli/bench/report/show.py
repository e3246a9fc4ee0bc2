# SPDX-License-Identifier: MIT
"""Tables in the terminal: by rich if it is installed, as plain text if not."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pointers._cli.bench.report.table import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from pointers._cli.bench.report.table import Table

_WIDTH = 100


def show_tables(found: Sequence[Table], stream: TextIO) -> None:
    """Print tables, as wide as the terminal."""
    terminal = stream.isatty()
    width = shutil.get_terminal_size((_WIDTH, 24)).columns if terminal else _WIDTH
    if terminal:
        try:
            from pointers._cli.bench.report._rich import print_tables
        except ImportError:  # the extra `cli` is not installed
            pass
        else:
            print_tables(found, width, stream)
            return
    for table in found:
        print(plain(table, width), file=stream)
