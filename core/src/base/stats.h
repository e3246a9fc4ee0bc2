// SPDX-License-Identifier: MIT
// Statistics of an allocator that counts under its own lock.
#ifndef PTRS_STATS_H
#define PTRS_STATS_H

#include <stddef.h>

#include "ptrs/allocator.h"

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

#endif
