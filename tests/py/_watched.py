# SPDX-License-Identifier: MIT
"""Objects that can be watched, and what stores them by reference."""

from __future__ import annotations

import gc
import weakref
from typing import Any, Callable

import pytest
from _collecting import CPYTHON, collect_all

from pointers import realloc

cpython_only = pytest.mark.skipif(not CPYTHON, reason="counts references")


class Thing:
    """An object that can be watched."""


class Destructor:
    """An object that does something when it goes."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.action = action

    def __del__(self) -> None:
        self.action()


def collect() -> None:
    """Let unreachable objects go; CPython's are gone at once, without this."""
    if not CPYTHON:
        collect_all()


def comes(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true as unreachable objects go, one after another."""
    for _ in range(8):
        if condition():
            return True
        gc.collect()
    return condition()


def gone(ref: Any) -> bool:
    return ref() is None if CPYTHON else comes(lambda: ref() is None)


def is_gone(ref: Any) -> bool:
    """Whether an object has gone that may be held: `gone` would collect all its times for it."""
    collect()
    return ref() is None


def drop(pointers: list[Any]) -> None:
    """Let go of pointers, and of cycles that these are in."""
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
    """Store a new object; return a weak reference, the memory has the only other one."""
    thing = Thing()
    p.move(thing)
    return weakref.ref(thing)


def resize(p: Any, size: int) -> None:
    assert realloc(p, size).size == size


def unsafe(p: Any, obj: Any) -> None:
    p ^= obj
