# SPDX-License-Identifier: MIT
"""Operations amid which the interpreter's memory runs out: the side that runs in a subprocess.

Each operation is done again and again; the n-th time, its n-th allocation fails, until none
is left to fail.  It gives a MemoryError, or what it gives otherwise; all is done or nothing;
and no block is lost.
"""

import _testcapi  # type: ignore[import-not-found]
import gc
import sys
import warnings
from typing import Any, Callable

from _reentered import OPERATIONS, clean, in_use

from pointers import Pointer, PointersError, System
from pointers._ffi import fast

# This does two things
LEFT_OUT = ["collect"]
if sys.version_info[:2] == (3, 12):
    LEFT_OUT += ["stack of generators"]  # to make a generator without memory crashes later
if sys.version_info[:2] == (3, 13):
    # What stores objects by reference: dict.setdefault gives a result where it has no memory,
    # and an exception besides.  What uses that then may crash.
    LEFT_OUT += ["fill", "set", "store", "stack", "get held", "load held", "free held"]
if fast is None:
    # cffi writes to stderr of a stack function for which it has no memory
    LEFT_OUT += ["stack"]

# Calling a function of Python may tell of no memory without an exception
EXPECTED = MemoryError, SystemError


def seen(value: Any) -> Any:
    return type(value).__name__ if type(value).__module__ == "_reentered" else value


def loaded(ptr: Any) -> Any:
    try:
        return seen(~ptr)
    except PointersError as error:
        return type(error).__name__


def state(names: Any) -> "dict[str, Any]":
    """Return what all pointers point at."""
    return {
        name: (
            ptr.freed,
            0 if ptr.freed else ptr.size,
            loaded(ptr),
            [loaded(slot) for slot in ptr] if hasattr(ptr, "tolist") and not ptr.freed else None,
        )
        for name, ptr in names.__dict__.items()
        if isinstance(ptr, Pointer)
    }


def outcome(operation: "Callable[[Any], Any]", names: Any, first: int, last: int) -> Any:
    """Return the class of what an operation raises, where allocations first ... last fail."""
    _testcapi.set_nomemory(first, last)
    try:
        operation(names)
    except BaseException as error:
        _testcapi.remove_mem_hooks()
        kind = type(error)
        forget(error)
        return kind
    finally:
        _testcapi.remove_mem_hooks()
    return None


def forget(error: "BaseException | None") -> None:
    """Take an exception apart: the interpreter keeps a few, to raise them again."""
    while error is not None:
        error.__traceback__ = None
        last, error = error, error.__context__
        last.__context__ = last.__cause__ = None


def sweep(name: str, operation: "Callable[[Any], Any]", count: int) -> int:
    names = in_use()
    before = state(names)
    usual = outcome(operation, names, 10**6, 0)
    after = state(names)
    clean(names)
    n = -1
    while True:
        n += 1
        balance = System().stats().current_blocks
        names = in_use()
        kind = outcome(operation, names, n, n + count)
        found = state(names)
        where = f"{name}, allocation {n}"
        assert kind is usual or issubclass(kind, EXPECTED), f"{where}: {kind}"
        assert found in (before, after), where
        clean(names)
        gc.collect()  # exceptions in circles, of which the interpreter has but a few spare ones
        lost = System().stats().current_blocks - balance
        assert not lost, f"{where}: {lost} blocks are lost"
        # Enough for what catches some, and goes another way
        if kind is usual and n > 200:
            return n


def main(count: str) -> None:
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _args: None
    gc.collect()
    gc.freeze()
    for name, operation in OPERATIONS.items():
        if name.startswith(tuple(LEFT_OUT)):
            continue
        print(f"{name}: ", end="", flush=True)
        print(sweep(name, operation, int(count)), flush=True)
    print("end", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
