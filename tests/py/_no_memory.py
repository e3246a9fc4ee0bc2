# SPDX-License-Identifier: MIT
"""Operations in which an allocation of the interpreter fails: the part that runs in a subprocess.

Each operation is repeated; the n-th time, its n-th allocation fails, until there is no
n-th allocation.  It must raise MemoryError or succeed as usual, must have changed all of its
memory or nothing, and must leave no block that nothing refers to.
"""

import _testcapi  # type: ignore[import-not-found]
import ctypes
import gc
import sys
import warnings
from typing import Any, Callable

from _reentered import OPERATIONS, clean, in_use

from pointers import Pointer, PointersError, System
from pointers._ffi import fast

# Not one operation: it stores, then collects, so that memory may be changed in part
LEFT_OUT = ["collect"]
if sys.version_info[:2] == (3, 12):
    LEFT_OUT += ["stack of generators"]  # a generator that was made without memory crashes later
if sys.version_info[:2] == (3, 13):
    # Operations on held objects: without memory, dict.setdefault returns a result and sets an
    # exception besides, and later uses of the result may crash
    LEFT_OUT += ["fill", "set", "store", "stack", "get held", "load held", "free held"]
    LEFT_OUT += ["release held", "release array", "call with stack", "readonly, used"]
if fast is None:
    # cffi writes to stderr when it has no memory for the callback of a stack function
    LEFT_OUT += ["stack", "call with stack"]
    # cffi cannot call what ends the pin of a view that is gone: the pin stays, and so the block
    LEFT_OUT += ["adopt, lent and dropped"]

# An operation may survive a failed allocation, though no operation survives more than two in
# succession.  After so many it is held to have no n-th allocation.
SURVIVED = 20

# A call of a Python function that fails without setting an exception becomes a SystemError
EXPECTED = MemoryError, SystemError
# ctypes puts an error of its own in the place of what an argument raises
EXPECTED_OF_CALLS = *EXPECTED, ctypes.ArgumentError


def seen(value: Any) -> Any:
    return type(value).__name__ if type(value).__module__ in ("_meddlers", "_reentered") else value


def loaded(ptr: Any) -> Any:
    try:
        return seen(~ptr)
    except PointersError as error:
        return type(error).__name__


def state(names: Any) -> "dict[str, Any]":
    """Return the size and contents of the blocks of all pointers."""
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
    """Return the class of the exception, or None, as allocations `first` to `last` fail."""
    _testcapi.set_nomemory(first, last)
    try:
        operation(names)
    except BaseException as error:
        _testcapi.remove_mem_hooks()
        kind = type(error)
        take_apart(error)
        return kind
    finally:
        _testcapi.remove_mem_hooks()
    return None


def take_apart(error: "BaseException | None") -> None:
    """Clear an exception: the interpreter keeps some for reuse, and with them their frames."""
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
    n = n_survived = 0
    while n_survived < SURVIVED:
        balance = System().stats().current_blocks
        names = in_use()
        kind = outcome(operation, names, n, n + count)
        found = state(names)
        where = f"{name}, allocation {n}"
        expected = EXPECTED_OF_CALLS if name.startswith("call") else EXPECTED
        assert kind is usual or issubclass(kind, expected), f"{where}: {kind}"
        assert found in (before, after), where
        if name.startswith("release") and kind is not usual:
            # Whoever has not got the address cannot free the memory
            assert found == before, f"{where}: memory is lost"
        clean(names)
        gc.collect()  # frees exceptions in cycles: the interpreter has few spare MemoryErrors
        lost = System().stats().current_blocks - balance
        assert not lost, f"{where}: {lost} blocks are lost"
        n_survived = n_survived + 1 if kind is usual else 0
        n += 1
    return n - SURVIVED


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
