# SPDX-License-Identifier: MIT
"""One call of a function with a block of the C stack, through the trampoline of the core."""

from __future__ import annotations

import sys
from _thread import get_ident

from pointers._collector import retry_no_memory
from pointers._errors import status_error
from pointers._ffi import fast, ffi, lib
from pointers._later import later
from pointers._pointer.base import new_stack
from pointers._pointer.steps import BytePointer
from pointers._typing import TYPE_CHECKING, Any, Callable, TypeVar

if TYPE_CHECKING:
    import ctypes

if TYPE_CHECKING or fast is None:
    from pointers._pointer.arguments import copied_parameter
    from pointers._pointer.stack_errors import refuse_suspended
else:
    later(globals(), "pointers._pointer.arguments", "copied_parameter")
    later(globals(), "pointers._pointer.stack_errors", "refuse_suspended")

T = TypeVar("T")
R = TypeVar("R")

_get_recursion_limit = sys.getrecursionlimit
_stack_call = lib.ptrs_access_stack_call

# Bytes of the C stack that an interpreter may need for each level of its recursion
# limit.  CPython up to 3.13 counts levels and does not watch the stack: the
# greediest recursion that was found, through sorted(), takes 2.5 KiB a level up
# to 3.12 and 5.0 KiB on 3.13.  PyPy gives each level 768 bytes, of which it
# counts those that a block takes: a block gets two thirds of them at most.
_PYPY = sys.implementation.name == "pypy"
LEVEL_NEEDS = 768 if _PYPY else 5300 if sys.version_info >= (3, 13) else 2700
LEVEL_GIVES = 512 if _PYPY else sys.maxsize

# On stacks that are too small for the recursion limit anyway, blocks together
# take no more than this part.
SMALL_SHARE = 16

_NEEDS = ffi.new("PtrsAccessStackNeeds *", (LEVEL_NEEDS, LEVEL_GIVES, SMALL_SHARE))

# An exception that not even the callback's handlers could keep: on PyPy they
# have no stack left at the end of the recursion, and on CPython one interrupt
# has met another.
_LOST = RecursionError if _PYPY else KeyboardInterrupt


class StackAllocatedPointer(BytePointer[T]):
    """A pointer to stack memory: dead as soon as its function has returned."""

    __slots__ = ()

    @property
    def _as_parameter_(self) -> ctypes.Array[ctypes.c_char]:
        """What ctypes passes: an array with a copy, which is written back after the call.

        On PyPy, where nothing tells when the call has ended, it is a `BufferError`.
        """
        return copied_parameter(self)

    def free(self) -> None:
        """Refuse: stack memory goes when its function returns."""
        raise status_error(
            lib.PTRS_STATUS_NOT_FREEABLE,
            not_freeable="cannot free stack memory: it goes when its function returns",
        )

    def release(self) -> int:
        """Refuse: stack memory goes when its function returns."""
        raise status_error(
            lib.PTRS_STATUS_NOT_FREEABLE,
            not_freeable="cannot give stack memory away: it goes when its function returns",
        )


class _Frame:
    """One call: what goes into the C function and what comes out."""

    __slots__ = ("args", "entered", "error", "finished", "func", "kwargs", "pointer", "result")

    def __init__(self, func: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.func = func
        self.args = args
        self.kwargs = kwargs
        self.pointer: StackAllocatedPointer[Any] | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.entered = False
        self.finished = False


# Calls that are under way, by their numbers
_frames: dict[int, _Frame] = {}
_numbers = iter(range(1, sys.maxsize))


# Exceptions of calls that were not even entered, by the threads where `call` takes them
_not_entered: dict[int, BaseException] = {}


def _on_error(_kind: Any, error: BaseException, traceback: Any) -> None:
    """Keep an exception that arrived before the callback could catch any."""
    number = traceback.tb_frame.f_locals.get("number") if traceback is not None else None
    frame = _frames.get(number) if number is not None else None
    if frame is None:
        _not_entered[get_ident()] = error
    elif frame.error is None:
        frame.error = error


@ffi.def_extern(onerror=_on_error)
def ptrs_access_enter_frame(block: int, number: int) -> None:
    frame = _frames[number]
    try:
        frame.entered = True
        frame.pointer = pointer = new_stack(StackAllocatedPointer, block)
        if frame.kwargs:
            frame.result = frame.func(pointer, *frame.args, **frame.kwargs)
        else:
            frame.result = frame.func(pointer, *frame.args)
        frame.finished = True
    except BaseException as error:
        frame.error = error


_ENTER = ffi.addressof(lib, "ptrs_access_enter_frame")


def call(size: int, align: int, func: Callable[..., R], args: Any, kwargs: Any) -> R:
    frame = _Frame(func, args, kwargs)
    number = next(_numbers)
    try:
        _frames[number] = frame
        arguments = (_get_recursion_limit(), _NEEDS, size, align, _ENTER, number)
        status = _stack_call(*arguments)
        if status:
            status = retry_no_memory(status, _stack_call, *arguments)
    finally:
        _frames.pop(number, None)
        pointer = frame.pointer
        if pointer is not None and pointer._held is not None:
            pointer._held.release()
    error, frame.error = frame.error, None
    if error is not None:
        try:
            raise error
        finally:
            del error  # its traceback holds this frame
    if status:
        raise stack_error(status, size)
    if not frame.entered:
        reason = _not_entered.pop(get_ident(), None)
        if isinstance(reason, MemoryError):
            raise reason
        raise RecursionError("maximum recursion depth exceeded on entering a stack function")
    if not frame.finished:
        raise _LOST()
    result: R = frame.result
    refuse_suspended(func, result)
    return result


def call_once(size: int, align: int, func: Callable[..., R]) -> R:
    """Call a function with stack memory and nothing else."""
    return call(size, align, func, (), {})


def stack_error(status: int, size: int) -> Exception:
    """Return the error of a call that got no memory."""
    available = ffi.new("size_t *")
    lib.ptrs_stack_available(lib.ptrs_access_stack_limit(_get_recursion_limit(), _NEEDS), available)
    return status_error(
        status,
        stack_exhausted=f"no {size} bytes of stack here: at most {available[0]} can be had; "
        "use malloc() for large blocks",
        no_mem="no memory to keep account of a stack block",
        not_supported="this code runs on a stack that the thread library does not know",
    )
