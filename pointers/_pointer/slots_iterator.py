# SPDX-License-Identifier: MIT
"""The iterator over the slots of an array, where it is not compiled."""

from __future__ import annotations

from pointers._pointer.base import PointerBase, new_slot
from pointers._typing import Any, Generic, Iterator, Self, TypeVar

S = TypeVar("S", bound=PointerBase)


class SlotsIterator(Generic[S]):
    """The slots of an array in turn, as many as there are at the first.

    No generator: code that runs amid a step, such as a finalizer, may take steps, too.
    """

    __slots__ = ("_array", "_kind", "_slots")

    def __init__(self, array: Any, kind: type[S]) -> None:
        self._array: Any = array
        self._kind = kind
        # One, from the first step on; of threads that take it together, one's
        self._slots: list[Iterator[int]] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> S:
        array = self._array
        if array is None:
            raise StopIteration
        if not self._slots:
            self._count(array)
        index = next(self._slots[0], -1)
        if index < 0:
            self._array = None
            raise StopIteration
        return new_slot(self._kind, array, index)

    def _count(self, array: Any) -> None:
        try:
            count = array._count()
        except BaseException:
            self._array = None
            raise
        self._slots.append(iter(range(count)))
