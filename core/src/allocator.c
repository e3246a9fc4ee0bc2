// SPDX-License-Identifier: MIT
#include "ptrs/allocator.h"

#include "owner.h"

void
ptrs_allocator_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  allocator->stats(allocator, stats);
}

PtrsStatus
ptrs_allocator_close(PtrsAllocator *allocator)
{
  return allocator->owner ? ptrs_owner_close(allocator->owner) : PTRS_STATUS_NOT_SUPPORTED;
}

void
ptrs_allocator_release(PtrsAllocator *allocator)
{
  if (allocator->owner) {
    ptrs_owner_release(allocator->owner);
  }
}
