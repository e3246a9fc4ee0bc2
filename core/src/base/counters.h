// SPDX-License-Identifier: MIT
// Statistics of an allocator without a lock, counted by threads apart from each other.
//
// Each thread counts in a shard, so that threads at work on different blocks share no cache
// line.  The first threads of the process have a shard of their own, which they write without
// atomic steps; those that come later share the rest.  Numbers are added up when asked for.
//
// A peak cannot be seen from one shard.  So each shard has a ceiling, up to which its balance
// may go without a word to the others, and a word shared by all has the sum of the ceilings.
// The sum is changed by steps of a batch, and is never less than what is live.
#ifndef PTRS_COUNTERS_H
#define PTRS_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "ptrs/allocator.h"

#define PTRS_COUNTERS_LINE 64
#define PTRS_COUNTERS_SHARDS 16

// What a shard has counted, of bytes or of blocks.  The balance, which is total - freed, is
// negative where a thread frees what another has allocated.
typedef struct {
  PtrsAtomic total;
  PtrsAtomic freed;
  PtrsAtomic top;     // greatest balance since the ceiling was last lowered; of own shards
  PtrsAtomic ceiling; // no less than the balance
} PtrsTally;

typedef struct {
  _Alignas(PTRS_COUNTERS_LINE) PtrsTally bytes;
  PtrsTally blocks;
} PtrsCounterShard;

typedef struct {
  PtrsAtomic ceilings; // the sum of all shards'
  PtrsAtomic peak;
} PtrsPeak;

typedef struct {
  PtrsCounterShard shards[PTRS_COUNTERS_SHARDS];
  _Alignas(PTRS_COUNTERS_LINE) PtrsPeak bytes;
  PtrsPeak blocks;
} PtrsCounters;

void ptrs_counters_alloc(PtrsCounters *counters, size_t bytes);
void ptrs_counters_free(PtrsCounters *counters, size_t bytes);
void ptrs_counters_resize(PtrsCounters *counters, size_t old_bytes, size_t new_bytes);

// As ptrs_allocator_stats() promises it
void ptrs_counters_read(PtrsCounters *counters, PtrsStats *stats);

#endif
