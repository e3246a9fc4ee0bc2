# SPDX-License-Identifier: MIT
"""Arrays of NumPy whose data is in memory of an allocator (NumPy's enhancement proposal 49)."""

from __future__ import annotations

from contextvars import Context, ContextVar, copy_context
from importlib import import_module

from pointers._alloc.allocator import Allocator, System
from pointers._errors import status_error
from pointers._ffi import COUNTS_REFERENCES, lib, load_beside
from pointers._typing import Any, Generic, TypeVar

A = TypeVar("A", bound=Allocator)

# Of NumPy's table of C functions: its layouts that are known, and the contents since 1.22
_LAYOUTS = (1, 2)
_OLDEST = 0xF

# (block, its handler, the token that puts back what was before, the entry before) of the last
# block of each context.  NumPy's own variable has the handler; this one knows to which block that
# belongs.
_entries: ContextVar[Any] = ContextVar("pointers.numpy_allocator", default=None)

# (block, its handler) of the blocks of the process, the last of which has the default; the first
# entry is of NumPy's own handler.  Empty until the place of the default has been found.
_process_entries: list[Any] = []

# The compiled module, NumPy's table, its context variable and its own handler, once they have been
# found
_found: list[Any] = []


def _find_table() -> Any:
    """Return the capsule of NumPy's C functions."""
    try:
        numpy = import_module("numpy")
    except ImportError as error:
        raise ImportError(
            f"numpy_allocator() needs NumPy 1.22 or later, which cannot be imported: {error}",
            name="numpy",
        ) from error
    for name in ("_core", "core"):  # the second one before NumPy 2
        module = getattr(getattr(numpy, name, None), "_multiarray_umath", None)
        table = getattr(module, "_ARRAY_API", None)
        if table is not None:
            return table
    raise ImportError(
        f"numpy_allocator() finds no C functions in {numpy!r}: install NumPy 1.22 or later",
        name="numpy",
    )


def _load_compiled() -> Any:
    """Return the compiled module, or None where there is none."""
    if not COUNTS_REFERENCES:
        return None
    try:
        return load_beside("pointers._numpy")
    except ImportError as error:
        raise NotImplementedError(
            "arrays take memory from allocators in the main interpreter alone, and this is a "
            "subinterpreter"
        ) from error


def _find_variable(compiled: Any, table: Any, own: Any) -> Any:
    """Return NumPy's context variable; to be called in an empty context."""
    compiled.set(table, own)
    return next(variable for variable, value in copy_context().items() if value is own)


def _find() -> list[Any]:
    """Return what `_found` has."""
    compiled = _load_compiled()
    table = _find_table()
    if compiled is None:
        raise NotImplementedError(
            "NumPy cannot take memory from allocators on this interpreter: use CPython, or "
            "np.frombuffer(ptr.view()) for a single array"
        )
    layout, contents = compiled.versions(table)
    if contents < _OLDEST or layout >> 24 not in _LAYOUTS:
        version = import_module("numpy").__version__
        raise ImportError(
            f"numpy_allocator() knows NumPy from 1.22 to 2, and not {version}: install another one",
            name="numpy",
        )
    own = compiled.own(table)
    return [compiled, table, Context().run(_find_variable, compiled, table, own), own]


def _offered(function: Any, variable: Any, entries: Any, block: Any, source: Allocator) -> None:
    """Call a compiled function that makes an allocator NumPy's."""
    key = lib.ptrs_access_offer(source._cdata)
    try:
        function(variable, entries, block, key)
    finally:
        lib.ptrs_access_withdraw(key)


def _find_default() -> bool:
    """Find where NumPy's variable has its default; to be called in an empty context."""
    compiled, _, variable, own = _found
    with numpy_allocator(System()):
        return bool(compiled.find_default(variable, _process_entries, own, variable.get()))


def _leave_another(block: object) -> str:
    """Take a block out that was not the last one, or not the last handler; return what is wrong.

    Blocks of a generator may end in another order than they began.
    """
    entry = _entries.get()
    later: list[Any] = []
    while entry is not None and entry[0] is not block:
        later.append(entry)
        entry = entry[3]
    if entry is None:
        return "this block was not entered in this context, as of a thread or a task"
    if not later:
        _entries.set(entry[3])
        return (
            "other code has made a handler NumPy's inside of the block, and not put back what was "
            "there: the other handler stays"
        )
    # The next one puts back what this one would have
    _, _, token, rest = entry
    following = later.pop()
    rest = (following[0], following[1], token, rest)
    for other in reversed(later):
        rest = (*other[:3], rest)
    _entries.set(rest)
    return "blocks that were entered later have not ended yet: end them first"


class numpy_allocator(Generic[A]):  # noqa: N801 - used as a function
    """Let NumPy's arrays take their data from an allocator while a `with` block runs.

    It holds in this context alone (as in `contextvars`): other threads, those that are started
    inside too, and other tasks keep what they have.  With `process_wide`, it holds in all threads
    and tasks that are in no other block and have no handler of other code.  The arrays may outlive
    the block; the allocator cannot be closed or reset before the last of them has gone.  Each array
    takes 16 bytes more than its data.  One object may be entered any number of times.

    NumPy raises its own `MemoryError` where the allocator has no memory, or is closed.
    """

    __slots__ = ("_process_wide", "_source")

    def __init__(self, source: A, *, process_wide: bool = False) -> None:
        """Take an allocator, from which arrays come once this is entered.

        :raises TypeError: it is no allocator.
        :raises ImportError: NumPy is missing, or older than 1.22.
        :raises NotImplementedError: this is PyPy, or a subinterpreter.
        """
        if not isinstance(source, Allocator):
            raise TypeError(f"source must be an Allocator, not {type(source).__name__}")
        if not _found:
            _found[:] = _find()
        if process_wide and not _process_entries and not Context().run(_find_default):
            raise NotImplementedError(
                "numpy_allocator(..., process_wide=True) does not know this Python's context "
                "variables: enter numpy_allocator(...) in each thread instead"
            )
        self._process_wide = bool(process_wide)
        self._source = source

    def __enter__(self) -> A:
        """Make the allocator that of NumPy in this context, or in the process, and return it.

        :raises ValueError: it is closed.
        """
        source = self._source
        if source.closed:
            raise status_error(lib.PTRS_STATUS_CLOSED)
        compiled, _, variable, _ = _found
        if self._process_wide:
            _offered(compiled.start, variable, _process_entries, self, source)
        else:
            _offered(compiled.enter, variable, _entries, self, source)
        return source

    def __exit__(self, kind: object = None, *_exc_info: object) -> None:
        """Give NumPy the memory again that it had before, of whatever handler that is.

        A block of the process may end in any thread and in any order: the last one that has not
        ended holds.

        :raises RuntimeError: the block was entered in another context, a block that was entered
            later has not ended, as of a suspended generator, or other code has left a handler of
            its own in place.  All other blocks are as they were.  An exception that is on its way
            passes.
        """
        compiled, _, variable, own = _found
        if self._process_wide:
            if compiled.stop(variable, _process_entries, self):
                return
            wrong = "this block has not been entered, or has ended"
        elif compiled.leave(variable, _entries, self, own):
            return
        else:
            wrong = _leave_another(self)
        if kind is None:
            raise RuntimeError(f"cannot end 'with numpy_allocator(...)': {wrong}")
