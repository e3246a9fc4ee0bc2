# SPDX-License-Identifier: MIT
"""Guarded memory: C code that leaves a block dies there and then, and can say where."""

from __future__ import annotations

import sys

from pointers._alloc.allocator import Allocator
from pointers._alloc.records import GuardInfo, record
from pointers._collector import call
from pointers._errors import status_error
from pointers._ffi import ffi, lib
from pointers._pointer.raw import as_size
from pointers._registry import makers, new_cell
from pointers._typing import Any


class Guard(Allocator):
    """Each block on pages of its own, flush against a page that nobody can touch.

    The checked API never leaves a block anyway; this is for code that has only
    the address, such as C functions called by ctypes.  One byte past the end
    (or before the start) and the program ends by a signal at that very
    instruction; so it does for memory that was freed, as long as that is in
    quarantine.  The end is flush for sizes that are multiples of the
    alignment: ``malloc(10, align=1)`` guards every byte.
    """

    __slots__ = ()

    _labels = True
    _is_root = True

    def __new__(cls, *, underflow: bool = False, quarantine: int = 16 * 1024 * 1024) -> Guard:  # noqa: PYI034
        """Make a guard allocator.

        :param underflow: Guard the start of each block, and not its end.
        :param quarantine: Bytes of address space that freed blocks may keep
            unusable, the oldest giving way.  Where there are no more mappings,
            the blocks that any Guard has freed give way.
        """
        cell = new_cell()
        flags = lib.PTRS_GUARD_UNDERFLOW if underflow else 0
        status = call(lib.ptrs_guard_new, flags, as_size(quarantine, "quarantine"), cell)
        return cls._made(status, cell)

    def info(self) -> GuardInfo:
        """Return what is known beside `stats`.

        `damaged_blocks` were freed with bytes beside them overwritten, where
        their ends were not flush.
        """
        info = ffi.new("PtrsGuardInfo *")
        status = lib.ptrs_guard_info(self._cdata, info)
        if status:
            raise status_error(status)
        told: GuardInfo = record(GuardInfo, info)
        return told


def report_faults(file: Any = None) -> None:
    """Tell which guarded block was missed, before the process ends by that fault.

    One line, with the block, its size, by how many bytes it was missed, and
    the line of the program that allocated it; then the signal takes its
    course, as for `faulthandler`, which may be enabled before or after.  A line
    is also written for each block that ends with bytes beside it overwritten.

    A line that cannot be written, since nobody reads a full pipe, is lost: the
    thread that writes it may be the one that the reader waits for.

    :param file: A file or its descriptor; by default sys.stderr.  A copy of the
        descriptor is kept open until the next call: the file may be closed.
    :raises ValueError: it has no descriptor that is open for writing.
    """
    target = sys.stderr if file is None else file
    if target is None:
        raise ValueError("there is no sys.stderr here: name a file")
    fd = target if isinstance(target, int) else target.fileno()
    if not 0 <= fd < 2**31:
        raise ValueError(f"{fd} is no open file descriptor")
    status = lib.ptrs_guard_report_faults(fd)
    if status:
        raise status_error(
            status,
            bad_arg=f"{fd} is no open file descriptor that can be written to",
            os="there are no file descriptors left: close some",
        )


makers["guard"] = Guard._of
