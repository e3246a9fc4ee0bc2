// SPDX-License-Identifier: MIT
#include "blocks/refcount.h"

#include "blocks/chain.h"

static void
fork_lock(void *ctx)
{
  ptrs_lifecycle_lock((PtrsLifecycle *)ctx);
}

static void
fork_unlock(void *ctx)
{
  ptrs_lifecycle_unlock((PtrsLifecycle *)ctx);
}

// The thread that was about to end blocks does not exist in the child of a fork; the table
// has opened the blocks again
static void
fork_in_child(void *ctx)
{
  PtrsLifecycle *const lifecycle = (PtrsLifecycle *)ctx;
  uint32_t index                 = 0;
  for (PtrsSlot *slot = ptrs_chain_pop(&lifecycle->invalidated, &index); slot;
       slot           = ptrs_chain_pop(&lifecycle->invalidated, &index)) {
    ptrs_chain_add(&lifecycle->blocks, slot, index);
  }
  lifecycle->is_invalidating = false;
  ptrs_lifecycle_unlock(lifecycle);
}

void
ptrs_lifecycle_init(PtrsLifecycle *lifecycle,
                    PtrsAllocator *allocator,
                    PtrsAllocator *parent,
                    const PtrsLifecycleOps *ops)
{
  const PtrsLifecycle fresh = {
      .ops         = ops,
      .allocator   = allocator,
      .parent      = parent,
      .depth       = ptrs_lifecycle_depth_below(parent),
      .blocks      = PTRS_NO_SLOT,
      .invalidated = PTRS_NO_SLOT,
      .fork        = {.level   = PTRS_FORK_LIFECYCLE,
                      .prepare = fork_lock,
                      .parent  = fork_unlock,
                      .child   = fork_in_child,
                      .ctx     = lifecycle},
  };
  *lifecycle = fresh;
  ptrs_lifecycle_retain(lifecycle);
  if (parent && parent->lifecycle) {
    ptrs_lifecycle_retain(parent->lifecycle);
  }
  allocator->lifecycle = lifecycle;
  ptrs_fork_add(&lifecycle->fork);
}

static void
destroy(PtrsLifecycle *lifecycle)
{
  ptrs_fork_remove(&lifecycle->fork);
  // Without users there is no borrower that could refuse this
  (void)lifecycle->ops->clear(lifecycle->allocator);
  ptrs_os_free(lifecycle->allocator, lifecycle->ops->object_size, lifecycle->ops->object_align);
}

void
ptrs_lifecycle_retain(PtrsLifecycle *lifecycle)
{
  (void)ptrs_atomic_count(&lifecycle->n_users, 1);
}

// Whether the caller was the last user, and there are no blocks.  The count becomes 0 under the
// lock: either this thread finds no block then, or the one that ends the last block finds no user.
static bool
is_last(PtrsLifecycle *lifecycle)
{
  if (ptrs_atomic_take_unless_last(&lifecycle->n_users)) {
    return false;
  }
  ptrs_lifecycle_lock(lifecycle);
  // A thread inside of a block may have become a user meanwhile
  const bool is_last =
      ptrs_atomic_take_last(&lifecycle->n_users) && lifecycle->blocks == PTRS_NO_SLOT;
  ptrs_lifecycle_unlock(lifecycle);
  return is_last;
}

void
ptrs_lifecycle_release(PtrsLifecycle *lifecycle)
{
  // An allocator that goes was a user of its parent
  while (lifecycle && is_last(lifecycle)) {
    PtrsLifecycle *const above = ptrs_lifecycle_above(lifecycle);
    destroy(lifecycle);
    ptrs_lifecycle_settle(above);
    lifecycle = above;
  }
}

void
ptrs_lifecycle_unlock_ended(PtrsLifecycle *lifecycle)
{
  const bool is_last = lifecycle->blocks == PTRS_NO_SLOT && !ptrs_atomic_peek(&lifecycle->n_users);
  if (!is_last && !ptrs_atomic_peek(&lifecycle->is_dropped)) {
    // Not to be touched any more: another thread may end the next block
    ptrs_lifecycle_unlock(lifecycle);
    return;
  }
  ptrs_lifecycle_retain(lifecycle);
  ptrs_lifecycle_unlock(lifecycle);
  ptrs_lifecycle_settle(lifecycle);
  ptrs_lifecycle_release(lifecycle);
}

void
ptrs_lifecycle_wait(PtrsLifecycle *lifecycle)
{
  ptrs_lifecycle_lock(lifecycle);
  for (unsigned round = 0; lifecycle->is_invalidating; ++round) {
    ptrs_lifecycle_unlock(lifecycle);
    ptrs_os_backoff(round);
    ptrs_lifecycle_lock(lifecycle);
  }
}

// Lock where that does not wait
static bool
lock_at_once(PtrsLifecycle *lifecycle)
{
  if (!ptrs_lifecycle_try_lock(lifecycle)) {
    return false;
  }
  if (lifecycle->is_invalidating) {
    ptrs_lifecycle_unlock(lifecycle);
    return false;
  }
  return true;
}

PtrsStatus
ptrs_lifecycle_enter_slowly(PtrsLifecycle *lifecycle, bool *would_block)
{
  if (!would_block) {
    ptrs_lifecycle_wait(lifecycle);
  } else if (!lock_at_once(lifecycle)) {
    *would_block = true;
    return PTRS_STATUS_CLOSED;
  }
  if (lifecycle->is_closed) {
    ptrs_lifecycle_unlock(lifecycle);
    return PTRS_STATUS_CLOSED;
  }
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_lifecycle_enter(PtrsLifecycle *lifecycle)
{
  return ptrs_lifecycle_try_enter(lifecycle, NULL);
}

bool
ptrs_lifecycle_is_closed(PtrsLifecycle *lifecycle)
{
  ptrs_lifecycle_lock(lifecycle);
  const bool closed = lifecycle->is_closed;
  ptrs_lifecycle_unlock(lifecycle);
  return closed;
}

void
ptrs_lifecycle_link(PtrsLifecycle *lifecycle, PtrsSlot *slot, uint32_t index)
{
  ptrs_chain_add(&lifecycle->blocks, slot, index);
}

void
ptrs_lifecycle_unlink(PtrsLifecycle *lifecycle, PtrsSlot *slot)
{
  ptrs_chain_remove(&lifecycle->blocks, slot);
}

void
ptrs_lifecycle_relink(PtrsLifecycle *lifecycle, PtrsSlot *slot, uint32_t index)
{
  ptrs_chain_remove(&lifecycle->blocks, slot);
  ptrs_chain_add(&lifecycle->blocks, slot, index);
}

PtrsStatus
ptrs_lifecycle_clear(PtrsAllocator *allocator, void *ctx)
{
  (void)ctx;
  PtrsLifecycle *const lifecycle = allocator->lifecycle;
  const PtrsStatus status        = lifecycle->ops->clear(allocator);
  if (!status) {
    lifecycle->is_closed = true;
    ptrs_atomic_store(&lifecycle->is_dropped, 0);
  }
  return status;
}

void
ptrs_lifecycle_settle(PtrsLifecycle *lifecycle)
{
  bool settled = true;
  while (settled && lifecycle &&
         (ptrs_atomic_peek(&lifecycle->is_dropped) || lifecycle->ops->move)) {
    if (ptrs_atomic_peek(&lifecycle->is_dropped)) {
      ptrs_lifecycle_lock(lifecycle);
      // Another thread may have been faster
      settled = ptrs_atomic_peek(&lifecycle->is_dropped) && !lifecycle->is_invalidating &&
                lifecycle->blocks == PTRS_NO_SLOT &&
                !ptrs_lifecycle_clear(lifecycle->allocator, NULL);
      ptrs_lifecycle_unlock(lifecycle);
      settled = settled || lifecycle->ops->move;
    }
    // The parent has memory back, and may have waited for that
    lifecycle = ptrs_lifecycle_above(lifecycle);
  }
}
