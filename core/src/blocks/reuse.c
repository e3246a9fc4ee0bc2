// SPDX-License-Identifier: MIT
// Small blocks that come and go: the memory of one stays with its slot, for the next one.
#include <string.h>

#include "blocks/lifetime.h"

bool
ptrs_lifetime_reuse(
    PtrsAllocator *allocator, size_t size, size_t align, bool zeroed, PtrsBlock *block)
{
  PtrsSlot *const slot = allocator->reuse && size <= PTRS_KEPT_SIZE && align == PTRS_ALIGN_DEFAULT
                             ? ptrs_table_claim_kept(allocator, size)
                             : NULL;
  if (!slot) {
    return false;
  }
  const size_t capacity = ptrs_slot_capacity(slot);
  const size_t from     = zeroed ? 0 : size;
  slot->size            = size;
  slot->slack           = (uint32_t)(capacity - size);
  memset(slot->mem + from, 0, capacity - from);
  allocator->reuse(allocator, size);
  *block = ptrs_table_publish(slot, false);
  return true;
}
