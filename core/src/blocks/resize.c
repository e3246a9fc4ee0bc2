// SPDX-License-Identifier: MIT
// Resizing a block: by its allocator, under the allocator's lock, or by a move.
#include <string.h>

#include "base/checked.h"
#include "blocks/lifetime.h"
#include "blocks/memory.h"
#include "blocks/refcount.h"

static void
tell(const PtrsResizeRules *rules, const PtrsSlot *slot, size_t kept)
{
  if (rules->changed) {
    rules->changed(slot->mem, kept, ptrs_slot_capacity(slot), rules->ctx);
  }
}

// Resize the memory of a slot.  Added bytes may have belonged to freed blocks, and are zeroed.
static void *
resize_memory(const PtrsSlot *slot, size_t kept, size_t size)
{
  PtrsAllocator *const allocator = slot->allocator;
  const size_t align             = ptrs_slot_align(slot);
  if (allocator->zrealloc) {
    return allocator->zrealloc(allocator, slot->mem, slot->size, kept, size, align);
  }
  uint8_t *const mem = (uint8_t *)allocator->realloc(allocator, slot->mem, slot->size, size, align);
  if (mem) {
    ptrs_slot_clear(mem, kept, size);
  }
  return mem;
}

static PtrsStatus
resize(PtrsSlot *slot, size_t size, const PtrsResizeRules *rules)
{
  const bool is_long = ptrs_slot_is_long(slot, size);
  const size_t kept  = ptrs_min(ptrs_slot_capacity(slot), size);
  ptrs_table_begin_work(slot, is_long);
  void *const mem = resize_memory(slot, kept, size);
  if (mem) {
    ptrs_slot_set_memory(slot, mem, size, ptrs_slot_align(slot));
    ptrs_slot_clear_slack(slot);
    tell(rules, slot, kept);
  }
  ptrs_table_end_work(slot, is_long);
  return mem ? PTRS_STATUS_SUCCESS : PTRS_STATUS_NO_MEM;
}

// As resize(), for allocators with place(): new memory is taken under the lifecycle's lock, and
// the block's bytes are copied after that lock has been released
static PtrsStatus
replace(
    PtrsSlot *slot, PtrsBlock block, size_t size, const PtrsResizeRules *rules, bool *would_block)
{
  PtrsLifecycle *const lifecycle = slot->allocator->lifecycle;
  const bool is_long             = ptrs_slot_is_long(slot, size);
  uint8_t *const old_mem         = slot->mem;
  const size_t old_size          = slot->size;
  const size_t kept              = ptrs_min(ptrs_slot_capacity(slot), size);
  // ptrs_lifecycle_enter() would wait for a thread that invalidates blocks, which may itself
  // wait for this block
  ptrs_lifecycle_lock(lifecycle);
  if (lifecycle->is_invalidating) {
    ptrs_lifecycle_unlock(lifecycle);
    *would_block = true;
    return PTRS_STATUS_SUCCESS;
  }
  ptrs_table_begin_work(slot, is_long);
  size_t clean    = 0;
  void *const mem = lifecycle->ops->place(slot->allocator, old_mem, old_size, size,
                                          ptrs_slot_align(slot), &clean);
  if (mem) {
    ptrs_slot_set_memory(slot, mem, size, ptrs_slot_align(slot));
    if (mem != old_mem) {
      ptrs_lifecycle_relink(lifecycle, slot, ptrs_block_index(block));
    }
  }
  ptrs_lifecycle_unlock(lifecycle);
  if (mem) {
    ptrs_slot_clear(slot->mem, kept, size - clean);
    if (mem != old_mem) {
      memcpy(mem, old_mem, kept);
    }
    // Even if the block has not moved: an unsafe write may have gone behind the old size
    ptrs_slot_clear_slack(slot);
    tell(rules, slot, kept);
  }
  ptrs_table_end_work(slot, is_long);
  return mem ? PTRS_STATUS_SUCCESS : PTRS_STATUS_NO_MEM;
}

// As resize(), for allocators with move(): slot and memory never disagree, and no lock is held
// while memory is taken or given back
static PtrsStatus
move(PtrsSlot *slot, size_t size, const PtrsResizeRules *rules)
{
  PtrsAllocator *const allocator    = slot->allocator;
  const PtrsLifecycleOps *const ops = allocator->lifecycle->ops;
  const bool is_long                = ptrs_slot_is_long(slot, size);
  const size_t align                = ptrs_slot_align(slot);
  const size_t kept                 = ptrs_min(ptrs_slot_capacity(slot), size);
  uint8_t *const old_mem            = slot->mem;
  const size_t old_size             = slot->size;
  void *const mem                   = ops->move(allocator, old_size, size, align);
  if (!mem) {
    return PTRS_STATUS_NO_MEM;
  }
  memcpy(mem, old_mem, kept);
  ptrs_table_begin_work(slot, is_long);
  ptrs_slot_set_memory(slot, mem, size, align);
  ptrs_slot_clear_slack(slot);
  tell(rules, slot, kept);
  ptrs_table_end_work(slot, is_long);
  ops->put_away(allocator, old_mem, old_size, align);
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_lifetime_resize(
    PtrsSlot *slot, PtrsBlock block, size_t size, const PtrsResizeRules *rules, bool *would_block)
{
  const PtrsLifecycle *const lifecycle = ptrs_slot_lifecycle(slot);
  const PtrsStatus status = ptrs_allocator_check(slot->allocator, size, ptrs_slot_align(slot));
  if (status) {
    return status;
  }
  return lifecycle && lifecycle->ops->place  ? replace(slot, block, size, rules, would_block)
         : lifecycle && lifecycle->ops->move ? move(slot, size, rules)
                                             : resize(slot, size, rules);
}
