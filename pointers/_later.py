# SPDX-License-Identifier: MIT
"""Functions whose modules are imported when one of them is first called.

The compiled fast path does what is common.  What it leaves to Python is rare, or an error,
and to import all of that takes as long as to import the rest of the package.  Where there is
no such path, everything is imported at once, and nothing here is used.
"""

from __future__ import annotations

import gc

from pointers._typing import Any, Callable


class _Names:
    """Names of one module that are bound in a namespace once they are needed."""

    __slots__ = ("found", "module", "names", "namespace")

    def __init__(self, namespace: dict[str, Any], module: str, names: tuple[str, ...]) -> None:
        self.namespace = namespace
        self.module = module
        self.names = names
        self.found: dict[str, Any] = {}

    def bind(self) -> dict[str, Any]:
        """Import the module and bind the names; return what they stand for."""
        # A finalizer that the collector ran amid the import would find half of the module
        collects = gc.isenabled()
        if collects:  # else it may be another import, in a thread, that switches it on again
            gc.disable()
        try:
            # Not by importlib, which takes as long to import as four modules of this package
            module = __import__(self.module, None, None, ("*",))
        finally:
            if collects:
                gc.enable()
        found = {}
        for name in self.names:
            found[name] = getattr(module, name)
        self.namespace.update(found)
        self.found = found
        return found


_all: list[_Names] = []


def later(
    namespace: dict[str, Any], module: str, functions: str, values: tuple[str, ...] = ()
) -> None:
    """Bind functions of a module in a namespace, which import the module when they are called.

    :param functions: Names, with spaces between them.
    :param values: Names that are bound by the first call of any of the functions.
    """
    callables = functions.split()
    names = _Names(namespace, module, (*callables, *values))
    _all.append(names)
    for name in callables:
        namespace[name] = _function(names, name)


def _function(names: _Names, name: str) -> Callable[..., Any]:
    # No object of a class, since a function in a class has to become a method
    def call(*args: Any, **kwargs: Any) -> Any:
        return (names.found or names.bind())[name](*args, **kwargs)

    return call


def was_needed() -> bool:
    """Whether any of the functions has been called."""
    return any(names.found for names in _all)


def import_all() -> None:
    """Import all modules that nothing has needed yet."""
    for names in _all:
        if not names.found:
            names.bind()
