// SPDX-License-Identifier: MIT
#include "ptrs/allocator.h"

#include "allocators/lifecycle.h"
#include "base/budget.h"

void
ptrs_allocator_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  allocator->stats(allocator, stats);
}

const char *
ptrs_allocator_name(const PtrsAllocator *allocator)
{
  return allocator->name ? allocator->name : "unnamed";
}

size_t
ptrs_allocator_max_size(const PtrsAllocator *allocator)
{
  return allocator->max_size ? allocator->max_size : PTRS_SIZE_MAX;
}

size_t
ptrs_allocator_max_align(const PtrsAllocator *allocator)
{
  return allocator->max_align ? allocator->max_align : PTRS_ALIGN_MAX;
}

size_t
ptrs_allocator_limit(PtrsAllocator *allocator)
{
  size_t limit = 0;
  if (allocator->limit) {
    (void)allocator->limit(allocator, 0, &limit);
  }
  return limit;
}

PtrsStatus
ptrs_allocator_set_limit(PtrsAllocator *allocator, size_t limit)
{
  size_t set = 0;
  return !limit || limit > PTRS_SIZE_MAX ? PTRS_STATUS_BAD_ARG
         : !allocator->limit             ? PTRS_STATUS_NOT_SUPPORTED
                                         : allocator->limit(allocator, limit, &set);
}

bool
ptrs_allocator_refusal(PtrsRefusal *refusal)
{
  return ptrs_budget_told(refusal);
}

bool
ptrs_allocator_is_closed(PtrsAllocator *allocator)
{
  return allocator->lifecycle && ptrs_lifecycle_is_closed(allocator->lifecycle);
}

PtrsStatus
ptrs_allocator_close(PtrsAllocator *allocator)
{
  return allocator->lifecycle ? ptrs_lifecycle_close(allocator->lifecycle)
                              : PTRS_STATUS_NOT_SUPPORTED;
}

PtrsStatus
ptrs_allocator_drop(PtrsAllocator *allocator)
{
  if (!allocator->lifecycle) {
    return PTRS_STATUS_NOT_SUPPORTED;
  }
  ptrs_lifecycle_drop(allocator->lifecycle);
  return PTRS_STATUS_SUCCESS;
}

void
ptrs_allocator_retain(PtrsAllocator *allocator)
{
  if (allocator->lifecycle) {
    ptrs_lifecycle_retain(allocator->lifecycle);
  }
}

void
ptrs_allocator_release(PtrsAllocator *allocator)
{
  if (allocator->lifecycle) {
    ptrs_lifecycle_release(allocator->lifecycle);
  }
}
