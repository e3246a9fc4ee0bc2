# SPDX-License-Identifier: MIT
"""The only door to the compiled module: everything else imports from here."""

from __future__ import annotations

import _thread
import gc
import os
import sys

from pointers._typing import Any


def _is_isolated() -> bool:
    """Whether this is a subinterpreter with a lock and memory of its own (3.12 and later)."""
    allowed = getattr(_thread, "daemon_threads_allowed", None)
    return allowed is not None and not allowed()


if _is_isolated():
    # Said before cffi's own module is loaded: 3.12 would refuse that only after it has
    # run, and the main interpreter would crash when it imports it later
    raise ImportError(
        "pointers cannot be imported in an isolated subinterpreter: its C module is made for "
        "the lock and the memory of the main interpreter; make a legacy subinterpreter"
    )

try:
    from pointers._core import ffi, lib
except ModuleNotFoundError as error:
    if error.name != "pointers._core":
        raise
    raise ImportError(
        f"pointers is installed without a compiled module for {sys.executable}: install it with "
        "the pip of that interpreter"
    ) from error

#: Whether objects go with their last reference.  Elsewhere, the collector has to find them.
COUNTS_REFERENCES = sys.implementation.name == "cpython"


def make_structs() -> tuple[str, ...]:
    """Make an object of each struct that Python may make, and return their names."""
    made = []
    for name in ffi.list_types()[0]:
        if ffi.typeof(name).kind == "struct":
            try:
                ffi.new(f"{name} *")
            except TypeError:
                continue  # it is the C code's own
            made.append(name)
    return tuple(made)


def _make_structs_alone() -> None:
    """Make the structs while nothing else can run in this thread.

    cffi ends the process if a finalizer, which the collector calls meanwhile, or another thread
    is the first to need the same struct.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        make_structs()
    finally:
        if enabled:
            gc.enable()


if COUNTS_REFERENCES:  # PyPy's cffi is another one
    _make_structs_alone()


def load_beside(name: str) -> Any:
    """Return a module that is in the file of the compiled module, for CPython alone.

    Functions that cffi makes know no Python objects; a module with an init function of its own
    has functions that do.

    :raises ImportError: this is another interpreter than the main one.
    """
    # From where importlib.machinery has them, which takes longer to import than all of this
    from _frozen_importlib import ModuleSpec
    from _frozen_importlib_external import ExtensionFileLoader

    path = sys.modules["pointers._core"].__file__
    loader = ExtensionFileLoader(name, str(path))
    spec = ModuleSpec(name, loader, origin=path)
    module = loader.create_module(spec)
    loader.exec_module(module)
    return module


def _load_fast() -> Any:
    """Return the compiled fast path, or None.

    ``POINTERS_FAST=0`` in the environment leaves it out.
    """
    if sys.implementation.name != "cpython" or os.environ.get("POINTERS_FAST") == "0":
        return None
    try:
        return load_beside("pointers._fastpath")
    except ImportError:
        return None


#: The module of the compiled fast path, or None.
fast: Any = _load_fast()


def _calls_back() -> bool:
    """Whether C that is called from this interpreter can call it back.

    Up to 3.11, C calls back into the main interpreter, from whichever interpreter it was
    called.  On 3.12, cffi keeps an object of the interpreter that was called last, and crashes
    once that is gone.
    """
    if sys.implementation.name != "cpython" or sys.version_info >= (3, 13):
        return True
    if fast is not None:
        return True  # the main interpreter alone has that
    try:
        interpreters = __import__("_xxsubinterpreters")
    except ImportError:
        return True  # without subinterpreters
    return bool(interpreters.get_current() == interpreters.get_main())


CALLS_BACK = _calls_back()

__all__ = ["CALLS_BACK", "COUNTS_REFERENCES", "fast", "ffi", "lib", "load_beside", "make_structs"]
