// SPDX-License-Identifier: MIT
// Who frees what, and what is live: taken in a run of its own, which is not timed.
#ifndef COUNTS_H
#define COUNTS_H

#include <stdatomic.h>
#include <stddef.h>

typedef struct {
  atomic_ullong made;
  atomic_ullong crossing; // freed by another thread than made it
  atomic_ullong live_blocks;
  atomic_ullong live_bytes;
  atomic_ullong peak_blocks;
  atomic_ullong peak_bytes;
  atomic_ullong retained; // live where a workload says so
  atomic_uint threads;    // that have allocated or freed
} Counts;

void counts_made(Counts *counts, size_t size);
void counts_resized(Counts *counts, size_t old_size, size_t new_size);
void counts_freed(Counts *counts, size_t size);

#endif
