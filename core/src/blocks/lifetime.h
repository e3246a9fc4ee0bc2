// SPDX-License-Identifier: MIT
// The lifetime of a checked block: getting its memory, resizing it, giving it back.
#ifndef PTRS_LIFETIME_H
#define PTRS_LIFETIME_H

#include <stdbool.h>
#include <stddef.h>

#include "blocks/table.h"
#include "ptrs/allocator.h"
#include "ptrs/block.h"
#include "ptrs/status.h"

// Whether an allocator serves blocks of that size and alignment: TOO_LARGE.
static inline PtrsStatus
ptrs_allocator_check(const PtrsAllocator *allocator, size_t size, size_t align)
{
  const bool too_large = (allocator->max_size && size > allocator->max_size) ||
                         (allocator->max_align && align > allocator->max_align);
  return too_large ? PTRS_STATUS_TOO_LARGE : PTRS_STATUS_SUCCESS;
}

// Make a block of memory that an earlier block of the allocator has left; false if there is
// none.  Allocators for which there is some have no limits of their own.
bool ptrs_lifetime_reuse(
    PtrsAllocator *allocator, size_t size, size_t align, bool zeroed, PtrsBlock *block);

// Make a block of an allocator's memory.  The caller has checked size and alignment, but not
// the allocator's own limits: TOO_LARGE.  NO_MEM, CLOSED.  `would_block`: NULL, or set where there
// is no block since that would wait, with any status but success.
PtrsStatus ptrs_lifetime_begin(PtrsAllocator *allocator,
                               size_t size,
                               size_t align,
                               bool zeroed,
                               bool *would_block,
                               PtrsBlock *block);

// Make a block of memory that an allocator has got already, whose block_flags have
// PTRS_BLOCK_OWNED.  NO_MEM.
PtrsStatus ptrs_lifetime_own(
    void *mem, size_t size, size_t align, PtrsAllocator *allocator, PtrsBlock *block);

// Whether the end of a block of ptrs_lifetime_own() calls no function of the caller's.
bool ptrs_lifetime_calls_nobody(const PtrsSlot *slot);

// Make a block of memory that belongs to the caller, with PtrsBlockFlags.  `on_stack`: the
// memory is on the calling thread's stack, and the block ends in the child of a fork that
// another thread makes.  NO_MEM.
PtrsStatus ptrs_lifetime_adopt(
    void *mem, size_t size, size_t align, unsigned flags, bool on_stack, PtrsBlock *block);

// Resize a block that is held exclusively and was not adopted, and call rules->changed().
// TOO_LARGE, NO_MEM; then nothing has changed.  Nor has anything changed with *would_block: a
// thread that invalidates blocks waits for this one, so that the caller has to leave it.
PtrsStatus ptrs_lifetime_resize(
    PtrsSlot *slot, PtrsBlock block, size_t size, const PtrsResizeRules *rules, bool *would_block);

// End a block that is held exclusively, and give its memory back.
void ptrs_lifetime_end(PtrsSlot *slot, PtrsBlock block);

// End a block that is held exclusively, and leave its memory to the caller; NOT_SUPPORTED if
// free(3) cannot free it.
PtrsStatus ptrs_lifetime_give(PtrsSlot *slot, PtrsBlock block);

// As ptrs_lifetime_end(); false, and nothing done, if the allocator's lock is not free, or if all
// memory of the allocator would go with the block, or a function of the caller's would run.
bool ptrs_lifetime_try_end(PtrsSlot *slot, PtrsBlock block);

#endif
