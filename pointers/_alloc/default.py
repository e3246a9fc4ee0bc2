# SPDX-License-Identifier: MIT
"""The allocator that is the default in a context, as of a thread or a task.

A `with allocator(...)` block may be entered in several contexts, and more than
once in one.  So what it has to put back is in the context, and not in the block.
"""

from __future__ import annotations

from _contextvars import ContextVar  # of contextvars, which adds nothing

from pointers._alloc.allocator import Allocator, System
from pointers._ffi import fast
from pointers._typing import TYPE_CHECKING, Any, Generic, TypeVar

A = TypeVar("A", bound=Allocator)


if TYPE_CHECKING or fast is None:

    class Default:
        """An allocator that is the default, and what was it before."""

        __slots__ = ("before", "block", "source")

        def __init__(self, source: Any, block: object, before: Default | None) -> None:
            self.source = source
            self.block = block
            self.before = before

else:
    Default = fast.Default


#: The default that no `with` block has made.
FIRST = Default(System(), None, None)

#: The default of each context.
default: ContextVar[Default] = ContextVar("pointers.allocator", default=FIRST)

# Whether allocator() may have been used: looking a context up costs as much as a block
_overridden = fast is not None


def _leave_another(block: object) -> str:
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


class allocator(Generic[A]):  # noqa: N801 - used as a function
    """Make an allocator the default of `malloc` and `calloc` while a `with` block runs.

    It is the default of this context alone (as in `contextvars`): other threads
    and other tasks keep theirs.  The allocator is not closed at the end.  One
    object may be entered any number of times, and in several contexts at once.
    """

    __slots__ = ("_source",)

    def __init__(self, source: A) -> None:
        """Take an allocator, which becomes the default once this is entered.

        :raises TypeError: it is no allocator.
        """
        global _overridden
        _checked(source)
        _overridden = True
        self._source = source

    def __enter__(self) -> A:
        """Make the allocator the default of this context, and return it."""
        default.set(Default(self._source, self, default.get()))
        return self._source

    def __exit__(self, kind: object = None, *_exc_info: object) -> None:
        """Make the allocator the default again that was it before.

        :raises RuntimeError: it was entered in another context, or a block that
            was entered later has not ended, as of a suspended generator.  The
            allocators of all other blocks are as they were.  An exception that
            is on its way passes.
        """
        last = default.get()
        if last.block is self and last.before is not None:
            default.set(last.before)
            return
        wrong = _leave_another(self)
        if kind is None:
            raise RuntimeError(f"cannot end 'with allocator(...)': {wrong}")


def _checked(source: Any) -> Allocator:
    if not isinstance(source, Allocator):
        raise TypeError(f"allocator must be an Allocator or None, not {type(source).__name__}")
    return source


def given_or_default(source: Allocator | None) -> Allocator:
    """Return an allocator that was given, or the default one."""
    if source is not None:
        return _checked(source)
    chosen = default.get() if _overridden else FIRST
    found: Allocator = chosen.source
    return found
