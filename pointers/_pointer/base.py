# SPDX-License-Identifier: MIT
"""What a pointer is made of, and the functions that make pointers.

Where the compiled fast path is on, all of it is the C type of
`bindings/cpython/place.c`: its fields are read-only for Python.  What stands here
is the same for interpreters without it.
"""

from __future__ import annotations

import sys

from pointers._ffi import fast
from pointers._pointer.finalizers import COUNTS_REFERENCES, Keeper, keep
from pointers._typing import TYPE_CHECKING, Any, Callable, TypeVar

if TYPE_CHECKING:
    from pointers._pointer.held import References

P = TypeVar("P", bound="Place")

#: The room of a pointer that may store as far as its block reaches.
NO_LIMIT = sys.maxsize

# Owners of these classes free their blocks: all others have keepers
_freeing: set[type] = set()

K = TypeVar("K", bound="type[Place]")


def freeing(kind: K) -> K:
    """Mark a class that frees the block of an owner that is dropped, if anything does."""
    if COUNTS_REFERENCES:
        _freeing.add(kind)
    return kind


def class_error(place: Any) -> TypeError:
    """Return the error of giving a pointer another class."""
    return TypeError(
        f"cannot change the class of {type(place).__name__}: it says what its steps are and "
        "how its memory is freed; take a pointer of the other class"
    )


if TYPE_CHECKING or fast is None:
    _new = object.__new__

    _OF_NO_BLOCK = {
        "_block": 0,
        "_home": None,
        "_index": 0,
        "_n_empty": 0,
        "_offset": 0,
        "_owned": False,
        "_references": None,
        "_room": 0,
        "_stepped": False,
    }

    def _refuse_class(place: Place, *_value: object) -> None:
        raise class_error(place)

    class Place:
        """The state of a pointer."""

        # _block: the handle.  _offset: bytes from the start of the block.
        # _room: bytes that a store may take, as far as the block reaches.
        # _home: the owner, None in the owner.  _owned: what frees the block of an
        # owner that is dropped, or False where nothing has to.
        # _references: objects stored by reference, in the owner.
        # _index: a slot's number, since the offset does not tell it where slots
        # have no bytes.  _n_empty: slots of an array where these have no bytes.
        # _stepped: whether this is an array, or a slot that steps lead to from there.
        __slots__ = (
            "__weakref__",
            "_block",
            "_home",
            "_index",
            "_n_empty",
            "_offset",
            "_owned",
            "_references",
            "_room",
            "_stepped",
        )

        def __getattr__(self, name: str) -> Any:
            # object.__new__ makes pointers that nobody has given a block
            if name in _OF_NO_BLOCK:
                return _OF_NO_BLOCK[name]
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        # Not to be changed: a class of another kind would free nothing
        __class__: Any = property(type, _refuse_class, _refuse_class)

        _block: int
        _offset: int
        _room: int
        _home: Any
        _owned: bool | Keeper
        _references: References | None
        _index: int
        _n_empty: int
        _stepped: bool

    def new_stack(kind: type[P], block: int) -> P:
        """Return a pointer to a block that nobody has to free."""
        place = _new(kind)
        place._block = block
        place._offset = 0
        place._room = NO_LIMIT
        place._home = None
        place._owned = False
        place._references = None
        return place

    def new_owner(kind: type[P], block: int) -> P:
        """Return the pointer that owns a fresh block."""
        place = new_stack(kind, block)
        place._owned = True if kind in _freeing else keep(place, block)
        return place

    def new_array(kind: type[P], block: int, slot_size: int, count: int) -> P:
        """Return the pointer that owns a fresh block of `count` slots."""
        array = new_owner(kind, block)
        array._room = slot_size
        array._index = 0
        array._n_empty = count
        array._stepped = True
        return array

    def new_alias(place: P, offset: int) -> P:
        """Return a pointer to another offset of the same block."""
        alias = _new(type(place))
        alias._block = place._block
        alias._offset = offset
        alias._room = NO_LIMIT
        alias._home = place if place._home is None else place._home
        alias._owned = False
        alias._references = None
        return alias

    def new_slot(kind: type[P], place: Place, index: int) -> P:
        """Return a pointer to a slot of the array that `place` is in."""
        slot = _new(kind)
        slot._block = place._block
        slot._offset = index * place._room
        slot._room = place._room
        slot._home = place if place._home is None else place._home
        slot._owned = False
        slot._references = None
        slot._index = index
        slot._stepped = False
        return slot

    def new_step(kind: type[P], place: Place, index: int) -> Any:
        """Return what steps lead to: from an array to slots, and back to the array."""
        if place._stepped and not index:
            return place if place._home is None else place._home
        slot = new_slot(kind, place, index)
        slot._stepped = place._stepped
        return slot

    def disown(home: Place) -> None:
        """Note that an owner's block has been freed."""
        keeper, home._owned = home._owned, False
        if keeper.__class__ is Keeper:
            keeper.retire()

    def own_references(home: Place, references_of: Callable[[int], References]) -> References:
        """Return an owner's references, those of its block if it has none."""
        references = home._references
        if references is None:
            # Whoever comes in between gets the same
            references = home._references = references_of(home._block)
        return references

else:
    Place = fast.Place
    new_owner = fast.new_owner
    new_array = fast.new_array
    new_stack = fast.new_stack
    new_alias = fast.new_alias
    new_slot = fast.new_slot
    new_step = fast.new_step
    disown = fast.disown
    own_references = fast.own_references
