# SPDX-License-Identifier: MIT
"""Errors of functions that do not go with stack memory; the compiled calls raise them, too."""

from __future__ import annotations

import types

from pointers._typing import Any

_SUSPENDED = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)


def name_of(func: Any) -> str:
    """Return what a message calls a function."""
    return getattr(func, "__qualname__", None) or repr(func)


def suspended_error(func: Any, result: Any) -> TypeError:
    """Return the error of a function whose result would run later."""
    if not isinstance(result, types.AsyncGeneratorType):
        result.close()
    return TypeError(
        f"{name_of(func)}() returned a {type(result).__name__}, which would run when its stack "
        "memory is gone: return a finished value"
    )


def refuse_suspended(func: Any, result: Any) -> None:
    """Refuse a result of a function that would run later."""
    if isinstance(result, _SUSPENDED):
        raise suspended_error(func, result)


def wrapped_error(func: Any) -> TypeError:
    """Return the error of a call through something that hides where self is."""
    return TypeError(
        f"{name_of(func)}() is wrapped by a classmethod, staticmethod or other "
        "decorator, where stack_alloc cannot tell which argument is self: make it "
        "the outermost decorator of a plain method"
    )


def no_self_error(func: Any) -> TypeError:
    """Return the error of a method that is called without any argument."""
    return TypeError(f"{name_of(func)}() needs its self as the first argument")
