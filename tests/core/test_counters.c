// SPDX-License-Identifier: MIT
// Statistics that threads count apart from each other: what is exact, and how far a peak may
// be too high.
#include "base/counters.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "tap.h"
#include "threads.h"

#define N_THREADS 4

// What the header of allocators promises of a peak, once several threads have counted
#define SLACK_BYTES ((uint64_t)16 * (32 << 10))
#define SLACK_BLOCKS ((uint64_t)16 * 128)

static PtrsStats
read_stats(PtrsCounters *counters)
{
  PtrsStats stats;
  memset(&stats, 0xEE, sizeof(stats));
  ptrs_counters_read(counters, &stats);
  return stats;
}

static uint64_t
greater(uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

// Beside a model, read at each step
static void
one_thread_is_exact(void)
{
  static PtrsCounters counters;
  static size_t sizes[512];
  PtrsStats model = {0};
  size_t n_live   = 0;
  uint32_t random = 1;
  for (unsigned i = 0; i < 20000; ++i) {
    random            = random * 1664525 + 1013904223;
    const size_t size = random >> 8 & ((i & 7) ? 63 : 0xFFFF);
    const bool grows  = i / 700 % 2 ? random >> 30 != 0 : random >> 30 == 0;
    if (grows && n_live < 512) {
      sizes[n_live++] = size;
      ptrs_counters_alloc(&counters, size);
      model.total_blocks += 1;
      model.total_bytes += size;
      model.current_blocks += 1;
      model.current_bytes += size;
    } else if (n_live && random >> 29 & 1) {
      ptrs_counters_free(&counters, sizes[--n_live]);
      model.current_blocks -= 1;
      model.current_bytes -= sizes[n_live];
    } else if (n_live) {
      const size_t old  = sizes[n_live - 1];
      sizes[n_live - 1] = size;
      ptrs_counters_resize(&counters, old, size);
      model.total_bytes += size > old ? size - old : 0;
      model.current_bytes += size - old;
    }
    model.peak_blocks = greater(model.peak_blocks, model.current_blocks);
    model.peak_bytes  = greater(model.peak_bytes, model.current_bytes);
    // Reading is not what keeps a peak
    if (i % 3 == 0 || i % 1000 > 900) {
      const PtrsStats stats = read_stats(&counters);
      CHECK(!memcmp(&stats, &model, sizeof(stats)));
    }
  }
  const PtrsStats stats = read_stats(&counters);
  CHECK(!memcmp(&stats, &model, sizeof(stats)));
}

static void
a_peak_between_reads_is_kept(void)
{
  static PtrsCounters counters;
  for (unsigned i = 0; i < 100000; ++i) {
    ptrs_counters_alloc(&counters, 24);
  }
  for (unsigned i = 0; i < 100000; ++i) {
    ptrs_counters_free(&counters, 24);
  }
  ptrs_counters_alloc(&counters, 1);
  const PtrsStats stats = read_stats(&counters);
  CHECK_EQ(stats.peak_blocks, 100000);
  CHECK_EQ(stats.peak_bytes, 2400000);
  CHECK_EQ(stats.current_blocks, 1);
  CHECK_EQ(stats.current_bytes, 1);
}

typedef struct {
  PtrsCounters counters;
  Barrier barrier;
  PtrsAtomic n_live;
  PtrsAtomic n_wrong;
} Shared;

static Shared shared;

#define HELD 5000

// All hold their blocks at one time, which is the true peak
static void
hold_together(size_t index, void *ctx)
{
  (void)index;
  (void)ctx;
  for (unsigned round = 0; round < 3; ++round) {
    for (unsigned i = 0; i < HELD; ++i) {
      ptrs_counters_alloc(&shared.counters, 40);
    }
    barrier_wait(&shared.barrier);
    for (unsigned i = 0; i < HELD; ++i) {
      ptrs_counters_free(&shared.counters, 40);
    }
    barrier_wait(&shared.barrier);
  }
}

static void
check_peaks(const PtrsStats *stats, uint64_t blocks, uint64_t bytes)
{
  CHECK(stats->peak_blocks >= blocks);
  CHECK(stats->peak_blocks <= blocks + SLACK_BLOCKS);
  CHECK(stats->peak_bytes >= bytes);
  CHECK(stats->peak_bytes <= bytes + SLACK_BYTES);
}

// Again and again, so that there are threads without a shard of their own, too
static void
threads_are_added_up(void)
{
  memset(&shared, 0, sizeof(shared));
  barrier_init(&shared.barrier, N_THREADS);
  for (uint64_t round = 1; round <= 6; ++round) {
    crew_run(N_THREADS, hold_together, NULL);
    const PtrsStats stats = read_stats(&shared.counters);
    CHECK_EQ(stats.total_blocks, round * 3 * N_THREADS * HELD);
    CHECK_EQ(stats.total_bytes, round * 3 * N_THREADS * HELD * 40);
    CHECK_EQ(stats.current_blocks, 0);
    CHECK_EQ(stats.current_bytes, 0);
    check_peaks(&stats, (uint64_t)N_THREADS * HELD, (uint64_t)N_THREADS * HELD * 40);
  }
}

#define PASSED 30000
#define IN_TRANSIT 100

// Even threads allocate what odd ones free, so that no shard ever balances
static void
pass_on(size_t index, void *ctx)
{
  (void)ctx;
  for (unsigned i = 0; i < PASSED; ++i) {
    const bool frees = index % 2;
    uint64_t seen    = ptrs_atomic_load(&shared.n_live);
    for (unsigned round = 0;;) {
      if (frees ? seen == 0 : seen >= IN_TRANSIT) {
        ptrs_os_backoff(round++);
        seen = ptrs_atomic_load(&shared.n_live);
      } else if (ptrs_atomic_swap_if(&shared.n_live, &seen, frees ? seen - 1 : seen)) {
        break;
      }
    }
    if (frees) {
      ptrs_counters_free(&shared.counters, 100);
    } else {
      ptrs_counters_alloc(&shared.counters, 100);
      (void)ptrs_atomic_count(&shared.n_live, 1);
    }
    if (i % 64 == 0) {
      const PtrsStats stats = read_stats(&shared.counters);
      (void)ptrs_atomic_count(&shared.n_wrong, stats.current_bytes > stats.peak_bytes);
      (void)ptrs_atomic_count(&shared.n_wrong, stats.current_blocks > stats.peak_blocks);
    }
  }
}

static void
blocks_may_pass_between_threads(void)
{
  memset(&shared, 0, sizeof(shared));
  crew_run(N_THREADS, pass_on, NULL);
  const PtrsStats stats = read_stats(&shared.counters);
  CHECK_EQ(ptrs_atomic_peek(&shared.n_wrong), 0);
  CHECK_EQ(stats.total_blocks, N_THREADS / 2 * PASSED);
  CHECK_EQ(stats.current_blocks, 0);
  CHECK_EQ(stats.current_bytes, 0);
  // A thread that saw room may find that another was there first; one that frees counts late
  CHECK(stats.peak_blocks <= IN_TRANSIT + N_THREADS + SLACK_BLOCKS);
  CHECK(stats.peak_bytes <= (IN_TRANSIT + N_THREADS) * 100 + SLACK_BYTES);
}

// The child goes on from what the parent has counted
static void
a_child_counts_on(void)
{
  static PtrsCounters counters;
  for (unsigned i = 0; i < 1000; ++i) {
    ptrs_counters_alloc(&counters, 8);
  }
  const pid_t child = fork();
  if (!child) {
    for (unsigned i = 0; i < 500; ++i) {
      ptrs_counters_free(&counters, 8);
    }
    const PtrsStats stats = read_stats(&counters);
    _exit(!(stats.current_blocks == 500 && stats.current_bytes == 4000 &&
            stats.peak_blocks == 1000 && stats.peak_bytes == 8000));
  }
  int status = -1;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  CHECK_EQ(read_stats(&counters).current_blocks, 1000);
}

int
main(void)
{
  TAP_RUN(one_thread_is_exact);
  TAP_RUN(a_peak_between_reads_is_kept);
  TAP_RUN(threads_are_added_up);
  TAP_RUN(blocks_may_pass_between_threads);
  TAP_RUN(a_child_counts_on);
  return tap_end();
}
