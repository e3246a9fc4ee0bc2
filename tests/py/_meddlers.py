# SPDX-License-Identifier: MIT
"""What finalizers, profilers and tracers do with the blocks that an operation is using."""

import contextlib
import gc
from typing import Any

from pointers import FreedMemoryError

# More pointers and lists than the free lists can hold: while these live, the free lists stay
# empty, so that each new pointer or list is an allocation, which may collect
SPARE: "list[Any]" = []
N_SPARE = 100


class Keys:
    """An object that is held."""


def roots(n: Any) -> "list[Any]":
    if not n.__dict__:
        return []
    return [n.p, n.held, n.big, n.ints, n.mixed, n.bigs, n.none, *n.others, n.adopted, n.kept]


def free_all(n: Any) -> None:
    for ptr in roots(n):
        if not ptr.freed:
            ptr.free()
    if n.__dict__:
        n.arena.reset()


def resize(n: Any) -> None:
    for ptr in roots(n):
        ptr.realloc(0)


def store(n: Any) -> None:
    for ptr in roots(n):
        ptr <<= Keys() if ptr.size else None


def exhaust(n: Any) -> None:
    if n.__dict__:
        list(n.it)
        list(n.it_none)


def advance(n: Any) -> None:
    if n.__dict__:
        next(n.it, None)
        next(n.it_none, None)


def free_and_exhaust(n: Any) -> None:
    free_all(n)
    if n.__dict__:
        for iterator in (n.it, n.it_none):
            with contextlib.suppress(FreedMemoryError):
                list(iterator)


def drop_and_exhaust(n: Any) -> None:
    """Let iterators hold the last references to their arrays, then exhaust the iterators."""
    iterators = [n.it, n.it_none] if n.__dict__ else []
    SPARE.clear()  # so that the arrays' pointers go to the free list, and can be reused
    n.__dict__.clear()
    for iterator in iterators:
        list(iterator)


def change_list(n: Any) -> None:
    if n.__dict__:
        n.values *= 2
        n.plain.clear()


def drop(n: Any) -> None:
    n.__dict__.clear()


def look(_n: Any) -> None:
    """Copy all lists, as debuggers do: copying a half-made list would crash.

    Tuples are left alone: the interpreter itself shows half-made tuples, as those of map().
    """
    for obj in gc.get_objects():
        if type(obj) is list:
            obj.copy()


MEDDLERS = {
    meddler.__name__: meddler
    for meddler in (
        free_all, resize, store, exhaust, advance, free_and_exhaust, drop_and_exhaust, change_list,
        drop, look,
    )
}  # fmt: skip
