// SPDX-License-Identifier: MIT
#include "allocators/lifecycle.h"

#include "blocks/invalidate.h"
#include "blocks/lifetime.h"

PtrsStatus
ptrs_lifecycle_close(PtrsLifecycle *lifecycle)
{
  ptrs_lifecycle_wait(lifecycle);
  if (lifecycle->is_closed && !ptrs_atomic_peek(&lifecycle->is_dropped)) {
    ptrs_lifecycle_unlock(lifecycle);
    return PTRS_STATUS_SUCCESS;
  }
  const PtrsInvalidation all = {.clear = ptrs_lifecycle_clear};
  const PtrsStatus status    = ptrs_invalidate_locked(lifecycle, &all);
  // A thread that wanted to settle the allocator meanwhile has left that to this one
  ptrs_lifecycle_settle(status ? lifecycle : ptrs_lifecycle_above(lifecycle));
  return status;
}

void
ptrs_lifecycle_drop(PtrsLifecycle *lifecycle)
{
  if (ptrs_lifecycle_enter(lifecycle)) {
    return;
  }
  const PtrsInvalidation unpinned = {.leaves_pinned = true};
  lifecycle->is_closed            = true;
  ptrs_atomic_store(&lifecycle->is_dropped, 1);
  (void)ptrs_invalidate_locked(lifecycle, &unpinned); // refuses nothing
  ptrs_lifecycle_settle(lifecycle);
}

PtrsStatus
ptrs_lifecycle_check_parent(const PtrsAllocator *parent, size_t size, size_t align)
{
  return ptrs_lifecycle_depth_below(parent) > PTRS_DEPTH_MAX
             ? PTRS_STATUS_TOO_DEEP
             : ptrs_allocator_check(parent, size, align);
}

static void *
borrow(PtrsAllocator *parent, size_t size, size_t align, size_t *clean)
{
  PtrsLifecycle *const lifecycle = parent->lifecycle;
  if (lifecycle && lifecycle->ops->take) {
    ptrs_lifecycle_lock(lifecycle);
    void *const mem = lifecycle->ops->take(parent, size, align, clean);
    ptrs_lifecycle_unlock(lifecycle);
    return mem;
  }
  *clean = size;
  return parent->zalloc(parent, size, align);
}

bool
ptrs_lifecycle_begin_loan(PtrsAllocator *allocator)
{
  PtrsLifecycle *const lifecycle = allocator->lifecycle;
  if (lifecycle) {
    if (ptrs_atomic_peek(&lifecycle->is_dropped)) {
      return false;
    }
    (void)ptrs_atomic_count(&lifecycle->n_lent, 1);
  }
  return true;
}

void
ptrs_lifecycle_cancel_loan(PtrsAllocator *allocator)
{
  if (allocator->lifecycle) {
    ptrs_atomic_sub(&allocator->lifecycle->n_lent, 1);
  }
}

void
ptrs_lifecycle_end_loan(PtrsAllocator *allocator)
{
  if (allocator->lifecycle) {
    ptrs_atomic_sub(&allocator->lifecycle->n_lent, 1);
    ptrs_lifecycle_settle(allocator->lifecycle);
  }
}

void *
ptrs_lifecycle_borrow(PtrsAllocator *parent, size_t size, size_t align, size_t *clean)
{
  if (!ptrs_lifecycle_begin_loan(parent)) {
    return NULL;
  }
  void *const mem = borrow(parent, size, align, clean);
  if (!mem) {
    ptrs_lifecycle_cancel_loan(parent);
  }
  return mem;
}

void
ptrs_lifecycle_give_back(PtrsAllocator *parent, void *mem, size_t size, size_t align)
{
  parent->free(parent, mem, size, align);
  ptrs_lifecycle_cancel_loan(parent);
}

bool
ptrs_lifecycle_is_lending(const PtrsLifecycle *lifecycle)
{
  return ptrs_atomic_load(&lifecycle->n_lent) != 0;
}

size_t
ptrs_exact_capacity(PtrsAllocator *allocator, const void *mem, size_t size, size_t align)
{
  (void)allocator;
  (void)mem;
  (void)align;
  return size;
}
