// SPDX-License-Identifier: MIT
#include "blocks/lifetime.h"

#include "base/checked.h"
#include "blocks/memory.h"
#include "blocks/refcount.h"

static void
set_allocator(PtrsSlot *slot, PtrsAllocator *allocator, size_t align)
{
  slot->allocator  = allocator;
  slot->align_log2 = (uint8_t)ptrs_log2(align);
  slot->flags      = (uint8_t)allocator->block_flags;
  slot->on_stack   = false;
}

// Get memory for a claimed slot, without a lock
static PtrsStatus
fill_slot(PtrsSlot *slot, PtrsAllocator *allocator, size_t size, size_t align, bool zeroed)
{
  void *const mem =
      zeroed ? allocator->zalloc(allocator, size, align) : allocator->alloc(allocator, size, align);
  if (!mem) {
    return PTRS_STATUS_NO_MEM;
  }
  set_allocator(slot, allocator, align);
  ptrs_slot_set_memory(slot, mem, size, align);
  ptrs_slot_clear_slack(slot);
  return PTRS_STATUS_SUCCESS;
}

// As fill_slot(), and make the slot live
static PtrsStatus
fill_listed_slot(PtrsSlot *slot,
                 PtrsAllocator *allocator,
                 size_t size,
                 size_t align,
                 bool zeroed,
                 bool *would_block,
                 PtrsBlock *block)
{
  PtrsLifecycle *const lifecycle = allocator->lifecycle;
  // Before there is memory, which would count as allocated.  Once there is, the wait is short.
  PtrsStatus status =
      would_block ? ptrs_lifecycle_try_enter(lifecycle, would_block) : PTRS_STATUS_SUCCESS;
  if (status) {
    return status;
  }
  if (would_block) {
    ptrs_lifecycle_unlock(lifecycle);
  }
  status = fill_slot(slot, allocator, size, align, zeroed);
  if (status) {
    return ptrs_lifecycle_is_closed(lifecycle) ? PTRS_STATUS_CLOSED : status;
  }
  status = ptrs_lifecycle_enter(lifecycle);
  if (status) {
    allocator->free(allocator, slot->mem, size, align);
    return status;
  }
  *block = ptrs_table_publish(slot, false);
  ptrs_lifecycle_link(lifecycle, slot, ptrs_block_index(*block));
  ptrs_lifecycle_unlock(lifecycle);
  return PTRS_STATUS_SUCCESS;
}

// As fill_listed_slot(), but take memory and link the slot in one step under the lock.  If
// there is much to clear, the slot is held for that, and not the lock.
static PtrsStatus
take_listed_slot(PtrsSlot *slot,
                 PtrsAllocator *allocator,
                 size_t size,
                 size_t align,
                 bool zeroed,
                 bool *would_block,
                 PtrsBlock *block)
{
  PtrsLifecycle *const lifecycle = allocator->lifecycle;
  const PtrsStatus status        = ptrs_lifecycle_try_enter(lifecycle, would_block);
  if (status) {
    return status;
  }
  size_t clean    = 0;
  void *const mem = lifecycle->ops->take(allocator, size, align, &clean);
  if (!mem) {
    ptrs_lifecycle_unlock(lifecycle);
    return PTRS_STATUS_NO_MEM;
  }
  set_allocator(slot, allocator, align);
  ptrs_slot_set_memory(slot, mem, size, align);
  const size_t dirty = zeroed ? size - clean : 0;
  const bool is_long = dirty > PTRS_SHORT || slot->slack > PTRS_SHORT;
  if (!is_long) {
    ptrs_slot_clear(slot->mem, 0, dirty);
    ptrs_slot_clear_slack(slot);
  }
  *block = ptrs_table_publish(slot, is_long);
  ptrs_lifecycle_link(lifecycle, slot, ptrs_block_index(*block));
  ptrs_lifecycle_unlock(lifecycle);
  if (is_long) {
    ptrs_slot_clear(slot->mem, 0, dirty);
    ptrs_slot_clear_slack(slot);
    ptrs_slot_leave_exclusive(slot);
  }
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_lifetime_begin(PtrsAllocator *allocator,
                    size_t size,
                    size_t align,
                    bool zeroed,
                    bool *would_block,
                    PtrsBlock *block)
{
  PtrsStatus status = ptrs_allocator_check(allocator, size, align);
  if (status) {
    return status;
  }
  PtrsSlot *const slot = ptrs_table_claim();
  if (!slot) {
    return PTRS_STATUS_NO_MEM;
  }
  if (!allocator->lifecycle) {
    status = fill_slot(slot, allocator, size, align, zeroed);
    if (!status) {
      *block = ptrs_table_publish(slot, false);
    }
  } else if (allocator->lifecycle->ops->take) {
    status = take_listed_slot(slot, allocator, size, align, zeroed, would_block, block);
  } else {
    status = fill_listed_slot(slot, allocator, size, align, zeroed, would_block, block);
  }
  if (status) {
    ptrs_table_unclaim(slot);
  }
  return status;
}

PtrsStatus
ptrs_lifetime_own(void *mem, size_t size, size_t align, PtrsAllocator *allocator, PtrsBlock *block)
{
  PtrsSlot *const slot = ptrs_table_claim();
  if (!slot) {
    return PTRS_STATUS_NO_MEM;
  }
  set_allocator(slot, allocator, align);
  ptrs_slot_set_memory(slot, mem, size, align);
  *block = ptrs_table_publish(slot, false);
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_lifetime_adopt(
    void *mem, size_t size, size_t align, unsigned flags, bool on_stack, PtrsBlock *block)
{
  PtrsSlot *const slot = ptrs_table_claim();
  if (!slot) {
    return PTRS_STATUS_NO_MEM;
  }
  slot->mem        = (uint8_t *)mem;
  slot->size       = size;
  slot->slack      = 0;
  slot->allocator  = NULL;
  slot->align_log2 = (uint8_t)ptrs_log2(align);
  slot->flags      = (uint8_t)flags;
  slot->on_stack   = on_stack;
  *block           = ptrs_table_publish(slot, false);
  return PTRS_STATUS_SUCCESS;
}

// End a block whose allocator's lifecycle, if it has one, is locked
static void
end_locked(PtrsSlot *slot, PtrsBlock block, PtrsLifecycle *lifecycle)
{
  if (slot->flags & PTRS_BLOCK_OWNED) {
    // A function of the caller's runs once the block is gone, and under no lock.  It has no
    // lifecycle, and a fork meanwhile finds memory without a block: only the parent frees it.
    ptrs_table_retire(slot, ptrs_block_index(block), true, true);
    return;
  }
  if (lifecycle && lifecycle->ops->put_back) {
    ptrs_lifecycle_unlink(lifecycle, slot);
    ptrs_lifecycle_retire(lifecycle, slot, ptrs_block_index(block), true);
    ptrs_lifecycle_unlock_ended(lifecycle);
    return;
  }
  const bool is_long = ptrs_slot_is_long(slot, 0);
  if (lifecycle) {
    // The lock is released before memory is given back
    ptrs_lifecycle_unlink(lifecycle, slot);
    ptrs_lifecycle_retain(lifecycle);
  }
  if (lifecycle && lifecycle->ops->move) {
    ptrs_lifecycle_unlock(lifecycle);
    // As above: a fork meanwhile finds memory without a block
    ptrs_table_retire(slot, ptrs_block_index(block), true, true);
    ptrs_lifecycle_settle(lifecycle);
    ptrs_lifecycle_release(lifecycle);
    return;
  }
  ptrs_table_begin_work(slot, is_long);
  if (lifecycle) {
    ptrs_lifecycle_unlock(lifecycle);
  }
  ptrs_table_retire(slot, ptrs_block_index(block), is_long, true);
  ptrs_table_end_work(slot, is_long);
  if (lifecycle) {
    ptrs_lifecycle_settle(lifecycle);
    ptrs_lifecycle_release(lifecycle);
  }
}

void
ptrs_lifetime_end(PtrsSlot *slot, PtrsBlock block)
{
  PtrsLifecycle *const lifecycle = ptrs_slot_lifecycle(slot);
  if (lifecycle) {
    ptrs_lifecycle_lock(lifecycle);
  }
  end_locked(slot, block, lifecycle);
}

PtrsStatus
ptrs_lifetime_give(PtrsSlot *slot, PtrsBlock block)
{
  PtrsAllocator *const allocator = slot->allocator;
  // Memory of an allocator with a lifecycle goes with that allocator
  if (!allocator->give || allocator->lifecycle) {
    return PTRS_STATUS_NOT_SUPPORTED;
  }
  ptrs_table_begin_work(slot, false);
  const bool given = allocator->give(allocator, slot->mem, slot->size, ptrs_slot_align(slot));
  if (given) {
    ptrs_table_retire(slot, ptrs_block_index(block), false, false);
  }
  ptrs_table_end_work(slot, false);
  return given ? PTRS_STATUS_SUCCESS : PTRS_STATUS_NOT_SUPPORTED;
}

bool
ptrs_lifetime_try_end(PtrsSlot *slot, PtrsBlock block)
{
  PtrsLifecycle *const lifecycle = ptrs_slot_lifecycle(slot);
  // With the last block of a dropped allocator all its memory goes, which may take long, as may
  // the function of an owned block
  if (((slot->flags & PTRS_BLOCK_OWNED) && !ptrs_lifetime_calls_nobody(slot)) ||
      (lifecycle &&
       (ptrs_atomic_peek(&lifecycle->is_dropped) || !ptrs_lifecycle_try_lock(lifecycle)))) {
    return false;
  }
  end_locked(slot, block, lifecycle);
  return true;
}
