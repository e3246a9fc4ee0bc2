// SPDX-License-Identifier: MIT
// The end of many blocks at once, and of the allocator that they came from.
#include "blocks/chain.h"
#include "allocators/lifecycle.h"

// Close the slots that are selected and move them to the other chain.  While
// another thread has one of them, the lock is let go: it may want it, to free.
// Blocks may have been freed then, but none made or moved: what is left of the
// chain is in the order that it had, and is walked again from its start.
static PtrsStatus
close_slots(PtrsOwner *owner, const PtrsEnding *ending)
{
  uint32_t index = owner->blocks;
  for (unsigned round = 0; index != PTRS_NO_SLOT;) {
    PtrsSlot *const slot = ptrs_table_slot(index);
    const uint32_t next  = slot->next;
    if (ending->selects && !ending->selects(slot, ending->ctx)) {
      break;
    }
    bool busy               = false;
    bool pinned             = false;
    const PtrsStatus status = ending->leaves_pinned ? ptrs_slot_try_drop(slot, &pinned, &busy)
                                                    : ptrs_slot_try_close(slot, &busy);
    if (status) {
      return status;
    }
    if (pinned) {
      index = next;
    } else if (busy) {
      ptrs_owner_unlock(owner);
      ptrs_os_relax(round++);
      ptrs_owner_lock(owner);
      index = owner->blocks;
    } else {
      ptrs_chain_remove(&owner->blocks, slot);
      ptrs_chain_add(&owner->ending, slot, index);
      index = next;
    }
  }
  return PTRS_STATUS_SUCCESS;
}

static void
drain_slots(const PtrsOwner *owner)
{
  for (uint32_t index = owner->ending; index != PTRS_NO_SLOT;) {
    PtrsSlot *const slot = ptrs_table_slot(index);
    ptrs_slot_drain(slot);
    index = slot->next;
  }
}

static void
reopen_slots(PtrsOwner *owner)
{
  uint32_t index = 0;
  for (PtrsSlot *slot = ptrs_chain_pop(&owner->ending, &index); slot;
       slot           = ptrs_chain_pop(&owner->ending, &index)) {
    ptrs_chain_add(&owner->blocks, slot, index);
    ptrs_slot_leave_exclusive(slot);
  }
}

static void
retire_slots(PtrsOwner *owner, bool free_memory)
{
  uint32_t index = 0;
  for (PtrsSlot *slot = ptrs_chain_pop(&owner->ending, &index); slot;
       slot           = ptrs_chain_pop(&owner->ending, &index)) {
    const bool is_long = free_memory && ptrs_slot_is_long(slot, 0);
    ptrs_table_begin_work(slot, is_long);
    ptrs_table_retire(slot, index, is_long, free_memory);
    ptrs_table_end_work(slot, is_long);
    ptrs_owner_release(owner); // never the last: the caller is a user
  }
}

// End blocks of an owner that is locked, and unlock it
static PtrsStatus
end_blocks(PtrsOwner *owner, const PtrsEnding *ending)
{
  owner->is_ending  = true;
  PtrsStatus status = close_slots(owner, ending);
  if (!status) {
    drain_slots(owner);
    status = ending->clear(owner->allocator, ending->ctx);
  }
  if (status) {
    reopen_slots(owner);
  } else {
    retire_slots(owner, owner->ops->frees_singly);
  }
  owner->is_ending = false;
  ptrs_owner_unlock(owner);
  return status;
}

PtrsStatus
ptrs_owner_end_blocks(PtrsOwner *owner, const PtrsEnding *ending)
{
  const PtrsStatus status = ptrs_owner_enter(owner);
  return status ? status : end_blocks(owner, ending);
}

static PtrsStatus
clear_and_close(PtrsAllocator *allocator, void *ctx)
{
  (void)ctx;
  PtrsOwner *const owner  = allocator->owner;
  const PtrsStatus status = owner->ops->clear(allocator);
  if (!status) {
    owner->is_closed = true;
    ptrs_atomic_store(&owner->is_dropped, 0);
  }
  return status;
}

PtrsStatus
ptrs_owner_close(PtrsOwner *owner)
{
  ptrs_owner_wait(owner);
  if (owner->is_closed && !ptrs_atomic_peek(&owner->is_dropped)) {
    ptrs_owner_unlock(owner);
    return PTRS_STATUS_SUCCESS;
  }
  const PtrsEnding ending = {.clear = clear_and_close};
  const PtrsStatus status = end_blocks(owner, &ending);
  // If this was in the way of who wanted to settle it, it is done now
  ptrs_owner_settle(status ? owner : ptrs_owner_above(owner));
  return status;
}

void
ptrs_owner_drop(PtrsOwner *owner)
{
  if (ptrs_owner_enter(owner)) {
    return;
  }
  const PtrsEnding ending = {.leaves_pinned = true};
  owner->is_closed        = true;
  owner->is_ending        = true;
  ptrs_atomic_store(&owner->is_dropped, 1);
  (void)close_slots(owner, &ending);
  drain_slots(owner);
  retire_slots(owner, true);
  owner->is_ending = false;
  ptrs_owner_unlock(owner);
  ptrs_owner_settle(owner);
}

void
ptrs_owner_settle(PtrsOwner *owner)
{
  bool settled = true;
  while (settled && owner && ptrs_atomic_peek(&owner->is_dropped)) {
    ptrs_owner_lock(owner);
    // Another thread may have been faster
    settled = ptrs_atomic_peek(&owner->is_dropped) && !owner->is_ending &&
              owner->blocks == PTRS_NO_SLOT && !clear_and_close(owner->allocator, NULL);
    ptrs_owner_unlock(owner);
    // That gave memory back to the one above, for which it may have waited
    owner = ptrs_owner_above(owner);
  }
}
