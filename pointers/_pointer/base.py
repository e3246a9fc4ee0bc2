# SPDX-License-Identifier: MIT
"""The fields of a pointer, and the functions that make pointers.

With the compiled fast path, the class is the C type of `bindings/cpython/base.c`, whose
fields Python can only read, and the functions are those of `bindings/cpython/factories.c`.
The class and the functions here are the reference path.
"""

from __future__ import annotations

import sys

from pointers._ffi import COUNTS_REFERENCES, fast
from pointers._typing import TYPE_CHECKING, Any, Callable, TypeVar

P = TypeVar("P", bound="PointerBase")

#: Where held objects have none by a key.
MISSING = object()

#: What makes an array of ctypes at an address, and its field for a pin, by the array's size; for
#: the compiled path.
arrays_over: dict[int, Any] = {}

#: The bound of a pointer whose stores may reach to the end of its block.
NO_LIMIT = sys.maxsize

# Classes whose leaked pointers free their blocks themselves: all others have finalizers
_freeing: set[type] = set()

K = TypeVar("K", bound="type[PointerBase]")


def freeing(kind: K) -> K:
    """Mark a class whose leaked pointers free their blocks, if the interpreter calls them."""
    if COUNTS_REFERENCES:
        _freeing.add(kind)
    return kind


def class_error(pointer: Any) -> TypeError:
    """Return the error of giving a pointer another class."""
    return TypeError(
        f"cannot change the class of {type(pointer).__name__}: it says what its steps are and "
        "how its memory is freed; take a pointer of the other class"
    )


if TYPE_CHECKING or fast is None:
    from pointers._pointer.finalizers import Finalizer, new_finalizer

    _new = object.__new__

    _OF_NO_BLOCK = {
        "_block": 0,
        "_bound": 0,
        "_held": None,
        "_index": 0,
        "_n_empty": 0,
        "_offset": 0,
        "_owned": False,
        "_readonly": False,
        "_root": None,
        "_stepped": False,
    }

    def _refuse_class(pointer: PointerBase, *_value: object) -> None:
        raise class_error(pointer)

    class PointerBase:
        """The fields that all pointers have."""

        # _block: the handle of the block.
        # _bound: bytes from the offset on that a store may fill, if the block has them.
        # _held: the held objects of the block, in its root; None if it has none yet.
        # _index: the number of a slot, which the offset does not tell if slots are empty; or the
        #   offset where a slice starts.
        # _n_empty: the number of slots of an array, if they are empty.
        # _offset: bytes from the start of the block.
        # _owned: what frees the block of a leaked pointer; False where nothing has to.
        # _readonly: whether no operation on this pointer, or one made of it, changes the block.
        # _root: the pointer that owns the block; None in that pointer itself.
        # _stepped: whether this is an array, or a slot that steps from one have reached.
        __slots__ = (
            "__weakref__",
            "_block",
            "_bound",
            "_held",
            "_index",
            "_n_empty",
            "_offset",
            "_owned",
            "_readonly",
            "_root",
            "_stepped",
        )

        def __getattr__(self, name: str) -> Any:
            # A pointer that object.__new__ has made has no block
            if name in _OF_NO_BLOCK:
                return _OF_NO_BLOCK[name]
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        # Read-only: a pointer of another class would not free its block
        __class__: Any = property(type, _refuse_class, _refuse_class)

        _block: int
        _bound: int
        _held: Any
        _index: int
        _n_empty: int
        _offset: int
        _owned: bool | Finalizer
        _readonly: bool
        _root: Any
        _stepped: bool

    def new_stack(kind: type[P], block: int) -> P:
        """Return a pointer that does not own its block."""
        pointer = _new(kind)
        pointer._block = block
        pointer._offset = 0
        pointer._bound = NO_LIMIT
        pointer._root = None
        pointer._owned = False
        pointer._held = None
        pointer._readonly = False
        return pointer

    def new_adopted(kind: type[P], block: int, ending: Any) -> P:
        """Return the pointer to memory of others, whose end `ending` sees to."""
        pointer = new_stack(kind, block)
        adopted: Any = pointer
        adopted._ending = ending
        return pointer

    def new_owner(kind: type[P], block: int) -> P:
        """Return the pointer that owns a fresh block."""
        pointer = new_stack(kind, block)
        pointer._owned = True if kind in _freeing else new_finalizer(kind, block)
        return pointer

    def new_array(kind: type[P], block: int, slot_size: int, count: int) -> P:
        """Return the pointer that owns a fresh block of `count` slots."""
        array = new_owner(kind, block)
        array._bound = slot_size
        array._index = 0
        array._n_empty = count
        array._stepped = True
        return array

    def new_alias(pointer: P, offset: int) -> P:
        """Return a pointer to another offset of the same block."""
        alias = _new(type(pointer))
        alias._block = pointer._block
        alias._offset = offset
        alias._bound = NO_LIMIT
        alias._root = pointer if pointer._root is None else pointer._root
        alias._owned = False
        alias._held = None
        alias._readonly = pointer._readonly
        return alias

    def new_readonly(pointer: P) -> P:
        """Return an alias of the same kind whose operations do not change the block."""
        alias = new_alias(pointer, pointer._offset)
        alias._bound = pointer._bound
        if pointer._bound != NO_LIMIT:  # the others have no slots and no parts
            alias._index = pointer._index
            alias._n_empty = pointer._n_empty
            alias._stepped = pointer._stepped
        alias._readonly = True
        return alias

    def new_slice(kind: type[P], pointer: Any, offset: int, start: int, bound: int) -> P:
        """Return a pointer into a part of a block from `start` on, with `bound` bytes left."""
        alias = _new(kind)
        alias._block = pointer._block
        alias._offset = offset
        alias._bound = bound
        alias._root = pointer if pointer._root is None else pointer._root
        alias._owned = False
        alias._held = None
        alias._index = start
        alias._readonly = pointer._readonly
        return alias

    def new_slot(kind: type[P], pointer: PointerBase, index: int) -> P:
        """Return a pointer to a slot of the array that `pointer` is in."""
        slot = _new(kind)
        slot._block = pointer._block
        slot._offset = index * pointer._bound
        slot._bound = pointer._bound
        slot._root = pointer if pointer._root is None else pointer._root
        slot._owned = False
        slot._held = None
        slot._index = index
        slot._stepped = False
        slot._readonly = pointer._readonly
        return slot

    def new_step(kind: type[P], pointer: PointerBase, index: int) -> Any:
        """Return the slot that steps lead to, or the array where they lead back to its start."""
        if pointer._stepped and not index:
            array: Any = pointer if pointer._root is None else pointer._root
            return new_readonly(array) if pointer._readonly else array
        slot = new_slot(kind, pointer, index)
        slot._stepped = pointer._stepped
        return slot

    def disown(root: PointerBase) -> None:
        """Note that the block of a root has been freed."""
        finalizer, root._owned = root._owned, False
        if finalizer.__class__ is Finalizer:
            finalizer.retire()

    def own_held(root: PointerBase, held_of: Callable[[int], Any]) -> Any:
        """Return the held objects of a root; where it has none yet, those of its block."""
        held = root._held
        if held is None:
            # A finalizer or thread that does the same in between gets the same object
            held = root._held = held_of(root._block)
        return held

else:
    PointerBase = fast.PointerBase
    new_owner = fast.new_owner
    new_array = fast.new_array
    new_stack = fast.new_stack
    new_adopted = fast.new_adopted
    new_alias = fast.new_alias
    new_readonly = fast.new_readonly
    new_slice = fast.new_slice
    new_slot = fast.new_slot
    new_step = fast.new_step
    disown = fast.disown
    own_held = fast.own_held
