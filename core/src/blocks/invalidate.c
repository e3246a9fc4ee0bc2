// SPDX-License-Identifier: MIT
#include "blocks/invalidate.h"

#include "blocks/chain.h"

// Close the slots that are selected and move them to the other chain.  While another thread
// has one of them, the lock is released, since that thread may need it to free the block.
// Blocks may be freed meanwhile, but none are made or moved: the rest of the chain keeps its
// order, and the walk starts again at its front.
static PtrsStatus
close_slots(PtrsLifecycle *lifecycle, const PtrsInvalidation *invalidation)
{
  uint32_t index = lifecycle->blocks;
  for (unsigned round = 0; index != PTRS_NO_SLOT;) {
    PtrsSlot *const slot = ptrs_table_slot(index);
    const uint32_t next  = slot->next;
    if (invalidation->selects && !invalidation->selects(slot, invalidation->ctx)) {
      break;
    }
    bool would_block        = false;
    bool pinned             = false;
    const PtrsStatus status = invalidation->leaves_pinned
                                  ? ptrs_slot_try_drop(slot, &pinned, &would_block)
                                  : ptrs_slot_try_close(slot, &would_block);
    if (status) {
      return status;
    }
    if (pinned) {
      index = next;
    } else if (would_block) {
      ptrs_lifecycle_unlock(lifecycle);
      ptrs_os_backoff(round++);
      ptrs_lifecycle_lock(lifecycle);
      index = lifecycle->blocks;
    } else {
      ptrs_chain_remove(&lifecycle->blocks, slot);
      ptrs_chain_add(&lifecycle->invalidated, slot, index);
      index = next;
    }
  }
  return PTRS_STATUS_SUCCESS;
}

static void
drain_slots(const PtrsLifecycle *lifecycle)
{
  for (uint32_t index = lifecycle->invalidated; index != PTRS_NO_SLOT;) {
    PtrsSlot *const slot = ptrs_table_slot(index);
    ptrs_slot_drain(slot);
    index = slot->next;
  }
}

static void
reopen_slots(PtrsLifecycle *lifecycle)
{
  uint32_t index = 0;
  for (PtrsSlot *slot = ptrs_chain_pop(&lifecycle->invalidated, &index); slot;
       slot           = ptrs_chain_pop(&lifecycle->invalidated, &index)) {
    ptrs_chain_add(&lifecycle->blocks, slot, index);
    ptrs_slot_leave_exclusive(slot);
  }
}

static void
retire_slots(PtrsLifecycle *lifecycle, bool free_memory)
{
  uint32_t index = 0;
  for (PtrsSlot *slot = ptrs_chain_pop(&lifecycle->invalidated, &index); slot;
       slot           = ptrs_chain_pop(&lifecycle->invalidated, &index)) {
    if (lifecycle->ops->put_back) {
      ptrs_lifecycle_retire(lifecycle, slot, index, free_memory);
    } else if (lifecycle->ops->move) {
      ptrs_table_retire(slot, index, true, free_memory);
    } else {
      const bool is_long = free_memory && ptrs_slot_is_long(slot, 0);
      ptrs_table_begin_work(slot, is_long);
      ptrs_table_retire(slot, index, is_long, free_memory);
      ptrs_table_end_work(slot, is_long);
    }
  }
}

PtrsStatus
ptrs_invalidate_locked(PtrsLifecycle *lifecycle, const PtrsInvalidation *invalidation)
{
  lifecycle->is_invalidating = true;
  PtrsStatus status          = close_slots(lifecycle, invalidation);
  if (!status) {
    drain_slots(lifecycle);
    if (invalidation->clear) {
      status = invalidation->clear(lifecycle->allocator, invalidation->ctx);
    }
  }
  if (status) {
    reopen_slots(lifecycle);
  } else {
    retire_slots(lifecycle, !invalidation->clear || lifecycle->ops->frees_singly);
  }
  lifecycle->is_invalidating = false;
  ptrs_lifecycle_unlock(lifecycle);
  return status;
}

PtrsStatus
ptrs_invalidate(PtrsLifecycle *lifecycle, const PtrsInvalidation *invalidation)
{
  const PtrsStatus status = ptrs_lifecycle_enter(lifecycle);
  return status ? status : ptrs_invalidate_locked(lifecycle, invalidation);
}
