// SPDX-License-Identifier: MIT
#include "ptrs/allocator.h"

#include "allocators/lifecycle.h"

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
