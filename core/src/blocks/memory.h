// SPDX-License-Identifier: MIT
// The memory of a slot: what is recorded of it, and which of its bytes are zeroed.
#ifndef PTRS_BLOCKS_MEMORY_H
#define PTRS_BLOCKS_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/checked.h"
#include "blocks/refcount.h"
#include "blocks/table.h"

// NULL for memory of no allocator, and for allocators without a lifecycle
static inline PtrsLifecycle *
ptrs_slot_lifecycle(const PtrsSlot *slot)
{
  return slot->allocator ? slot->allocator->lifecycle : NULL;
}

// Zero the bytes from one offset to another, if there are any
static inline void
ptrs_slot_clear(uint8_t *mem, size_t from, size_t to)
{
  if (from < to) {
    memset(mem + from, 0, to - from);
  }
}

// Record the memory of a slot
static inline void
ptrs_slot_set_memory(PtrsSlot *slot, void *mem, size_t size, size_t align)
{
  const size_t capacity = slot->allocator->capacity(slot->allocator, mem, size, align);
  slot->mem             = (uint8_t *)mem;
  slot->size            = size;
  slot->slack           = (uint32_t)ptrs_min(capacity - size, UINT32_MAX);
}

// Zero the bytes behind the size: the block may grow into its capacity without being cleared
static inline void
ptrs_slot_clear_slack(const PtrsSlot *slot)
{
  ptrs_slot_clear(slot->mem, slot->size, ptrs_slot_capacity(slot));
}

#endif
