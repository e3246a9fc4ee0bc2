# SPDX-License-Identifier: MIT
"""Pointers as arguments of ctypes functions, and objects of ctypes over their memory.

Both pin the block for as long as they live.  Where references are counted, an argument is gone
when its call has returned; elsewhere the collector finds it, which `free` asks to look first.
"""

from __future__ import annotations

import importlib
import sys

from pointers._errors import FreedMemoryError, InvalidSizeError
from pointers._ffi import COUNTS_REFERENCES, fast
from pointers._pointer.base import arrays_over
from pointers._typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import ctypes

C = TypeVar("C")

# To make a type takes a hundred times as long as to call a function
_makers: dict[int, Any] = {}
_copies: dict[int, Any] = {}

# What makes an object of a type over a buffer, and the size and alignment of the type
_checked: dict[Any, tuple[Any, int, int]] = {}
_MAX_TYPES = 256


def _keep(types: dict[Any, Any], key: Any, value: Any) -> Any:
    if len(types) >= _MAX_TYPES:
        types.clear()
    types[key] = value
    return value


def _ctypes() -> Any:
    # Imported when asked for, since it takes longer than all of this package
    return sys.modules.get("ctypes") or importlib.import_module("ctypes")


def _makers_of(size: int) -> tuple[Any, tuple[Any, Any]]:
    """Return what makes an array of so many bytes over a buffer, and what the compiled path needs.

    That is what makes one at an address, and the field where the array keeps the pin.  The class
    does not show the field: nobody can end the pin by deleting it.
    """
    kind: Any = _ctypes().c_char * size
    field = None
    if fast is not None:
        kind = type("Parameter", (kind,), {"__slots__": ("_pin",)})
        field = kind._pin
        del kind._pin
    return kind.from_buffer, (kind.from_address, field)


def parameter(ptr: Any) -> ctypes.Array[ctypes.c_char]:
    """Return an array over the memory from a pointer on, which pins the block."""
    ptr._check_writable()  # ctypes knows no parameter that is only read
    view = ptr.view()
    size = view.nbytes
    makers = _makers.get(size)
    if makers is None:
        makers = _keep(_makers, size, _makers_of(size))
    over, at_address = makers
    if fast is not None:
        # The compiled path makes the next one
        _keep(arrays_over, size, at_address)
    array: ctypes.Array[ctypes.c_char] = over(view)
    return array


class _Copy:
    """An array with a copy of stack memory, which is written back when the array goes.

    The memory itself cannot be lent: nothing would keep a program from keeping the argument for
    longer than the function has its memory.
    """

    _target: Any = None
    _before = b""

    def __del__(self) -> None:
        # As C sees it, a function that has written nothing has changed nothing
        now = bytes(self)  # type: ignore[call-overload]
        if self._target is None or now == self._before:
            return
        try:
            self._target.write(now)
        except FreedMemoryError:
            self._target = None  # the function has returned, and its memory is gone


def copied_parameter(ptr: Any) -> ctypes.Array[ctypes.c_char]:
    """Return an array with a copy of stack memory, for the time of a call.

    :raises BufferError: nothing tells when the call has ended.
    """
    ptr._check_writable()
    before = ptr.read()
    if not COUNTS_REFERENCES:
        raise BufferError(
            "stack memory cannot be passed to C here, since nothing tells when the call has "
            "ended: pass memory of malloc()"
        )
    size = len(before)
    kind = _copies.get(size)
    if kind is None:
        bases = (_Copy, _ctypes().c_char * size)
        kind = _keep(_copies, size, type("StackParameter", bases, {}))
    copy = kind.from_buffer_copy(before)
    copy._before = before
    copy._target = ptr
    array: ctypes.Array[ctypes.c_char] = copy
    return array


def _holds_objects(kind: Any, ctypes: Any) -> bool:
    """Whether a type of ctypes has references to objects of Python, which bytes could forge."""
    if issubclass(kind, ctypes.py_object):
        return True
    if issubclass(kind, ctypes.Array):
        return _holds_objects(kind._type_, ctypes)
    if issubclass(kind, (ctypes.Structure, ctypes.Union)):
        # Those of the bases, too.  A loop, since 3.11 loses what a generator refers to where it has
        # no memory for that.
        for base in kind.__mro__:
            for field in base.__dict__.get("_fields_", ()):
                if _holds_objects(field[1], ctypes):
                    return True
    return False


def _check(kind: Any) -> tuple[Any, int, int]:
    """Return what makes an object of a type over a buffer, and its size and alignment."""
    ctypes = _ctypes()
    data = ctypes.c_int.__mro__[-2]  # of all types of ctypes
    if not (isinstance(kind, type) and issubclass(kind, data) and hasattr(kind, "from_buffer")):
        name = kind.__name__ if isinstance(kind, type) else repr(kind)
        raise TypeError(f"cast() takes a type of ctypes, such as c_int * 4, and not {name}")
    addresses = (ctypes._Pointer, ctypes._CFuncPtr, ctypes.c_char_p, ctypes.c_wchar_p)
    if issubclass(kind, addresses):
        raise TypeError(
            f"cast() gives an object in this memory, and {kind.__name__} is an address to go to: "
            "take ptr.cast(c_int * n) for n ints, or ptr.cast(c_void_p) for an address that is "
            "stored here"
        )
    try:
        size, align = ctypes.sizeof(kind), ctypes.alignment(kind)
    except TypeError:
        raise TypeError(f"{kind.__name__} has no size: use a subclass with _fields_") from None
    records = (ctypes.Structure, ctypes.Union)
    if not align or (issubclass(kind, records) and not size):
        raise TypeError(f"{kind.__name__} has no fields yet: give it its _fields_ first")
    if _holds_objects(kind, ctypes):
        raise TypeError(
            f"{kind.__name__} has references to Python objects, which raw memory cannot hold: "
            "store the object through the pointer"
        )
    return kind.from_buffer, size, align


def cast(ptr: Any, kind: type[C]) -> C:
    """Return an object of ctypes over the memory from a pointer on, which pins the block.

    The errors are those of `Location.cast`.
    """
    try:
        over, needed, align = _checked[kind]
    except (KeyError, TypeError):  # or it has no hash
        over, needed, align = _check(kind)
    ptr._check_writable()
    view = ptr.view()
    try:
        if view.nbytes < needed:
            raise InvalidSizeError(
                f"{kind.__name__} takes {needed} bytes, but there are only {view.nbytes} here: "
                "allocate or realloc() more"
            )
        if ptr.address % align:
            raise ValueError(
                f"{kind.__name__} needs an address that is a multiple of {align}: take another "
                f"offset, or malloc(..., align={align})"
            )
        made: C = over(view)
        # From its first object on, a type is final
        _keep(_checked, kind, (over, needed, align))
        return made
    except BaseException:
        # The traceback refers to the view, which would keep the pin
        view.release()
        raise
