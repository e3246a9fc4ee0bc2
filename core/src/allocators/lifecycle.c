// SPDX-License-Identifier: MIT
#include "allocators/lifecycle.h"

#include <stddef.h>

#include "blocks/chain.h"

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

// In the child of a fork, the thread that was about to end blocks does not
// exist; the table has opened them again
static void
fork_in_child(void *ctx)
{
  PtrsOwner *const owner = (PtrsOwner *)ctx;
  uint32_t index         = 0;
  for (PtrsSlot *slot = ptrs_chain_pop(&owner->ending, &index); slot;
       slot           = ptrs_chain_pop(&owner->ending, &index)) {
    ptrs_chain_add(&owner->blocks, slot, index);
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
    PtrsOwner *const above = ptrs_owner_above(owner);
    destroy(owner);
    ptrs_owner_settle(above);
    owner = above;
  }
}

void
ptrs_owner_lock(PtrsOwner *owner)
{
  ptrs_os_mutex_lock(&owner->mutex);
}

bool
ptrs_owner_try_lock(PtrsOwner *owner)
{
  return ptrs_os_mutex_try_lock(&owner->mutex);
}

void
ptrs_owner_unlock(PtrsOwner *owner)
{
  ptrs_os_mutex_unlock(&owner->mutex);
}

void
ptrs_owner_wait(PtrsOwner *owner)
{
  ptrs_owner_lock(owner);
  for (unsigned round = 0; owner->is_ending; ++round) {
    ptrs_owner_unlock(owner);
    ptrs_os_relax(round);
    ptrs_owner_lock(owner);
  }
}

PtrsStatus
ptrs_owner_enter(PtrsOwner *owner)
{
  ptrs_owner_wait(owner);
  if (owner->is_closed) {
    ptrs_owner_unlock(owner);
    return PTRS_STATUS_CLOSED;
  }
  return PTRS_STATUS_SUCCESS;
}

void
ptrs_owner_link(PtrsOwner *owner, PtrsSlot *slot, uint32_t index)
{
  ptrs_chain_add(&owner->blocks, slot, index);
  ptrs_owner_retain(owner);
}

void
ptrs_owner_unlink(PtrsOwner *owner, PtrsSlot *slot)
{
  ptrs_chain_remove(&owner->blocks, slot);
}

void
ptrs_owner_relink(PtrsOwner *owner, PtrsSlot *slot, uint32_t index)
{
  ptrs_chain_remove(&owner->blocks, slot);
  ptrs_chain_add(&owner->blocks, slot, index);
}

bool
ptrs_owner_is_closed(PtrsOwner *owner)
{
  ptrs_owner_lock(owner);
  const bool closed = owner->is_closed;
  ptrs_owner_unlock(owner);
  return closed;
}

static void *
borrow(PtrsAllocator *parent, size_t size, size_t align, size_t *clean)
{
  if (parent->owner && parent->owner->ops->take) {
    return parent->owner->ops->take(parent, size, align, clean);
  }
  *clean = size;
  return parent->zalloc(parent, size, align);
}

void *
ptrs_owner_borrow(PtrsAllocator *parent, size_t size, size_t align, size_t *clean)
{
  // First, so that who clears the parent sees it, or else has cleared it before
  if (parent->owner) {
    if (ptrs_atomic_peek(&parent->owner->is_dropped)) {
      return NULL;
    }
    (void)ptrs_atomic_count(&parent->owner->n_lent, 1);
  }
  void *const mem = borrow(parent, size, align, clean);
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
