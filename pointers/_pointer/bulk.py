# SPDX-License-Identifier: MIT
"""Many objects at once, in and out of the slots of an array."""

from __future__ import annotations

from pointers._codec.layout import sizeof
from pointers._codec.load import EMPTY, Key, load
from pointers._codec.scratch import scratch
from pointers._codec.store import STORES
from pointers._codec.synth import store_key
from pointers._collector import again
from pointers._errors import status_error
from pointers._ffi import ffi, lib
from pointers._pointer.base import MISSING
from pointers._pointer.held import HeldObjects
from pointers._typing import Any, Callable

_INT64_MIN = -(1 << 63)
_INT64_MAX = (1 << 63) - 1

# By identity: a class could claim to be equal to int, by its metaclass
_STORES = {id(kind): store for kind, store in STORES.items()}

# Below this count, the ways for many take longer than one by one
_MANY = 4


def store_slots(
    block: int,
    start: int,
    stride: int,
    values: list[Any],
    own_held: Callable[[], HeldObjects],
) -> None:
    """Store one value each `stride` bytes: all of them, or none.

    :param own_held: Called for the block's references where there are
        values that are stored by reference.
    :raises InvalidSizeError: a value does not fit; nothing was written.
    """
    if not values:
        return
    if len(values) >= _MANY and _are_ints(values) and _are_int64(values):
        integers = again(ffi.new, "int64_t[]", values)
        status = lib.ptrs_access_store_ints(block, start, stride, integers, len(values))
    elif _are_values(values):
        status = _store_staged(block, start, stride, values, {})
    else:
        # No comprehension, whose variables would have to be in closures
        objects = {}
        last, offset, is_value = None, start, False
        for value in values:
            kind = type(value)
            if kind is not last:
                last, is_value = kind, id(kind) in _STORES
            if not is_value:
                objects[offset] = value
            offset += stride
        end = start + len(values) * stride
        references = own_held()
        status = references.store_all(objects, end, _store_staged, block, start, stride, values)
    if status < 0:
        # A block that is gone has no size that a value could exceed
        gone = lib.ptrs_access_size_of(block)
        raise _store_error(min(gone, 0) or status, block, stride, values)


def _store_error(status: int, block: int, stride: int, values: list[Any]) -> Exception:
    """Return the error of a bulk store, with the first value that is too large."""
    messages = {}
    for index, value in enumerate(values):
        size = sizeof(value)
        if size > stride:
            messages["out_of_bounds"] = (
                f"value {index}, a {type(value).__name__}, takes {size} bytes, "
                f"but a slot has {stride}: nothing was written"
            )
            break
    return status_error(status, block, **messages)


def _are_ints(values: list[Any]) -> bool:
    # A loop, of which PyPy makes one of machine code; no ways by map are as fast
    for value in values:  # noqa: SIM110
        if type(value) is not int:
            return False
    return True


def _are_int64(values: list[int]) -> bool:
    return min(values) >= _INT64_MIN and max(values) <= _INT64_MAX


def _are_values(values: list[Any]) -> bool:
    # Once for each type alone, where the values of a type are neighbours
    last = None
    for value in values:
        kind = type(value)
        if kind is not last:
            if id(kind) not in _STORES:
                return False
            last = kind
    return True


def _store_staged(
    block: int, start: int, stride: int, values: list[Any], keys: dict[int, int]
) -> int:
    """Make all images in a block of its own, then copy them in one access.

    :param keys: The keys of the values that are stored by reference, by their offsets.
    """
    last: Any = None
    store: Any = None
    at = 0
    with scratch(stride * len(values)) as cell:
        staged = cell[0]
        for value in values:
            kind = type(value)
            if kind is not last:
                last, store = kind, _STORES.get(id(kind))
            if store is None:
                status = store_key(staged, at, stride, keys[start + at])
            else:
                status = store(staged, at, stride, value)
            if status < 0:
                return status
            at += stride
        return lib.ptrs_access_store_images(block, start, stride, staged)


def load_slots(block: int, start: int, stride: int, count: int) -> list[Any] | None:
    """Return `count` ints, or None if the slots hold anything else."""
    if count < _MANY or not stride:
        return None
    integers = again(ffi.new, "int64_t[]", count)
    status = lib.ptrs_access_load_ints(block, start, stride, integers, count)
    if status < 0:
        raise status_error(status, block)
    loaded: list[Any] | None = ffi.unpack(integers, count) if status else None
    return loaded


def load_each(array: Any, count: int, held: Any, slot_of: Callable[[int], Any]) -> list[Any]:
    """Return the objects in the first slots of an array.

    :param held: The held objects of its block, or None.
    :param slot_of: Returns a pointer to a slot, for what is rare or an error.
    """
    block, stride = array._block, array._bound
    loaded = []
    offset = 0
    for index in range(count):
        value = load(block, offset)
        if value.__class__ is Key:
            found = MISSING if held is None else held.load(offset, value)
            value = EMPTY if found is MISSING else found
        if value is EMPTY:
            value = slot_of(index).dereference()
        loaded.append(value)
        offset += stride
    return loaded
