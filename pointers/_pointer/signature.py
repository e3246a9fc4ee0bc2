# SPDX-License-Identifier: MIT
"""Signature and attributes of a stack function: those of its function, without the pointer.

All of it is found when it is asked for: to import inspect takes as long as to
import this package.
"""

from __future__ import annotations

import sys

from pointers._typing import Any

_COPIED = ("__module__", "__name__", "__qualname__", "__doc__", "__type_params__")


def describe(wrapper: Any, func: Any) -> bool:
    """Make a wrapper look like its function; return whether that is defined in a class.

    There its first argument is self, unless it is bound already.
    """
    # Not by functools, which a finalizer that runs as the interpreter ends could not import
    for name in _COPIED:
        try:
            value = getattr(func, name)
        except AttributeError:
            continue
        setattr(wrapper, name, value)
    wrapper.__dict__.update(getattr(func, "__dict__", {}))
    wrapper.__wrapped__ = func
    # These tell of the pointer, too; `find_attribute` finds others
    for name in ("__annotate__", "__annotations__", "__signature__"):
        wrapper.__dict__.pop(name, None)
    scope = getattr(func, "__qualname__", "").rpartition(".")[0]
    is_bound = hasattr(func, "__self__")
    return bool(scope) and not scope.endswith("<locals>") and not is_bound


def _signature_of(func: Any) -> Any:
    import inspect

    signature: Any = inspect.signature
    try:
        return signature(func)
    except NameError:
        # Annotations may name what is there for type checkers alone
        if sys.version_info >= (3, 14):
            from annotationlib import Format

            return signature(func, annotation_format=Format.FORWARDREF)
        raise


def _pointer_of(parameters: list[Any], function: Any) -> Any:
    """Return the parameter that gets the pointer, or None: ``*args`` may take it."""
    index = int(function._takes_self)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return positional[index] if index < len(positional) else None


def _signature(function: Any) -> Any:
    try:
        found = _signature_of(function._func)
    except (TypeError, ValueError):
        raise AttributeError("__signature__") from None
    parameters = list(found.parameters.values())
    pointer = _pointer_of(parameters, function)
    return found.replace(parameters=[each for each in parameters if each is not pointer])


def _annotations(function: Any) -> Any:
    annotations = function._func.__annotations__
    try:
        parameters = list(_signature_of(function._func).parameters.values())
    except (TypeError, ValueError):
        return annotations
    pointer = _pointer_of(parameters, function)
    name = None if pointer is None else pointer.name
    return {key: value for key, value in annotations.items() if key != name}


_SHOWN = {"__annotations__": _annotations, "__signature__": _signature}
# Where hypothesis and the module typing look for the source, and for defaults
_FORWARDED = {"__code__", "__defaults__", "__kwdefaults__"}


def find_attribute(function: Any, name: str) -> Any:
    """Return an attribute that a stack function does not have by itself, nor was given."""
    if name in _SHOWN:
        return _SHOWN[name](function)
    if name in _FORWARDED:
        return getattr(function._func, name)
    raise AttributeError(f"{type(function).__name__!r} object has no attribute {name!r}")
