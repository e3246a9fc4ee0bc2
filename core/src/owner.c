// SPDX-License-Identifier: MIT
#include "owner.h"

#include <stddef.h>

static void
fork_lock_mutex(void *ctx)
{
  ptrs_os_mutex_lock(&((PtrsOwner *)ctx)->mutex);
}

static void
fork_unlock_mutex(void *ctx)
{
  ptrs_os_mutex_unlock(&((PtrsOwner *)ctx)->mutex);
}

static void
link_into(uint32_t *chain, PtrsSlot *slot, uint32_t index)
{
  slot->next     = *chain;
  slot->previous = PTRS_NO_SLOT;
  if (*chain != PTRS_NO_SLOT) {
    ptrs_table_slot(*chain)->previous = index;
  }
  *chain = index;
}

static void
unlink_from(uint32_t *chain, PtrsSlot *slot)
{
  if (slot->previous == PTRS_NO_SLOT) {
    *chain = slot->next;
  } else {
    ptrs_table_slot(slot->previous)->next = slot->next;
  }
  if (slot->next != PTRS_NO_SLOT) {
    ptrs_table_slot(slot->next)->previous = slot->previous;
  }
}

// Take the first slot off a chain
static PtrsSlot *
pop(uint32_t *chain, uint32_t *index)
{
  *index = *chain;
  if (*chain == PTRS_NO_SLOT) {
    return NULL;
  }
  PtrsSlot *const slot = ptrs_table_slot(*chain);
  unlink_from(chain, slot);
  return slot;
}

// In the child of a fork, the thread that was about to end blocks does not
// exist; the table has opened them again
static void
fork_in_child(void *ctx)
{
  PtrsOwner *const owner = (PtrsOwner *)ctx;
  uint32_t index         = 0;
  for (PtrsSlot *slot = pop(&owner->ending, &index); slot; slot = pop(&owner->ending, &index)) {
    link_into(&owner->blocks, slot, index);
  }
  owner->is_ending = false;
  ptrs_os_mutex_unlock(&owner->mutex);
}

static void
fork_lock_memory(void *ctx)
{
  const PtrsOwner *const owner = (const PtrsOwner *)ctx;
  owner->ops->lock(owner->allocator);
}

static void
fork_unlock_memory(void *ctx)
{
  const PtrsOwner *const owner = (const PtrsOwner *)ctx;
  owner->ops->unlock(owner->allocator);
}

static unsigned
depth_below(const PtrsAllocator *parent)
{
  return !parent ? 0 : !parent->owner ? 1 : parent->owner->depth + 1;
}

PtrsStatus
ptrs_owner_check_parent(const PtrsAllocator *parent, size_t size, size_t align)
{
  return depth_below(parent) > PTRS_DEPTH_MAX ? PTRS_STATUS_TOO_DEEP
                                              : ptrs_allocator_check(parent, size, align);
}

void
ptrs_owner_init(PtrsOwner *owner,
                PtrsAllocator *allocator,
                PtrsAllocator *parent,
                const PtrsOwnerOps *ops)
{
  const PtrsOwner fresh = {
      .ops        = ops,
      .allocator  = allocator,
      .parent     = parent,
      .depth      = depth_below(parent),
      .blocks     = PTRS_NO_SLOT,
      .ending     = PTRS_NO_SLOT,
      .fork_mutex = {.level   = PTRS_FORK_OWNER,
                     .prepare = fork_lock_mutex,
                     .parent  = fork_unlock_mutex,
                     .child   = fork_in_child,
                     .ctx     = owner},
      .fork_lock  = {.level   = PTRS_FORK_MEMORY,
                     .prepare = fork_lock_memory,
                     .parent  = fork_unlock_memory,
                     .child   = fork_unlock_memory,
                     .ctx     = owner},
  };
  *owner = fresh;
  ptrs_os_mutex_init(&owner->mutex);
  ptrs_owner_retain(owner);
  if (parent && parent->owner) {
    ptrs_owner_retain(parent->owner);
  }
  allocator->owner = owner;
  ptrs_fork_add(&owner->fork_mutex);
  if (ops->lock) {
    ptrs_fork_add(&owner->fork_lock);
  }
}

static void
destroy(PtrsOwner *owner)
{
  ptrs_fork_remove(&owner->fork_mutex);
  if (owner->ops->lock) {
    ptrs_fork_remove(&owner->fork_lock);
  }
  // Nobody needs it, so nobody has borrowed from it
  (void)owner->ops->clear(owner->allocator);
  ptrs_os_mutex_destroy(&owner->mutex);
  owner->ops->destroy(owner->allocator);
}

void
ptrs_owner_retain(PtrsOwner *owner)
{
  (void)ptrs_atomic_count(&owner->n_needs, 1);
}

void
ptrs_owner_release(PtrsOwner *owner)
{
  // With the last need of an allocator goes one of its parent's
  while (owner && ptrs_atomic_take_last(&owner->n_needs)) {
    PtrsOwner *const above = owner->parent ? owner->parent->owner : NULL;
    destroy(owner);
    owner = above;
  }
}

void
ptrs_owner_lock(PtrsOwner *owner)
{
  ptrs_os_mutex_lock(&owner->mutex);
}

void
ptrs_owner_unlock(PtrsOwner *owner)
{
  ptrs_os_mutex_unlock(&owner->mutex);
}

PtrsStatus
ptrs_owner_enter(PtrsOwner *owner)
{
  ptrs_owner_lock(owner);
  for (unsigned round = 0; owner->is_ending; ++round) {
    ptrs_owner_unlock(owner);
    ptrs_os_relax(round);
    ptrs_owner_lock(owner);
  }
  if (owner->is_closed) {
    ptrs_owner_unlock(owner);
    return PTRS_STATUS_CLOSED;
  }
  return PTRS_STATUS_SUCCESS;
}

void
ptrs_owner_link(PtrsOwner *owner, PtrsSlot *slot, uint32_t index)
{
  link_into(&owner->blocks, slot, index);
  ptrs_owner_retain(owner);
}

void
ptrs_owner_unlink(PtrsOwner *owner, PtrsSlot *slot)
{
  unlink_from(&owner->blocks, slot);
}

// Close the slots that are selected and move them to the other chain.  While
// another thread has one of them, the lock is let go: it may want it, to free.
// Then the chain may be another one, and is walked again from the start.
static PtrsStatus
close_slots(PtrsOwner *owner, const PtrsEnding *ending)
{
  uint32_t index = owner->blocks;
  for (unsigned round = 0; index != PTRS_NO_SLOT;) {
    PtrsSlot *const slot = ptrs_table_slot(index);
    const uint32_t next  = slot->next;
    if (ending->selects && !ending->selects(slot, ending->ctx)) {
      index = next;
      continue;
    }
    bool busy               = false;
    const PtrsStatus status = ptrs_slot_try_close(slot, &busy);
    if (status) {
      return status;
    }
    if (busy) {
      ptrs_owner_unlock(owner);
      ptrs_os_relax(round++);
      ptrs_owner_lock(owner);
      index = owner->blocks;
    } else {
      unlink_from(&owner->blocks, slot);
      link_into(&owner->ending, slot, index);
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
  for (PtrsSlot *slot = pop(&owner->ending, &index); slot; slot = pop(&owner->ending, &index)) {
    link_into(&owner->blocks, slot, index);
    ptrs_slot_leave_exclusive(slot);
  }
}

static void
retire_slots(PtrsOwner *owner, bool free_memory)
{
  uint32_t index = 0;
  for (PtrsSlot *slot = pop(&owner->ending, &index); slot; slot = pop(&owner->ending, &index)) {
    ptrs_table_lock(slot);
    if (free_memory) {
      PtrsAllocator *const allocator = owner->allocator;
      allocator->free(allocator, slot->mem, slot->size, ptrs_slot_align(slot));
    }
    ptrs_table_retire(slot, index);
    ptrs_table_unlock(slot);
    ptrs_owner_release(owner); // never the last: the caller is a user
  }
}

PtrsStatus
ptrs_owner_end_blocks(PtrsOwner *owner, const PtrsEnding *ending)
{
  PtrsStatus status = ptrs_owner_enter(owner);
  if (status) {
    return status;
  }
  owner->is_ending = true;
  status           = close_slots(owner, ending);
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

static PtrsStatus
clear_and_close(PtrsAllocator *allocator, void *ctx)
{
  (void)ctx;
  PtrsOwner *const owner  = allocator->owner;
  const PtrsStatus status = owner->ops->clear(allocator);
  owner->is_closed        = !status;
  return status;
}

bool
ptrs_owner_is_closed(PtrsOwner *owner)
{
  ptrs_owner_lock(owner);
  const bool closed = owner->is_closed;
  ptrs_owner_unlock(owner);
  return closed;
}

PtrsStatus
ptrs_owner_close(PtrsOwner *owner)
{
  const PtrsEnding ending = {.clear = clear_and_close};
  const PtrsStatus status = ptrs_owner_end_blocks(owner, &ending);
  return status == PTRS_STATUS_CLOSED ? PTRS_STATUS_SUCCESS : status;
}

void *
ptrs_owner_borrow(PtrsAllocator *parent, size_t size, size_t align, bool zeroed)
{
  // First, so that who clears the parent sees it, or else has cleared it before
  if (parent->owner) {
    (void)ptrs_atomic_count(&parent->owner->n_lent, 1);
  }
  void *const mem =
      zeroed ? parent->zalloc(parent, size, align) : parent->alloc(parent, size, align);
  if (!mem && parent->owner) {
    ptrs_atomic_sub(&parent->owner->n_lent, 1);
  }
  return mem;
}

void
ptrs_owner_give_back(PtrsAllocator *parent, void *mem, size_t size, size_t align)
{
  parent->free(parent, mem, size, align);
  if (parent->owner) {
    ptrs_atomic_sub(&parent->owner->n_lent, 1);
  }
}

bool
ptrs_owner_is_lending(const PtrsOwner *owner)
{
  return ptrs_atomic_load(&owner->n_lent) != 0;
}
