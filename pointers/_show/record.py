# SPDX-License-Identifier: MIT
"""Classes of fields, without dataclasses: to import that takes longer than this package."""

from __future__ import annotations

from pointers._typing import Any


class Record:
    """Objects that are equal if their fields are, which are the slots of their class."""

    __slots__ = ()

    def _values(self) -> dict[str, Any]:
        names: tuple[str, ...] = type(self).__slots__
        return {name: getattr(self, name) for name in names}

    def __eq__(self, other: object) -> bool:
        """Whether both are of one class and have the same fields."""
        if type(other) is not type(self) or not isinstance(other, Record):
            return NotImplemented
        return self._values() == other._values()

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Return the same as numbers, texts and lists, which JSON can have."""
        return {name: _plain(value) for name, value in self._values().items()}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.to_dict() if isinstance(value, Record) else value
