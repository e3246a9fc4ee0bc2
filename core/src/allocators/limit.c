// SPDX-License-Identifier: MIT
#include "ptrs/limit.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "allocators/lifecycle.h"
#include "base/atomic.h"
#include "base/budget.h"
#include "base/checked.h"
#include "base/counters.h"
#include "os/os.h"

typedef struct {
  PtrsAllocator base;
  PtrsCounters counters;
  PtrsAtomic limit;
  PtrsAtomic in_use; // bytes that live or are about to; no more than the limit
  PtrsAtomic is_closed;
  PtrsAllocator *parent;
  PtrsLifecycle lifecycle;
} PtrsLimit;

static void
unreserve(PtrsLimit *limit, size_t bytes)
{
  ptrs_atomic_sub(&limit->in_use, bytes);
}

// Count bytes before they are taken; false if they would exceed the limit
static bool
reserve(PtrsLimit *limit, size_t bytes)
{
  uint64_t seen = ptrs_atomic_peek(&limit->in_use);
  for (;;) {
    const size_t most = (size_t)ptrs_atomic_peek(&limit->limit);
    // The limit may just have been lowered
    const uint64_t lives = seen < most ? seen : most;
    if (!ptrs_budget_allows(most, lives, bytes)) {
      return false;
    }
    if (ptrs_atomic_swap_if(&limit->in_use, &seen, seen + bytes)) {
      // Bytes that came and went meanwhile may have lowered the limit
      if (seen + bytes <= ptrs_atomic_load(&limit->limit)) {
        return true;
      }
      unreserve(limit, bytes);
      seen = ptrs_atomic_load(&limit->in_use);
    }
  }
}

typedef void *(*Alloc)(PtrsAllocator *allocator, size_t size, size_t align);

// Take memory of the parent for bytes that have been reserved
static void *
borrow(PtrsLimit *limit, size_t size, size_t align, Alloc alloc)
{
  PtrsAllocator *const parent = limit->parent;
  void *mem                   = NULL;
  if (!ptrs_atomic_peek(&limit->is_closed) && ptrs_lifecycle_begin_loan(parent)) {
    mem = alloc(parent, size, align);
    if (!mem) {
      // Without what ptrs_lifecycle_end_loan() does, since a child may hold its lock
      ptrs_lifecycle_cancel_loan(parent);
    }
  }
  return mem;
}

static void *
take(PtrsLimit *limit, size_t size, size_t align, Alloc alloc)
{
  if (!reserve(limit, size)) {
    return NULL;
  }
  void *const mem = borrow(limit, size, align, alloc);
  if (mem) {
    ptrs_counters_alloc(&limit->counters, size);
  } else {
    unreserve(limit, size);
  }
  return mem;
}

static void *
limit_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  PtrsLimit *const limit = (PtrsLimit *)allocator;
  return take(limit, size, align, limit->parent->alloc);
}

static void *
limit_zalloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  PtrsLimit *const limit = (PtrsLimit *)allocator;
  return take(limit, size, align, limit->parent->zalloc);
}

// Whether memory may grow by so many bytes, which are reserved then
static bool
may_grow(PtrsLimit *limit, size_t old_size, size_t new_size)
{
  return new_size <= old_size || reserve(limit, new_size - old_size);
}

// Count memory that has got another size, or not
static void *
resized(PtrsLimit *limit, void *mem, size_t old_size, size_t new_size)
{
  if (mem) {
    ptrs_counters_resize(&limit->counters, old_size, new_size);
  }
  if (mem ? new_size < old_size : new_size > old_size) {
    unreserve(limit, mem ? old_size - new_size : new_size - old_size);
  }
  return mem;
}

static void *
limit_realloc(PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align)
{
  PtrsLimit *const limit      = (PtrsLimit *)allocator;
  PtrsAllocator *const parent = limit->parent;
  if (!may_grow(limit, old_size, new_size)) {
    return NULL;
  }
  void *const new_mem = parent->realloc(parent, mem, old_size, new_size, align);
  return resized(limit, new_mem, old_size, new_size);
}

static void *
limit_move(PtrsAllocator *allocator, size_t old_size, size_t new_size, size_t align)
{
  PtrsLimit *const limit = (PtrsLimit *)allocator;
  if (!may_grow(limit, old_size, new_size)) {
    return NULL;
  }
  void *const new_mem = borrow(limit, new_size, align, limit->parent->zalloc);
  return resized(limit, new_mem, old_size, new_size);
}

static void
limit_put_away(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  ptrs_lifecycle_give_back(((PtrsLimit *)allocator)->parent, mem, size, align);
}

static void
limit_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  PtrsLimit *const limit = (PtrsLimit *)allocator;
  limit_put_away(allocator, mem, size, align);
  ptrs_counters_free(&limit->counters, size);
  unreserve(limit, size);
}

static size_t
limit_capacity(PtrsAllocator *allocator, const void *mem, size_t size, size_t align)
{
  PtrsAllocator *const parent = ((PtrsLimit *)allocator)->parent;
  return parent->capacity(parent, mem, size, align);
}

static void
limit_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  ptrs_counters_read(&((PtrsLimit *)allocator)->counters, stats);
}

static PtrsStatus
limit_limit(PtrsAllocator *allocator, size_t new_limit, size_t *limit)
{
  PtrsLimit *const self = (PtrsLimit *)allocator;
  uint64_t before       = ptrs_atomic_load(&self->limit);
  for (bool set = !new_limit; !set;) {
    // What the limit loses is taken out of it, so that no other thread takes it meanwhile
    const size_t lost = new_limit < before ? (size_t)before - new_limit : 0;
    PtrsRefusal untold;
    if (!reserve(self, lost)) {
      (void)ptrs_budget_told(&untold);
      return PTRS_STATUS_TOO_LARGE;
    }
    set = ptrs_atomic_swap_if(&self->limit, &before, new_limit);
    unreserve(self, lost);
  }
  *limit = (size_t)ptrs_atomic_peek(&self->limit);
  return PTRS_STATUS_SUCCESS;
}

static PtrsStatus
limit_clear(PtrsAllocator *allocator)
{
  if (ptrs_lifecycle_is_lending(allocator->lifecycle)) {
    return PTRS_STATUS_PINNED;
  }
  ptrs_atomic_store(&((PtrsLimit *)allocator)->is_closed, 1);
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_limit_new(PtrsAllocator *parent, size_t size, PtrsAllocator **limit)
{
  static const PtrsLifecycleOps ops = {.object_size  = sizeof(PtrsLimit),
                                       .object_align = _Alignof(PtrsLimit),
                                       .clear        = limit_clear,
                                       .frees_singly = true,
                                       .move         = limit_move,
                                       .put_away     = limit_put_away};
  if (!parent || !size || size > PTRS_SIZE_MAX) {
    return PTRS_STATUS_BAD_ARG;
  }
  const PtrsStatus status = ptrs_lifecycle_check_parent(parent, 0, 1);
  if (status) {
    return status;
  }
  PtrsLimit *const made = (PtrsLimit *)ptrs_os_zalloc(sizeof(PtrsLimit), _Alignof(PtrsLimit));
  if (!made) {
    return PTRS_STATUS_NO_MEM;
  }
  const PtrsAllocator base = {
      .alloc     = limit_alloc,
      .zalloc    = limit_zalloc,
      .realloc   = limit_realloc,
      .free      = limit_free,
      .capacity  = limit_capacity,
      .name      = "limit",
      .stats     = limit_stats,
      .limit     = limit_limit,
      .max_size  = parent->max_size,
      .max_align = parent->max_align,
  };
  made->base   = base;
  made->parent = parent;
  ptrs_atomic_put(&made->limit, size);
  ptrs_lifecycle_init(&made->lifecycle, &made->base, parent, &ops);
  *limit = &made->base;
  return PTRS_STATUS_SUCCESS;
}
