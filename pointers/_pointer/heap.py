# SPDX-License-Identifier: MIT
"""Pointers to memory of the heap, which has to be freed."""

from __future__ import annotations

from pointers._collector import charge, retry_no_memory, retry_pinned
from pointers._errors import freed_error, status_error, why_refused
from pointers._ffi import COUNTS_REFERENCES, fast, ffi, lib
from pointers._later import later
from pointers._pointer.base import NO_LIMIT, disown, freeing
from pointers._pointer.pointer import Pointer
from pointers._pointer.raw import as_size
from pointers._pointer.steps import BytePointer, slice_of
from pointers._registry import source_of
from pointers._traces import block_freed, live
from pointers._typing import TYPE_CHECKING, Any, Callable, Self, TypeVar

if TYPE_CHECKING or fast is None:
    from pointers._pointer.finalizers import free_leaked
else:
    later(globals(), "pointers._pointer.finalizers", "free_leaked")

T = TypeVar("T")

_free = lib.ptrs_block_free
_give = lib.ptrs_block_give


def _number_in(cell: Any, otherwise: int) -> int:
    """Return the address in a cell: another thread may have moved the block since it was asked."""
    try:
        return int(ffi.cast("uintptr_t", cell[0]))
    except MemoryError:
        return otherwise


class HeapPointer(Pointer[T]):
    """A pointer to memory that has to be freed."""

    __slots__ = ()

    slice = slice_of

    @property
    def allocator(self) -> Any:
        """The allocator that the memory came from.

        :raises FreedMemoryError: the block is gone.
        """
        return source_of(self._block)

    def _not_at_start(self, action: str) -> ValueError:
        """Return the error of freeing or resizing through an alias past the start."""
        return ValueError(
            f"cannot {action} from the middle of a block, at offset {self._offset}: "
            "use the pointer to its start"
        )

    def free(self) -> None:
        """Free the block: this pointer and all aliases are dead at once.

        :raises FreedMemoryError: it has been freed before.
        :raises ValueError: this alias does not point at the start.
        :raises BufferError: a view uses the memory.
        """
        self._check_writable()
        if self._offset:
            raise self._not_at_start("free")
        root = self if self._root is None else self._root
        try:
            status = _free(self._block)
            if status:
                status = retry_pinned(status, _free, self._block)
                if status:
                    raise status_error(status, self._block)
            disown(root)
            if live:
                block_freed(self._block)
        finally:
            # Also after an interrupt, and when a first call was interrupted
            references = root._held
            if references is not None and lib.ptrs_access_size_of(self._block) < 0:
                references.release()

    def release(self) -> int:
        """Give the memory away: C owns it from now on, and frees it by free(3); return its address.

        This pointer and all aliases are dead.  What was stored by reference is let go.

        :raises FreedMemoryError: it has been freed or given away before.
        :raises ValueError: this alias does not point at the start, or free(3) cannot free the
            memory: that of an arena, a pool, a guard or another library, or one of 1 MiB and more
            with an `align` of its own.
        :raises BufferError: a view uses the memory.
        """
        self._check_writable()
        if self._offset:
            raise self._not_at_start("release")
        root = self if self._root is None else self._root
        cell = ffi.new("void **")
        # Numbers that there may be no memory for when the memory is given away
        address, block = self.address, self._block
        try:
            status = _give(block, cell)
            if status:
                status = retry_pinned(status, _give, block, cell)
                if status:
                    raise status_error(
                        status,
                        block,
                        not_supported="C's free() cannot free this memory, since it is "
                        f"{self._of_what()}: copy it into memory of malloc()",
                    )
            disown(root)
            if live:
                block_freed(block)
        except BaseException:
            # Also after an interrupt
            if root._held is not None and lib.ptrs_access_size_of(block) < 0:
                root._held.release()
            raise
        if root._held is not None:
            root._held.release()
        return _number_in(cell, address)

    def _of_what(self) -> str:
        name = type(self.allocator).__name__
        return "aligned and large" if name == "System" else f"of the allocator {name}"

    def realloc(self, size: int) -> Self:
        """Change the size of the block; the pointer and all aliases stay valid.

        :param size: Bytes.  Added ones are zero.
        :raises InvalidSizeError: an object would be cut that is stored in the block, at
            any offset.  One that starts behind the new end is gone.
        :raises AllocationError: there is no memory; the block is as it was.
        """
        self._check_writable()
        if self._offset:
            raise self._not_at_start("realloc")
        self._resize(as_size(size))
        return self

    def _resize(self, size: int) -> None:
        self._resize_by(lib.ptrs_access_resize, size)

    def _resize_by(self, resize: Callable[[int, int], int], size: int) -> None:
        """Resize by a C function, and release what was stored in a part that is gone."""
        charge(size)
        status = resize(self._block, size)
        if status:
            status = retry_pinned(status, resize, self._block, size)
            status = retry_no_memory(status, resize, self._block, size)
            if status:
                raise self._resize_error(status, size)
        root = self if self._root is None else self._root
        if root._held is not None:
            root._held.overwritten(self._block, size, NO_LIMIT)

    def _resize_error(self, status: int, size: int) -> Exception:
        limit = ""
        cut = max(0, lib.ptrs_access_find_cut(self._block, size))
        if abs(status) == lib.PTRS_STATUS_TOO_LARGE:
            limit = f"{lib.ptrs_allocator_max_size(self.allocator._cdata)} bytes"
        return status_error(
            status,
            self._block,
            out_of_bounds=f"the object that is stored at offset {cut} does not fit into {size} "
            "bytes: store a smaller one there, or clear its bytes with memset()",
            no_mem=f"no memory for {size} bytes{why_refused()}; the block is as it was",
            too_large=f"{size} bytes are more than the {limit} that its allocator serves; "
            "the block is as it was",
        )

    def __enter__(self) -> Self:
        """Return the pointer, whose block is freed at the end of the `with` block.

        :raises FreedMemoryError: it has been freed.
        :raises ValueError: this alias does not point at the start.
        """
        if self.freed:
            raise freed_error(self._block)
        self._check_writable()
        if self._offset:  # at the end it would be too late to refuse
            raise self._not_at_start("free")
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Free the block, unless that has been done.

        :raises BufferError: a view uses the memory.  If an exception is on its
            way, that passes, and the block goes with its last view.
        """
        try:
            self.free()
        except ValueError:
            if not self.freed:
                raise
        except BufferError:
            if not exc_info[0]:
                raise
            self._leave()

    def _leave(self) -> None:
        """Leave the block to the last of its views, which frees it."""
        lib.ptrs_block_drop(self._block)
        root = self if self._root is None else self._root
        disown(root)
        if self.freed and root._held is not None:
            root._held.release()

    if COUNTS_REFERENCES:

        def __del__(
            self,
            # Bound here, since a module's globals may be gone when the program ends
            _free_leaked: Any = free_leaked,
        ) -> None:
            """Free the block that nobody has freed, with a `ResourceWarning`."""
            try:
                owned = self._owned
            except AttributeError:
                return  # never came to be
            if owned:
                _free_leaked(self._block, type(self), self)


@freeing
class AllocatedPointer(HeapPointer[T], BytePointer[T]):
    """A pointer to memory from `malloc`."""

    __slots__ = ()
