// SPDX-License-Identifier: MIT
#include "counts.h"

static void
raise_to(atomic_ullong *peak, unsigned long long value)
{
  unsigned long long seen = atomic_load(peak);
  while (seen < value && !atomic_compare_exchange_weak(peak, &seen, value)) {
  }
}

void
counts_made(Counts *counts, size_t size)
{
  atomic_fetch_add(&counts->made, 1);
  raise_to(&counts->peak_blocks, atomic_fetch_add(&counts->live_blocks, 1) + 1);
  counts_resized(counts, 0, size);
}

void
counts_resized(Counts *counts, size_t old_size, size_t new_size)
{
  // The difference may be less than 0, and wraps around
  const unsigned long long more = (unsigned long long)new_size - old_size;
  raise_to(&counts->peak_bytes, atomic_fetch_add(&counts->live_bytes, more) + more);
}

void
counts_freed(Counts *counts, size_t size)
{
  atomic_fetch_sub(&counts->live_blocks, 1);
  atomic_fetch_sub(&counts->live_bytes, size);
}
