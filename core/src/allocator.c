// SPDX-License-Identifier: MIT
#include "ptrs/allocator.h"

void
ptrs_allocator_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  allocator->stats(allocator, stats);
}
