# SPDX-License-Identifier: MIT
"""Memory of blocks, told to the collector where objects do not go with their last reference.

There a dropped pointer keeps its block until the collector finds the pointer.  But
the collector sees the few bytes of the pointer alone, and not those of the block:
gigabytes of blocks would wait for it.  So it is asked for steps as blocks are
allocated, and for all that it can find before an allocation is given up.
"""

from __future__ import annotations

import gc

from pointers._ffi import COUNTS_REFERENCES, ffi, lib
from pointers._registry import roots
from pointers._typing import Any, Callable, TypeVar

R = TypeVar("R")

#: Bytes that are allocated for each step of the collector, of which a round takes about six.
STEP = 16 * 1024 * 1024

#: Bytes of blocks up to which the collector is left alone.
LEAST = 64 * 1024 * 1024

# Allocators go after their blocks, and their parents after them
_ROUNDS = 8

# Rounds without a byte less, after which others are not worth the time that each takes, which
# grows with the heap.  The second is for what the finalizers of the first have let go.
_FUTILE_ROUNDS = 2

#: Weak references to the buffers behind views, by the blocks that they pin, once each; also some
#: of buffers and of blocks that are gone.
exports: dict[int, Any] = {}
_MIN_EXPORTS = 64
_max_exports = _MIN_EXPORTS

_NO_MEM = lib.PTRS_STATUS_NO_MEM
_PINNED = lib.PTRS_STATUS_PINNED
_new_block = lib.ptrs_access_new_block


def live_bytes() -> int:
    """Return the bytes of all blocks, and of what allocators keep for theirs."""
    stats = ffi.new("PtrsStats *")
    lib.ptrs_allocator_stats(lib.ptrs_system_allocator(), stats)
    total: int = stats.current_bytes
    for ref in roots().valuerefs():
        source = ref()
        if source is not None:
            lib.ptrs_allocator_stats(source._cdata, stats)
            total += stats.current_bytes
    return total


class _Pressure:
    """How much may be allocated before the collector is asked for steps.

    As the collector itself does with its heap, this waits until there is half
    as much again as the last round has left.
    """

    __slots__ = ("left", "limit", "round_done")

    def __init__(self) -> None:
        self.left = STEP  # bytes until the next look
        self.limit = LEAST  # bytes of blocks up to which a look is all
        self.round_done = False

    def look(self) -> None:
        """Let the collector take steps, if there is much that may be garbage."""
        steps, self.left = (STEP - self.left) // STEP, STEP
        live = live_bytes()
        fair = live + max(LEAST, live // 2)
        if self.round_done:
            # Only by now the finalizers of that round have run
            self.round_done, self.limit = False, fair
        self.limit = min(self.limit, fair)
        if live <= self.limit or not gc.isenabled():
            return
        # Steps are small where the heap is large: garbage that has come this far gets
        # a whole round at once
        late = live - self.limit > max(LEAST, self.limit // 2)
        while late or steps > 0:
            steps -= 1
            if _collect_step():
                self.round_done = True
                break


def _collect_step() -> bool:
    """Do a part of a round of the collector; return whether it was the last part."""
    step: Any = getattr(gc, "collect_step", None)
    if step is None:  # only PyPy has parts
        gc.collect()
        return True
    return bool(step().major_is_done)


_pressure = _Pressure()


def charge(size: int) -> None:
    """Count bytes that are about to be allocated."""
    if not COUNTS_REFERENCES:
        _pressure.left -= size
        if _pressure.left < 0:
            _pressure.look()


def retry(refusal: int, status: int, function: Callable[..., int], *arguments: Any) -> int:
    """Call a C function again as long as it answers with this refusal.

    Where garbage goes only when the collector finds it, it gets its chance.
    """
    if COUNTS_REFERENCES or abs(status) != refusal:
        return status
    rounds = futile = 0
    live = live_bytes()
    while abs(status) == refusal and rounds < _ROUNDS and futile < _FUTILE_ROUNDS:
        gc.collect()
        status = function(*arguments)
        before, live = live, live_bytes()
        futile = futile + 1 if live >= before else 0
        rounds += 1
    return status


def retry_pinned(status: int, function: Callable[..., int], block: int, *arguments: Any) -> int:
    """Call a C function again that refused a pinned block, if that may help now."""
    if COUNTS_REFERENCES or abs(status) != _PINNED or not _FUTILE_ROUNDS:
        return status
    gc.collect()
    status = function(block, *arguments)
    # A round takes long, and all garbage goes with the first, but for what finalizers refer to
    if abs(status) == _PINNED and _ends_soon(block):
        status = retry(_PINNED, status, function, block, *arguments)
    return status


def retry_in_use(status: int, function: Callable[..., int], *arguments: Any) -> int:
    """Call a C function again that refused an allocator in use, if that may help now."""
    return retry(_PINNED, status, function, *arguments)


def _ends_soon(block: int) -> bool:
    """Whether a pin of a block waits for the end of a buffer that nothing reaches any more."""
    buffer = exports.get(block)
    lives = buffer is not None and buffer() is not None
    n_pins: int = lib.ptrs_access_pins_of(block)
    return n_pins > lives


def note_export(block: int, buffer: Any) -> None:
    """Remember the weak reference to a buffer that pins a block, in the place of an earlier one."""
    global _max_exports
    exports[block] = buffer
    if len(exports) > _max_exports:
        # Without a look at the buffers: one that is looked at cannot end.  And a list of pairs
        # would let the collector run, whose finalizers may come here.
        for other in list(exports):
            if lib.ptrs_access_pins_of(other) <= 0:
                exports.pop(other, None)
        _max_exports = 2 * len(exports) + _MIN_EXPORTS


def retry_no_memory(status: int, function: Callable[..., int], *arguments: Any) -> int:
    """Call a C function again that found no memory, if that may help now."""
    return retry(_NO_MEM, status, function, *arguments)


def call(function: Callable[..., int], *arguments: Any) -> int:
    """Call a C function that takes memory."""
    return retry_no_memory(function(*arguments), function, *arguments)


def again(function: Callable[..., R], *arguments: Any) -> R:
    """Call a function; if it finds no memory, again when the collector has had its chance."""
    try:
        return function(*arguments)
    except MemoryError:
        if COUNTS_REFERENCES:
            raise
    gc.collect()
    return function(*arguments)


def _charged_block(source: Any, size: int, align: int) -> int:
    charge(size)
    block: int = _new_block(source, size, align)
    return block if block >= 0 else retry_no_memory(block, _new_block, source, size, align)


#: ``ptrs_access_new_block``, and what the collector has to be told.
new_block: Callable[[Any, int, int], int] = _new_block if COUNTS_REFERENCES else _charged_block
