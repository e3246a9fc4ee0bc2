# SPDX-License-Identifier: MIT
"""Objects whose end can be observed, and functions that store them and wait for their end."""

from __future__ import annotations

import gc
import weakref
from typing import Any, Callable

import pytest
from _collecting import CPYTHON, collect_all

from pointers import realloc

cpython_only = pytest.mark.skipif(not CPYTHON, reason="counts references")


class Thing:
    """An object that weak references can refer to."""


class Destructor:
    """An object whose destructor calls a function."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.action = action

    def __del__(self) -> None:
        self.action()


def collect() -> None:
    """Collect garbage where objects are not reference counted."""
    if not CPYTHON:
        collect_all()


def comes(condition: Callable[[], bool]) -> bool:
    """Return whether a condition comes true within eight collections.

    Where one object keeps another alive, each may take a collection of its own.
    """
    for _ in range(8):
        if condition():
            return True
        gc.collect()
    return condition()


def gone(ref: Any) -> bool:
    """Return whether an object goes, on PyPy within eight collections."""
    return ref() is None if CPYTHON else comes(lambda: ref() is None)


def is_gone(ref: Any) -> bool:
    """Return whether an object is gone after one collection.

    For objects that may still be held, where `gone` would always take its eight collections.
    """
    collect()
    return ref() is None


def drop(pointers: list[Any]) -> None:
    """Let go of pointers, and check that each is leaked with a warning, also those in cycles."""
    with pytest.warns(ResourceWarning, match="dropped without free") as warned:
        _clear(pointers, warned)


def _clear(pointers: list[Any], warned: Any) -> None:
    n_pointers = len(pointers)
    pointers.clear()
    collect()
    for _ in range(10):
        if len(warned) < n_pointers:
            gc.collect()
    assert len(warned) == n_pointers


def put(p: Any) -> Any:
    """Store a new object, so that only the memory refers to it; return a weak reference to it."""
    thing = Thing()
    p.move(thing)
    return weakref.ref(thing)


def resize(p: Any, size: int) -> None:
    assert realloc(p, size).size == size


def unsafe(p: Any, obj: Any) -> None:
    p ^= obj
