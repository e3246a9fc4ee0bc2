# SPDX-License-Identifier: MIT
"""Which lines of the program allocated and freed a block, while tracemalloc traces.

What a block is known by is its handle, which no other block ever has.  Where C tells tracemalloc of
blocks (`bindings/cpython/trace.c`), it calls the functions here, too.
"""

from __future__ import annotations

import sys
from itertools import count

from pointers._ffi import fast, lib
from pointers._typing import Any

try:
    from _tracemalloc import get_traceback_limit, is_tracing  # of tracemalloc, which is slow
except ImportError:  # PyPy's tells nothing

    def is_tracing() -> bool:
        """Return False: there is no tracemalloc."""
        return False

    def get_traceback_limit() -> int:
        """Return the frames that each trace has."""
        return 1


#: The domain of our blocks in tracemalloc, for `tracemalloc.DomainFilter`.
tracemalloc_domain = 0x70747273

__all__ = [
    "block_allocated",
    "block_freed",
    "how_it_ended",
    "is_tracing",
    "live",
    "sweep",
    "trace_of",
    "tracemalloc_domain",
]

_FOLDER = __file__[: -len("_traces.py")]

#: The number of each traced block that lives, as far as is known, and who allocated it.
live: dict[int, tuple[int, Any]] = {}

# Who allocated and who freed the blocks that have ended, the oldest first
_ended: dict[int, tuple[Any, Any]] = {}
_MAX_ENDED = 4096

# One for each block; what is given out with the next one is what repr() tells
_numbers = count(1)

# Steps from one look to the next at blocks that ended unseen; more if more blocks live
_SWEEP = 4096
_steps = count(1)
_sweep_at = [_SWEEP]

# Of a call that has no memory for its frame, the interpreter says SystemError
_LACKING = (MemoryError, SystemError)


def _callers(
    _get_frame: Any = sys._getframe, _limit: Any = get_traceback_limit, _folder: str = _FOLDER
) -> tuple[tuple[str, int], ...]:
    """Return the lines that led here, without those of this package, the last one first."""
    frame = _get_frame(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_folder):
        frame = frame.f_back
    lines = []
    for _ in range(_limit()):
        lines.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
        if frame is None:
            break
    return tuple(lines)


def _text(line: tuple[str, int]) -> str:
    return f"{line[0]}:{line[1]}"


def _forget(
    block: int,
    # Bound here, since a module's globals may be gone when the program ends
    _live: Any = live,
    _ended: Any = _ended,
    _most: int = _MAX_ENDED,
    _lines: Any = _callers,
    _untrack: Any = None if fast is None else fast.untrack,
    _is_tracing: Any = is_tracing,
    _lacking: Any = _LACKING,
) -> Any:
    """Remember who frees a block that has ended; return who allocated it, or None."""
    entry = _live.pop(block, None)
    if _untrack is not None:
        _untrack(block, not _live and not _is_tracing())
    if entry is None:
        return None
    try:
        _ended[block] = entry[1], _lines()
        while len(_ended) > _most:
            _ended.pop(next(iter(_ended)), None)
    except (*_lacking, RuntimeError, StopIteration):  # no memory; or another thread is at it
        pass
    return entry[1]


def sweep(
    _live: Any = live, _size_of: Any = lib.ptrs_access_size_of, _forget: Any = _forget
) -> None:
    """Look for blocks that have ended together, or where nothing could be told."""
    for block in list(_live):
        if _size_of(block) < 0:
            _forget(block)


def _step(
    _steps: Any = _steps,
    _at: Any = _sweep_at,
    _least: int = _SWEEP,
    _live: Any = live,
    _sweep: Any = sweep,
    _lacking: Any = _LACKING,
) -> None:
    """Sweep now and then."""
    try:
        number = next(_steps)
        if number >= _at[0]:
            # Said first: a finalizer may come here meanwhile, and an interrupt end the sweep
            _at[0] = number + max(_least, len(_live))
            _sweep()
    except _lacking:
        pass


def block_allocated(block: int) -> None:
    """Remember who allocates a block.  Without memory for that, it stays unknown."""
    try:
        live[block] = next(_numbers), _callers()
        _step()
    except _LACKING:
        pass


def block_freed(
    block: int,
    _live: Any = live,
    _forget: Any = _forget,
    _step: Any = _step,
    _tell: Any = _text,
    _is_tracing: Any = is_tracing,
) -> str:
    """Remember who frees a block that has ended; return who allocated it, or nothing."""
    lines = _forget(block)
    if lines is not None:
        return f", allocated at {_tell(lines[0])},"
    if _live and not _is_tracing():
        _step()  # once no block is traced any more, this is not called
    return ""


def how_it_ended(block: int) -> str:
    """Return who allocated and who freed a block that has ended, or nothing."""
    entry = _ended.get(block)
    if entry is None:
        return ""
    return f" (allocated at {_text(entry[0][0])}, freed at {_text(entry[1][0])})"


def trace_of(block: int) -> tuple[int | None, tuple[str, ...] | None]:
    """Return how many blocks were allocated since a block was, and the lines; None if unknown."""
    entry = live.get(block)
    if entry is None:
        return None, None
    newest = int(repr(_numbers)[len("count(") : -1]) - 1
    return newest - entry[0], tuple(map(_text, entry[1]))
