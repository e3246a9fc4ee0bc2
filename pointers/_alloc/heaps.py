# SPDX-License-Identifier: MIT
"""The allocators beside the C library's: arenas, pools, and those of other libraries."""

from __future__ import annotations

import os

from pointers._alloc.allocator import Allocator
from pointers._alloc.limits import Limited, as_limit, parent_of
from pointers._collector import call, charge
from pointers._errors import status_error, why_refused
from pointers._ffi import ffi, lib
from pointers._pointer.raw import as_align, as_int, as_size
from pointers._registry import makers, new_cell
from pointers._typing import Any

_MESSAGE_SIZE = 512

# As Debian's jemalloc; glibc reads both when a process starts
_STATIC_TLS = (
    ": start the process with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384 in its "
    "environment, or with the library in LD_PRELOAD"
)


def _positive(value: Any, name: str) -> int:
    size = as_size(value, name)
    if not size:
        raise ValueError(f"{name} must be at least 1")
    return size


class Arena(Limited):
    """Blocks one behind the other in large chunks, which go all together.

    Allocating costs next to nothing.  A block that is freed gives its bytes
    back if it is the last one; all others wait for `reset`, which also is
    cheap, for `rewind`, or for the end of the arena.
    """

    __slots__ = ()

    _release_unused = staticmethod(lib.ptrs_arena_release_unused)

    def __new__(  # noqa: PYI034
        cls,
        chunk_size: int = 64 * 1024,
        *,
        parent: Allocator | None = None,
        limit: int | None = None,
    ) -> Arena:
        """Make an arena; it takes no memory before the first block.

        :param chunk_size: Bytes that it takes from its parent at a time; a
            block that does not fit gets a chunk of its own.
        :param parent: Where chunks come from; by default the C library.
        :param limit: Bytes of the blocks that may live at one time.
        :raises ValueError: the parent has 64 allocators above it, or the limit is less than 1.
        """
        most = as_limit(limit)
        cell = new_cell()
        size = _positive(chunk_size, "chunk_size")
        charge(size)
        status = call(lib.ptrs_arena_new, parent_of(parent), size, cell)
        made = cls._made(status, cell, too_large=f"its parent has no chunks of {size} bytes")
        return made._with_limit(most)

    def reset(self) -> None:
        """End all blocks; the memory is kept for what comes next.

        :raises BufferError: a view uses a block, or an allocator that has this
            one as its parent holds memory of it; nothing has changed.
        :raises ValueError: the arena is closed.
        """
        self._end_blocks("reset", lib.ptrs_arena_reset, self._cdata)

    def mark(self) -> int:
        """Remember how far the arena is filled; return what `rewind` takes.

        A mark is good until a reset, or a rewind to an earlier one.

        :raises ValueError: the arena is closed.
        """
        cell = ffi.new("uint64_t *")
        status = call(lib.ptrs_arena_mark, self._cdata, cell)
        if status:
            raise status_error(status, no_mem=f"no memory for a mark{why_refused()}")
        return int(cell[0])

    def rewind(self, mark: int) -> None:
        """End all blocks that lie behind a mark: those made or moved since.

        :raises BufferError: a view uses one of them, or another allocator does;
            nothing has changed.
        :raises ValueError: the mark is not good any more, or the arena is closed.
        """
        number = as_int(mark, "a mark is what mark() returned")
        if not 0 <= number < 2**64:
            raise ValueError(f"{number} is no mark of this arena")
        self._end_blocks(
            "rewind",
            lib.ptrs_arena_rewind,
            self._cdata,
            number,
            stale=f"mark {number} is gone: the arena was reset, or rewound to an earlier one",
        )


class Pool(Limited):
    """Blocks of one size, which are used again as soon as they are freed."""

    __slots__ = ()

    _release_unused = staticmethod(lib.ptrs_pool_release_unused)

    def __new__(  # noqa: PYI034
        cls,
        block_size: int,
        *,
        align: int | None = None,
        slab_blocks: int | None = None,
        parent: Allocator | None = None,
        limit: int | None = None,
    ) -> Pool:
        """Make a pool; it takes no memory before the first block.

        :param block_size: Bytes of each block; smaller requests fit.
        :param align: Bytes, of each block, and the most that a request may ask for.
        :param slab_blocks: Blocks for which it takes memory at a time; by
            default as many as fit into 64 KiB, but at least 8.
        :param parent: Where slabs come from; by default the C library.
        :param limit: Bytes of the blocks that may live at one time.
        :raises ValueError: the parent has 64 allocators above it, or the limit is less than 1.
        """
        most = as_limit(limit)
        cell = new_cell()
        size = _positive(block_size, "block_size")
        count = 0 if slab_blocks is None else _positive(slab_blocks, "slab_blocks")
        charge(size * count)
        status = call(lib.ptrs_pool_new, parent_of(parent), size, as_align(align), count, cell)
        made = cls._made(
            status,
            cell,
            too_large=f"its parent has no slabs for blocks of {size} bytes",
            overflow=f"slabs for blocks of {size} bytes would be too large",
        )
        return made._with_limit(most)

    @property
    def block_size(self) -> int:
        """Bytes of each block."""
        return int(lib.ptrs_pool_block_size(self._cdata))


class Foreign(Allocator):
    """The malloc(3) family of a shared library, from `load_allocator`."""

    __slots__ = ()

    _is_root = True

    def __new__(cls) -> Foreign:  # noqa: PYI034
        """Refuse: see `load_allocator`."""
        raise TypeError("a Foreign is made by load_allocator()")


def load_allocator(path: str | os.PathLike[str], prefix: str = "") -> Foreign:
    """Make an allocator of the malloc(3) family of a shared library.

    The library stays in the process.  One that replaces the C++ operators, as
    tcmalloc does, changes them for all that is loaded after it, whoever loads
    it: use such a one in a process of its own.

    :param path: The library; a name without a slash is searched for where the
        system searches.
    :param prefix: Of the names of its functions, such as ``"mi_"``.
    :raises LibraryError: there is no such library, it cannot be loaded, or it has
        no such functions of its own (what it takes from the C library does not
        count).  It is an `OSError`.
    :raises ValueError: `path` is empty, or has a null character, as `prefix` must
        not.
    :raises TypeError: they are no text.
    """
    name = os.fspath(path)
    if not isinstance(name, str) or not isinstance(prefix, str):
        raise TypeError("path and prefix must be str")
    if not name or "\0" in name or "\0" in prefix:
        raise ValueError(f"{name!r} with prefix {prefix!r} names no library")
    cell = new_cell()
    message = ffi.new("char[]", _MESSAGE_SIZE)
    status = call(
        lib.ptrs_foreign_new,
        os.fsencode(name),
        prefix.encode(),
        message,
        _MESSAGE_SIZE,
        cell,
    )
    text = ffi.string(message).decode("utf-8", "replace")
    advice = _STATIC_TLS if "static TLS" in text else ""
    return Foreign._made(status, cell, foreign=f"cannot load an allocator: {text}{advice}")


makers.update(arena=Arena._of, pool=Pool._of, foreign=Foreign._of)
