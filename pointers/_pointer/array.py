# SPDX-License-Identifier: MIT
"""Arrays from `calloc`, and the pointers to their slots."""

from __future__ import annotations

from pointers._ffi import fast, lib
from pointers._later import later
from pointers._pointer.base import freeing, new_slot, new_step
from pointers._pointer.heap import HeapPointer
from pointers._pointer.pointer import Pointer
from pointers._pointer.steps import as_steps
from pointers._typing import TYPE_CHECKING, Any, Iterator, Self, TypeVar, overload

if TYPE_CHECKING or fast is None:
    from pointers._pointer.bulk import load_each, load_slots, store_slots
    from pointers._pointer.slots_iterator import SlotsIterator
else:
    later(globals(), "pointers._pointer.bulk", "load_each load_slots store_slots")
    later(globals(), "pointers._pointer.slots_iterator", "SlotsIterator")

T = TypeVar("T")


class _Slots(HeapPointer[T]):
    """The base of arrays and their slots: steps are slots of the whole array."""

    __slots__ = ()

    @property
    def slot_size(self) -> int:
        """Bytes of one slot."""
        return self._bound

    def _count(self) -> int:
        """Slots of the whole array, at this instant."""
        size = self._checked(lib.ptrs_access_size_of(self._block))
        root: Any = self if self._root is None else self._root
        return size // self._bound if self._bound else root._n_empty

    @property
    def index(self) -> int:
        """Which slot of the array this points at: an array points at slot 0."""
        return self._index

    def _checked_index(self, index: int, limit: int) -> int:
        if not 0 <= index < limit:
            count = self._count()
            slots = f"its slots are 0 to {count - 1}" if count else "it has no slots"
            raise IndexError(f"slot {index} is outside of the array: {slots}")
        return index

    def _slot_at(self, index: int) -> ArraySlotPointer[T]:
        return new_slot(ArraySlotPointer, self, index)

    def _slot(self, index: int, limit: int) -> ArraySlotPointer[T]:
        return new_slot(ArraySlotPointer, self, self._checked_index(index, limit))

    def _range(self, key: slice) -> range:
        if key.step not in (None, 1):
            raise ValueError(f"slots are taken one after another, not in steps of {key.step}")
        most = 0
        for bound in (key.start, key.stop):
            if bound is not None:
                number = as_steps(bound)
                if number < 0:
                    raise IndexError(f"slot {bound} is outside of the array: count from 0")
                most = max(most, number)
        count = self._count()
        start, stop, _step = key.indices(count)
        if most > count or start > stop:
            raise IndexError(f"slots {key.start}:{key.stop} are outside of the array's {count}")
        return range(start, stop)

    # One slot past the end may be pointed at, as in C, but not indexed.  Steps lead from
    # an array to slots, and back to the array, so that `array += 1; array -= 1` is nothing.
    # A slot that was taken by its number stays one: its size is that of a slot.

    def _step(self, n: int) -> SlotOrArray[T]:
        index = self._checked_index(self._index + n, self._count() + 1)
        reached: SlotOrArray[T] = new_step(ArraySlotPointer, self, index)
        return reached

    def __add__(self, n: int) -> SlotOrArray[T]:
        """Return a pointer to the slot `n` slots on, or to the end of the array.

        Steps from an array that lead back to its start give the array.

        :raises IndexError: that is outside of the array.
        """
        if isinstance(n, Pointer):
            return NotImplemented
        return self._step(as_steps(n))

    __radd__ = __add__

    @overload
    def __sub__(self, other: Pointer[Any]) -> int: ...
    @overload
    def __sub__(self, other: int) -> SlotOrArray[T]: ...
    def __sub__(self, other: Pointer[Any] | int) -> SlotOrArray[T] | int:
        """Return a pointer to the slot `other` slots back, or how many slots another one is behind.

        Steps from an array that lead back to its start give the array.
        The distance of a pointer that is to no slot is in bytes.

        :raises IndexError: that is outside of the array.
        :raises ValueError: the other pointer is into another block.
        """
        if not isinstance(other, Pointer):
            return self._step(-as_steps(other))
        n_bytes = self._behind(other)
        return self._index - other._index if isinstance(other, _Slots) else n_bytes

    @overload
    def __getitem__(self, key: slice) -> list[ArraySlotPointer[T]]: ...
    @overload
    def __getitem__(self, key: int) -> ArraySlotPointer[T]: ...
    def __getitem__(self, key: int | slice) -> ArraySlotPointer[T] | list[ArraySlotPointer[T]]:
        """Return a pointer to a slot of the whole array, or a list of them for a slice.

        :raises IndexError: there is no such slot; negative numbers name none.
        """
        if isinstance(key, slice):
            return _slots_of(self, self._range(key))
        count = self._count()
        return self._slot(as_steps(key), count)

    def __setitem__(self, key: int | slice, value: Any) -> None:
        """Store an object in a slot of the whole array, or one each in a slice of it.

        A slice is stored all or not at all.

        :raises IndexError: there is no such slot.
        :raises ValueError: there are not as many objects as slots.
        """
        if isinstance(key, slice):
            slots = self._range(key)
            values = list(value)
            if len(values) != len(slots):
                raise ValueError(f"{len(values)} values for {len(slots)} slots: one each is needed")
            self._store_slots(slots.start, values)
            return
        slot = self[key]
        # The last step of `array[i] <<= obj`: the object is there already
        if not (isinstance(value, Pointer) and value == slot):
            slot.move(value)

    def _store_slots(self, first: int, values: list[Any]) -> None:
        self._check_writable()
        start = first * self._bound
        values = [v.dereference() if isinstance(v, Pointer) else v for v in values]
        root: Any = self if self._root is None else self._root
        store_slots(self._block, start, self._bound, values, root._own_held)
        if root._held is not None:
            root._held.overwritten(self._block, start, start + len(values) * self._bound)

    def _resize(self, size: int) -> None:
        self._count()  # or it is gone
        slot_size = self._bound
        if size % slot_size if slot_size else size:
            raise ValueError(f"{size} bytes are no whole number of slots of {slot_size} bytes")
        self._resize_by(lib.ptrs_access_resize_slots, size)


@freeing
class AllocatedArrayPointer(_Slots[T]):
    """A pointer to an array from `calloc`: a sequence of slots.

    As a pointer it means slot 0; ``~array`` is the object in slot 0.  Steps from it lead to
    slots, and back to it: after ``array += 1; array -= 1`` it is the array that it was.  (A
    slot that is taken by its number, ``array[2]``, stays one: so does ``array[2] - 2``.)
    """

    __slots__ = ()

    @property
    def count(self) -> int:
        """Slots of the array."""
        return self._count()

    def __len__(self) -> int:
        """Return how many slots the array has."""
        return self._count()

    def __iter__(self) -> Iterator[ArraySlotPointer[T]]:
        """Return an iterator over pointers to the slots."""
        return SlotsIterator(self, ArraySlotPointer)

    def tolist(self) -> list[T]:
        """Return the objects in all slots.

        :raises DereferenceError: a slot is empty.
        """
        count = self._count()
        objects: list[T] | None = load_slots(self._block, 0, self._bound, count)
        if objects is None:
            root: Any = self if self._root is None else self._root
            objects = load_each(self, count, root._held, self._slot_at)
        return objects

    def fill(self, obj: T) -> Self:
        """Store one object in every slot, or in none; return self.

        :raises InvalidSizeError: it does not fit into a slot.
        """
        self._store_slots(0, [obj] * self._count())
        return self


class ArraySlotPointer(_Slots[T]):
    """A pointer to one slot of an array.  Its arithmetic is that of the array."""

    __slots__ = ()

    @property
    def size(self) -> int:
        """Bytes of the slot; 0 one past the end, or where the array has shrunk."""
        left = self._checked(lib.ptrs_access_size_of(self._block)) - self._offset
        return max(0, min(self._bound, left))

    def free(self) -> None:
        """Free the whole array, through its first slot.

        :raises ValueError: it is another slot.
        """
        if self._index:
            raise self._not_at_start("free")
        super().free()

    def release(self) -> int:
        """Give the whole array away, through its first slot.

        :raises ValueError: it is another slot.
        """
        if self._index:
            raise self._not_at_start("release")
        return super().release()

    def realloc(self, size: int) -> Self:
        """Change the size of the whole array, through its first slot.

        A slot that is cut off is gone, with what it holds.

        :raises ValueError: it is another slot, or the bytes are no whole number of
            slots.
        """
        if self._index:
            raise self._not_at_start("realloc")
        return super().realloc(size)

    def __enter__(self) -> Self:
        """Return the pointer, if it is to slot 0: the array is freed at the end."""
        super().__enter__()
        if self._index:  # even where slots have no bytes
            raise self._not_at_start("free")
        return self

    def _not_at_start(self, action: str) -> ValueError:
        return ValueError(f"cannot {action} slot {self._index}: use the array itself")


def _slots_of(array: _Slots[T], indices: range) -> list[ArraySlotPointer[T]]:
    # No comprehension: 3.11 loses what a closure refers to where it has no memory for it
    slots = []
    for index in indices:
        slots.append(new_slot(ArraySlotPointer, array, index))  # noqa: PERF401
    return slots


if TYPE_CHECKING:

    class SlotOrArray(AllocatedArrayPointer[T], ArraySlotPointer[T]):
        """The result of a step: a slot, or the array again.  A type checker cannot tell which."""

        __slots__ = ()

else:
    SlotOrArray = ArraySlotPointer
