# SPDX-License-Identifier: MIT
"""Memory that others have allocated, as a checked pointer."""

from __future__ import annotations

import _weakref
import sys
from _thread import get_ident
from types import MethodType

from pointers._errors import status_error
from pointers._ffi import CALLS_BACK, fast, ffi, lib
from pointers._interop.endings import Ending
from pointers._pointer.base import new_adopted
from pointers._pointer.heap import AllocatedPointer
from pointers._pointer.raw import SIZE_MAX, as_int, as_size
from pointers._typing import Any, Callable, NoReturn, TypeVar

T = TypeVar("T")

_CDATA = type(ffi.NULL)
_WEAK = (_weakref.ReferenceType, _weakref.ProxyType, _weakref.CallableProxyType)

_PYTHON_API = 4  # of the flags of a ctypes function: it needs the lock of the interpreter

# Where the memory of programs ends: on 64-bit machines, the upper half is the kernel's
_TOP = min(2 * (SIZE_MAX + 1), 2**63)

# Functions that C calls, by their addresses, for ever: a block may outlive what the caller has of
# them.  Those that are made of Python functions are not here, but with their block.
_functions: dict[int, Any] = {}


class AdoptedPointer(AllocatedPointer[T]):
    """A pointer to memory that something else has allocated: see `from_address`."""

    __slots__ = ("_ending",)

    # Of the root alone.  None where the compiled path has made the pointer, and does all that
    # there is to do.
    _ending: Ending | None

    def _own_ending(self) -> Ending | None:
        root: Any = self if self._root is None else self._root
        try:
            ending: Ending | None = root._ending
        except AttributeError:  # object.__new__() makes pointers without a block
            raise status_error(lib.PTRS_STATUS_BAD_HANDLE) from None
        return ending

    @property
    def allocator(self) -> None:
        """None: the memory is of no allocator of this package.

        :raises FreedMemoryError: the block is gone.
        """
        self._checked(lib.ptrs_access_size_of(self._block))

    def free(self) -> None:
        """Free the block, as `AllocatedPointer.free`, and call what `from_address` was given.

        What that raises is raised here; the block is gone all the same.
        """
        ending = self._own_ending()
        if ending is None:
            super().free()
            return
        ending.callers.append(get_ident())
        try:
            super().free()
        finally:
            ending.callers.remove(get_ident())
        ending.forget()
        ending.raise_error()

    def realloc(self, size: int) -> NoReturn:
        """Refuse: whoever has allocated the memory would have to do that.

        :raises ValueError: always, or `FreedMemoryError`.
        """
        as_size(size)
        self._checked(lib.ptrs_access_size_of(self._block))
        raise ValueError(
            "cannot resize memory that something else has allocated: copy it into memory of "
            "malloc()"
        )

    def _leave(self) -> None:
        ending = self._own_ending()
        if ending is not None:
            # Weak references may be gone before the pointer's finalizer has run
            ending.wait()
        super()._leave()

    def release(self) -> int:
        """Give the memory back as it was: the address; nothing is called, and nothing is kept."""
        ending = self._own_ending()  # later there may be no memory to ask for it
        address = super().release()
        if ending is not None:
            ending.forget()
        return address


def _address_of(function: Any) -> int:
    """Return the address of a C function that frees memory; 0 if this is none."""
    if isinstance(function, _CDATA):
        kind = ffi.typeof(function)
        if kind.kind != "function":
            raise TypeError(f"free must be a function, not {kind.cname}")
        n_arguments = len(kind.args)
        address = int(ffi.cast("uintptr_t", function))
    else:
        ctypes: Any = sys.modules.get("ctypes")
        if ctypes is None or not isinstance(function, ctypes._CFuncPtr):
            return 0
        n_arguments = 1 if function.argtypes is None else len(function.argtypes)
        # Not by cast(), which hides a lack of memory in an error of its own
        address = ctypes.c_void_p.from_buffer(function).value or 0
    if n_arguments != 1:
        raise TypeError(f"free must take one argument, the address, and not {n_arguments}")
    if not address:
        raise ValueError("free is NULL: leave it out where nothing has to be freed")
    return address


def _is_python(function: Any) -> bool:
    """Whether a C function needs the interpreter, or is itself made of a Python function."""
    if isinstance(function, _CDATA):
        return type(function) is not _CDATA  # it owns the code; on PyPy nothing tells
    return bool(function._flags_ & _PYTHON_API) or not hasattr(function, "__name__")


def _call(function: Any, address: int) -> None:
    if isinstance(function, _CDATA):
        function(ffi.cast("void *", address))
    else:
        function(sys.modules["ctypes"].c_void_p(address))


def _as_function(free: Any) -> tuple[int, Callable[[int], object] | None]:
    """Return the address of a C function, or a function of Python; or neither."""
    if free is None:
        return 0, None
    address = _address_of(free)
    if address and _is_python(free):
        return 0, MethodType(_call, free)
    if address:
        _functions[address] = free
        if fast is not None:
            fast.know_free(free, address, isinstance(free, _CDATA))
        return address, None
    if issubclass(type(free), _WEAK):
        raise TypeError("free is a weak reference, which keeps nothing: pass the function")
    if not callable(free):
        raise TypeError(
            f"free must be a function that takes the address, not {type(free).__name__}"
        )
    return 0, free


def _as_address(address: Any) -> int:
    number = as_int(address, "address must be an int, such as ptr.value of a c_void_p")
    if not number:
        raise ValueError("address is 0, which is NULL: there is no memory")
    if not 0 < number < _TOP:
        raise ValueError(f"address is {number}: it must be from 1 to {_TOP - 1}")
    return number


def from_address(
    address: int,
    size: int,
    *,
    keepalive: object = None,
    free: Any = None,
) -> AdoptedPointer[Any]:
    """Return a pointer to memory that something else has allocated, such as a C function.

    Its block is checked as any other, within `size` bytes from the address: that these are
    there, and stay as long as the pointer or a view of it, is the caller's promise.

    :param keepalive: An object that is kept for as long as the block lives.
    :param free: What frees the memory, once: in `free`, when the pointer is leaked, with the last
        view, at the latest when the program ends.  A function of ctypes or cffi
        (``ffi.addressof(lib, "free")``) is called without Python.  Anything else is called with
        the address; where it raises, the error goes to the caller of `free`, or to
        `sys.unraisablehook`.  None: nothing has to be freed, and a leaked pointer is no matter of
        a warning.
    :raises ValueError: the address is 0, negative or too large, the bytes reach beyond the end
        of the address space, or `free` is NULL.
    :raises AllocationError: `size` is more than any block has, or there is no memory for the
        block's entry in the table.
    :raises TypeError: a number is no int, `free` is no function of one argument, or `free` or
        `keepalive` is a weak reference, which keeps nothing.
    """
    number, n_bytes = _as_address(address), as_size(size)
    if number + n_bytes >= _TOP:
        raise ValueError(f"{n_bytes} bytes from {number:#x} reach beyond the address space")
    # By type(): a proxy says that it is of its object's class
    if issubclass(type(keepalive), _WEAK):
        raise TypeError("keepalive is a weak reference, which keeps nothing: pass the object")
    function_address, function = _as_function(free)
    if (function is not None or keepalive is not None) and not CALLS_BACK:
        raise ValueError("this interpreter cannot be called back: pass a C function as free")
    if function_address and keepalive is not None:
        # C calls back once, to let the object go
        function = MethodType(lib.ptrs_access_call_free, function_address)
        function_address = 0
    given = ffi.new("void **")  # before there is a block: later there may be no memory for it
    ending = Ending(AdoptedPointer, number, function, keepalive)
    block = lib.ptrs_access_own(number, n_bytes, function_address, ending.token)
    if block < 0:
        raise status_error(block, no_mem="no memory for another block")
    ending.warns = free is not None
    return _pointer_to(block, ending, given)


def _pointer_to(block: int, ending: Ending, given: Any) -> AdoptedPointer[Any]:
    # A function of its own: where there is no memory, 3.11 makes no number above 256, and so never
    # ends in a handler that is farther from the start
    try:
        ptr: AdoptedPointer[Any] = new_adopted(AdoptedPointer, block, ending)
        ending.block = block
    except BaseException:
        # The memory is still the caller's
        lib.ptrs_block_give(block, given)
        raise
    return ptr


if fast is not None:
    globals().update(fast.install_late(globals()))
