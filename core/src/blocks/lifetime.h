// SPDX-License-Identifier: MIT
// How checked blocks come to their memory, and what becomes of it.
#ifndef PTRS_LIFETIME_H
#define PTRS_LIFETIME_H

#include <stdbool.h>
#include <stddef.h>

#include "ptrs/allocator.h"
#include "ptrs/block.h"
#include "ptrs/status.h"
#include "blocks/table.h"

// Whether an allocator serves blocks of that size and alignment: TOO_LARGE.
static inline PtrsStatus
ptrs_allocator_check(const PtrsAllocator *allocator, size_t size, size_t align)
{
  const bool too_large = (allocator->max_size && size > allocator->max_size) ||
                         (allocator->max_align && align > allocator->max_align);
  return too_large ? PTRS_STATUS_TOO_LARGE : PTRS_STATUS_SUCCESS;
}

// Get memory and a slot for it.  Size and alignment have been checked, but for
// what the allocator itself does not serve: TOO_LARGE.  NO_MEM, CLOSED.
PtrsStatus ptrs_lifetime_begin(
    PtrsAllocator *allocator, size_t size, size_t align, bool zeroed, PtrsBlock *block);

// Make a block of memory that belongs to the caller, with PtrsBlockFlags.  With
// `on_stack`, it lies on the calling thread's stack and ends in the child of a fork
// that another thread makes.  NO_MEM.
PtrsStatus ptrs_lifetime_adopt(
    void *mem, size_t size, size_t align, unsigned flags, bool on_stack, PtrsBlock *block);

// Resize a block that is held exclusively, and was not adopted, and tell what is to
// be told after it.  TOO_LARGE, NO_MEM; then nothing has changed.  With *would_block, nothing
// has either: a thread that is ending blocks waits for this one, which has to be left.
PtrsStatus ptrs_lifetime_resize(
    PtrsSlot *slot, PtrsBlock block, size_t size, const PtrsResizeRules *rules, bool *would_block);

// End a block that is held exclusively, and give its memory back.
void ptrs_lifetime_end(PtrsSlot *slot, PtrsBlock block);

// The same, if its allocator's lock can be had at once and no more goes than the block.
bool ptrs_lifetime_try_end(PtrsSlot *slot, PtrsBlock block);

#endif
