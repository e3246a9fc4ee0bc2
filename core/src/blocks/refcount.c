// SPDX-License-Identifier: MIT
#include "blocks/refcount.h"

#include "blocks/chain.h"

static void
fork_lock_mutex(void *ctx)
{
  ptrs_os_mutex_lock(&((PtrsLifecycle *)ctx)->mutex);
}

static void
fork_unlock_mutex(void *ctx)
{
  ptrs_os_mutex_unlock(&((PtrsLifecycle *)ctx)->mutex);
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
  ptrs_os_mutex_unlock(&lifecycle->mutex);
}

static void
fork_lock_memory(void *ctx)
{
  ptrs_spin_lock((PtrsSpin *)ctx);
}

static void
fork_unlock_memory(void *ctx)
{
  ptrs_spin_unlock((PtrsSpin *)ctx);
}

void
ptrs_lifecycle_init(PtrsLifecycle *lifecycle,
                    PtrsAllocator *allocator,
                    PtrsAllocator *parent,
                    PtrsSpin *memory_lock,
                    const PtrsLifecycleOps *ops)
{
  const PtrsLifecycle fresh = {
      .ops         = ops,
      .allocator   = allocator,
      .parent      = parent,
      .memory_lock = memory_lock,
      .depth       = ptrs_lifecycle_depth_below(parent),
      .blocks      = PTRS_NO_SLOT,
      .invalidated = PTRS_NO_SLOT,
      .fork_mutex  = {.level   = PTRS_FORK_LIFECYCLE,
                      .prepare = fork_lock_mutex,
                      .parent  = fork_unlock_mutex,
                      .child   = fork_in_child,
                      .ctx     = lifecycle},
      .fork_memory = {.level   = PTRS_FORK_MEMORY,
                      .prepare = fork_lock_memory,
                      .parent  = fork_unlock_memory,
                      .child   = fork_unlock_memory,
                      .ctx     = memory_lock},
  };
  *lifecycle = fresh;
  ptrs_os_mutex_init(&lifecycle->mutex);
  ptrs_lifecycle_retain(lifecycle);
  if (parent && parent->lifecycle) {
    ptrs_lifecycle_retain(parent->lifecycle);
  }
  allocator->lifecycle = lifecycle;
  ptrs_fork_add(&lifecycle->fork_mutex);
  if (memory_lock) {
    ptrs_fork_add(&lifecycle->fork_memory);
  }
}

static void
destroy(PtrsLifecycle *lifecycle)
{
  ptrs_fork_remove(&lifecycle->fork_mutex);
  if (lifecycle->memory_lock) {
    ptrs_fork_remove(&lifecycle->fork_memory);
  }
  // Without users there is no borrower that could refuse this
  (void)lifecycle->ops->clear(lifecycle->allocator);
  ptrs_os_mutex_destroy(&lifecycle->mutex);
  ptrs_os_free(lifecycle->allocator, lifecycle->ops->object_size, lifecycle->ops->object_align);
}

void
ptrs_lifecycle_retain(PtrsLifecycle *lifecycle)
{
  (void)ptrs_atomic_count(&lifecycle->n_users, 1);
}

void
ptrs_lifecycle_release(PtrsLifecycle *lifecycle)
{
  // An allocator that goes was a user of its parent
  while (lifecycle && ptrs_atomic_take_last(&lifecycle->n_users)) {
    PtrsLifecycle *const above = ptrs_lifecycle_above(lifecycle);
    destroy(lifecycle);
    ptrs_lifecycle_settle(above);
    lifecycle = above;
  }
}

void
ptrs_lifecycle_lock(PtrsLifecycle *lifecycle)
{
  ptrs_os_mutex_lock(&lifecycle->mutex);
}

bool
ptrs_lifecycle_try_lock(PtrsLifecycle *lifecycle)
{
  return ptrs_os_mutex_try_lock(&lifecycle->mutex);
}

void
ptrs_lifecycle_unlock(PtrsLifecycle *lifecycle)
{
  ptrs_os_mutex_unlock(&lifecycle->mutex);
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
ptrs_lifecycle_try_enter(PtrsLifecycle *lifecycle, bool *would_block)
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
  ptrs_lifecycle_retain(lifecycle);
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
