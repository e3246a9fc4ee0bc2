# SPDX-License-Identifier: MIT
"""The allocator that is the default in a context, as of a thread or a task.

A `with allocator(...)` block may be entered in several contexts, and more than
once in one.  So what it has to put back is in the context, and not in the block.
"""

from __future__ import annotations

from contextvars import ContextVar

from pointers._typing import Any


class Default:
    """An allocator that is the default, and what was it before."""

    __slots__ = ("before", "block", "source")

    def __init__(self, source: Any, block: object, before: Default | None) -> None:
        self.source = source
        self.block = block
        self.before = before


def leave_another(default: ContextVar[Default], block: object) -> str:
    """Take a block out that was not the last one to be entered; return what is wrong.

    Blocks of a generator may end in another order than they began.
    """
    entry: Default | None = default.get()
    later: list[Default] = []
    while entry is not None and entry.block is not block:
        later.append(entry)
        entry = entry.before
    if entry is None:
        return "this block was not entered in this context, as of a thread or a task"
    rest = entry.before
    for other in reversed(later):
        rest = Default(other.source, other.block, rest)
    assert rest is not None, "what no block has made is the first default"
    default.set(rest)
    return "blocks that were entered later have not ended yet: end them first"
