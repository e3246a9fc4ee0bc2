// SPDX-License-Identifier: MIT
// Counters that an allocator embeds to keep its statistics.
#ifndef PTRS_STATS_H
#define PTRS_STATS_H

#include <stddef.h>

#include "base/atomic.h"
#include "ptrs/allocator.h"

// Plain numbers, for an allocator that counts under its own lock.

static inline void
ptrs_stats_grow(PtrsStats *stats, size_t bytes)
{
  stats->total_bytes += bytes;
  stats->current_bytes += bytes;
  if (stats->current_bytes > stats->peak_bytes) {
    stats->peak_bytes = stats->current_bytes;
  }
}

static inline void
ptrs_stats_alloc(PtrsStats *stats, size_t bytes)
{
  stats->total_blocks += 1;
  stats->current_blocks += 1;
  if (stats->current_blocks > stats->peak_blocks) {
    stats->peak_blocks = stats->current_blocks;
  }
  ptrs_stats_grow(stats, bytes);
}

static inline void
ptrs_stats_free(PtrsStats *stats, size_t bytes)
{
  stats->current_blocks -= 1;
  stats->current_bytes -= bytes;
}

static inline void
ptrs_stats_resize(PtrsStats *stats, size_t old_bytes, size_t new_bytes)
{
  if (new_bytes > old_bytes) {
    ptrs_stats_grow(stats, new_bytes - old_bytes);
  } else {
    stats->current_bytes -= old_bytes - new_bytes;
  }
}

// Atomic counters, for an allocator without a lock: of allocated and of freed blocks.  The
// current values are the differences, so that an allocation and a release cost two atomic
// additions each.
typedef struct {
  PtrsAtomic total_bytes;
  PtrsAtomic total_blocks;
  PtrsAtomic freed_bytes;
  PtrsAtomic freed_blocks;
  PtrsAtomic peak_bytes;
  PtrsAtomic peak_blocks;
} PtrsCounters;

// The total is read before the freed bytes, so that a peak never claims more than there was.
static inline void
ptrs_counters_grow(PtrsCounters *counters, size_t bytes)
{
  const uint64_t total = ptrs_atomic_count(&counters->total_bytes, bytes);
  const uint64_t freed = ptrs_atomic_peek(&counters->freed_bytes);
  ptrs_atomic_raise(&counters->peak_bytes, total > freed ? total - freed : 0);
}

static inline void
ptrs_counters_alloc(PtrsCounters *counters, size_t bytes)
{
  const uint64_t total = ptrs_atomic_count(&counters->total_blocks, 1);
  const uint64_t freed = ptrs_atomic_peek(&counters->freed_blocks);
  ptrs_atomic_raise(&counters->peak_blocks, total > freed ? total - freed : 0);
  ptrs_counters_grow(counters, bytes);
}

static inline void
ptrs_counters_shrink(PtrsCounters *counters, size_t bytes)
{
  (void)ptrs_atomic_count(&counters->freed_bytes, bytes);
}

static inline void
ptrs_counters_free(PtrsCounters *counters, size_t bytes)
{
  (void)ptrs_atomic_count(&counters->freed_blocks, 1);
  ptrs_counters_shrink(counters, bytes);
}

static inline void
ptrs_counters_resize(PtrsCounters *counters, size_t old_bytes, size_t new_bytes)
{
  if (new_bytes > old_bytes) {
    ptrs_counters_grow(counters, new_bytes - old_bytes);
  } else {
    ptrs_counters_shrink(counters, old_bytes - new_bytes);
  }
}

static inline void
ptrs_counters_read(const PtrsCounters *counters, PtrsStats *stats)
{
  const uint64_t freed_bytes  = ptrs_atomic_peek(&counters->freed_bytes);
  const uint64_t freed_blocks = ptrs_atomic_peek(&counters->freed_blocks);

  stats->total_bytes    = ptrs_atomic_peek(&counters->total_bytes);
  stats->total_blocks   = ptrs_atomic_peek(&counters->total_blocks);
  stats->current_bytes  = stats->total_bytes - freed_bytes;
  stats->current_blocks = stats->total_blocks - freed_blocks;
  stats->peak_bytes     = ptrs_atomic_peek(&counters->peak_bytes);
  stats->peak_blocks    = ptrs_atomic_peek(&counters->peak_blocks);
}

#endif
