# SPDX-License-Identifier: MIT
"""Stand-ins for the names of typing that are needed at run time.

To import it, and what it imports, takes longer than all the rest of this
package.  Type checkers see the real names; what they are at run time is enough
for classes to be subscripted and for annotations to be evaluated.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Generic, NoReturn, Protocol, TypeVar, overload

    from typing_extensions import Concatenate, ParamSpec, Self
else:
    # The same classes as in collections.abc, which imports all of collections
    from _collections_abc import Callable, Iterator

    _GenericAlias = type(list[int])

    Any = Concatenate = Protocol = Self = object
    NoReturn = None

    def TypeVar(name, **_options):  # noqa: N802 - stands for a class
        """Return what can stand where a type is expected."""
        return type(name, (), {})

    ParamSpec = TypeVar

    def overload(function):
        """Return the function: the last definition counts."""
        return function

    class Generic:
        """A class that can be subscripted, as its subclasses can."""

        __slots__ = ()

        def __class_getitem__(cls, parameters):
            return cls if cls is Generic else _GenericAlias(cls, parameters)


__all__ = [
    "TYPE_CHECKING",
    "Any",
    "Callable",
    "Concatenate",
    "Generic",
    "Iterator",
    "NoReturn",
    "ParamSpec",
    "Protocol",
    "Self",
    "TypeVar",
    "overload",
]
