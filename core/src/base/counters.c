// SPDX-License-Identifier: MIT
#include "base/counters.h"

#include <assert.h>
#include <stdbool.h>

#include "os/os.h"

// Shards below this one belong to one thread each
#define N_OWN (PTRS_COUNTERS_SHARDS - 4)

// What a shard may count before the others hear of it; the header of allocators names twice
// as much, for each thread, as how far a peak may be too high
#define BATCH_BYTES ((int64_t)16 << 10)
#define BATCH_BLOCKS ((int64_t)64)

static_assert(sizeof(PtrsCounterShard) == PTRS_COUNTERS_LINE, "two threads share no line");

static PtrsAtomic n_threads;                        // that have chosen a shard
static PTRS_OS_THREAD_LOCAL unsigned thread_number; // from 1; 0: none chosen yet

static unsigned
own_index(void)
{
  if (!thread_number) {
    const uint64_t number = ptrs_atomic_count(&n_threads, 1);
    const uint64_t shared = N_OWN + number % (PTRS_COUNTERS_SHARDS - N_OWN);
    thread_number         = (unsigned)(number <= N_OWN ? number : shared + 1);
  }
  return thread_number - 1;
}

static int64_t
peek(const PtrsAtomic *atomic)
{
  return (int64_t)ptrs_atomic_peek(atomic);
}

// Add, and return the sum; nobody else writes what is `own`
static uint64_t
add(PtrsAtomic *atomic, uint64_t value, bool own)
{
  if (!own) {
    return ptrs_atomic_count(atomic, value);
  }
  const uint64_t sum = ptrs_atomic_peek(atomic) + value;
  ptrs_atomic_put(atomic, sum);
  return sum;
}

// Threads that write down peaks may see the sum of the ceilings too early for a difference
static void
raise_peak(PtrsPeak *peak, int64_t value)
{
  ptrs_atomic_raise(&peak->peak, value > 0 ? (uint64_t)value : 0);
}

// The balance of a shard has come above its ceiling
__attribute__((noinline)) static void
raise_ceiling(PtrsPeak *peak, PtrsTally *tally, int64_t balance, int64_t batch, bool own)
{
  const int64_t ceiling = balance + batch;
  uint64_t seen         = ptrs_atomic_peek(&tally->ceiling);
  if (own) {
    ptrs_atomic_put(&tally->ceiling, (uint64_t)ceiling);
  } else {
    while (balance > (int64_t)seen &&
           !ptrs_atomic_swap_if(&tally->ceiling, &seen, (uint64_t)ceiling)) {
    }
    if (balance <= (int64_t)seen) {
      return; // another thread of the shard has done it
    }
  }
  const uint64_t sum = ptrs_atomic_count(&peak->ceilings, (uint64_t)ceiling - seen);
  raise_peak(peak, (int64_t)sum - (own ? batch : 0));
}

// The balance has gone far below the ceiling.  What it was is written down before: of an own
// shard, as it was; of a shared one, as it may have been.
__attribute__((noinline)) static void
lower_ceiling(PtrsPeak *peak, PtrsTally *tally, int64_t balance, int64_t batch, bool own)
{
  uint64_t seen        = ptrs_atomic_peek(&tally->ceiling);
  const uint64_t lower = (uint64_t)(balance + batch);
  raise_peak(peak, peek(&peak->ceilings) - (own ? (int64_t)seen - peek(&tally->top) : 0));
  if (own) {
    ptrs_atomic_put(&tally->top, (uint64_t)balance);
    ptrs_atomic_put(&tally->ceiling, lower);
  } else if (!ptrs_atomic_swap_if(&tally->ceiling, &seen, lower)) {
    return; // the next thread that frees will do it
  }
  (void)ptrs_atomic_count(&peak->ceilings, lower - seen);
}

// Inlined with a constant `own`: a shard of one thread has none of the steps of others
__attribute__((always_inline)) static inline void
count_up(PtrsPeak *peak, PtrsTally *tally, uint64_t value, int64_t batch, bool own)
{
  const uint64_t total  = add(&tally->total, value, own);
  const int64_t balance = (int64_t)(total - ptrs_atomic_peek(&tally->freed));
  if (own && balance > peek(&tally->top)) {
    ptrs_atomic_put(&tally->top, (uint64_t)balance);
  }
  if (balance > peek(&tally->ceiling)) {
    raise_ceiling(peak, tally, balance, batch, own);
  }
}

__attribute__((always_inline)) static inline void
count_down(PtrsPeak *peak, PtrsTally *tally, uint64_t value, int64_t batch, bool own)
{
  const uint64_t freed  = add(&tally->freed, value, own);
  const int64_t balance = (int64_t)(ptrs_atomic_peek(&tally->total) - freed);
  if (peek(&tally->ceiling) - balance > 2 * batch) {
    lower_ceiling(peak, tally, balance, batch, own);
  }
}

void
ptrs_counters_alloc(PtrsCounters *counters, size_t bytes)
{
  const unsigned index          = own_index();
  PtrsCounterShard *const shard = &counters->shards[index];
  if (index < N_OWN) {
    count_up(&counters->blocks, &shard->blocks, 1, BATCH_BLOCKS, true);
    count_up(&counters->bytes, &shard->bytes, bytes, BATCH_BYTES, true);
  } else {
    count_up(&counters->blocks, &shard->blocks, 1, BATCH_BLOCKS, false);
    count_up(&counters->bytes, &shard->bytes, bytes, BATCH_BYTES, false);
  }
}

void
ptrs_counters_free(PtrsCounters *counters, size_t bytes)
{
  const unsigned index          = own_index();
  PtrsCounterShard *const shard = &counters->shards[index];
  if (index < N_OWN) {
    count_down(&counters->blocks, &shard->blocks, 1, BATCH_BLOCKS, true);
    count_down(&counters->bytes, &shard->bytes, bytes, BATCH_BYTES, true);
  } else {
    count_down(&counters->blocks, &shard->blocks, 1, BATCH_BLOCKS, false);
    count_down(&counters->bytes, &shard->bytes, bytes, BATCH_BYTES, false);
  }
}

void
ptrs_counters_resize(PtrsCounters *counters, size_t old_bytes, size_t new_bytes)
{
  const unsigned index          = own_index();
  PtrsCounterShard *const shard = &counters->shards[index];
  if (new_bytes > old_bytes) {
    count_up(&counters->bytes, &shard->bytes, new_bytes - old_bytes, BATCH_BYTES, index < N_OWN);
  } else {
    count_down(&counters->bytes, &shard->bytes, old_bytes - new_bytes, BATCH_BYTES, index < N_OWN);
  }
}

// What shards have counted, added up
typedef struct {
  uint64_t total;
  uint64_t freed;
  int64_t unused; // what own shards have never used of their ceilings
} Sum;

static void
add_up(Sum *sum, const PtrsTally *tally, bool own)
{
  // Freed first: what is counted as freed has been counted in the total
  sum->freed += ptrs_atomic_peek(&tally->freed);
  sum->unused += own ? peek(&tally->ceiling) - peek(&tally->top) : 0;
}

static void
read_one(PtrsPeak *peak, const Sum *sum, uint64_t *current, uint64_t *highest, uint64_t *total)
{
  raise_peak(peak, peek(&peak->ceilings) - sum->unused);
  *highest = ptrs_atomic_peek(&peak->peak);
  *total   = sum->total;

  // Threads that allocate and free meanwhile are seen more in the total than among the freed
  const uint64_t live = sum->total > sum->freed ? sum->total - sum->freed : 0;
  *current            = live < *highest ? live : *highest;
}

void
ptrs_counters_read(PtrsCounters *counters, PtrsStats *stats)
{
  Sum bytes  = {0};
  Sum blocks = {0};
  for (unsigned i = 0; i < PTRS_COUNTERS_SHARDS; ++i) {
    add_up(&bytes, &counters->shards[i].bytes, i < N_OWN);
    add_up(&blocks, &counters->shards[i].blocks, i < N_OWN);
  }
  for (unsigned i = 0; i < PTRS_COUNTERS_SHARDS; ++i) {
    bytes.total += ptrs_atomic_peek(&counters->shards[i].bytes.total);
    blocks.total += ptrs_atomic_peek(&counters->shards[i].blocks.total);
  }
  read_one(&counters->bytes, &bytes, &stats->current_bytes, &stats->peak_bytes,
           &stats->total_bytes);
  read_one(&counters->blocks, &blocks, &stats->current_blocks, &stats->peak_blocks,
           &stats->total_blocks);
}
