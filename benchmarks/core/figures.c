// SPDX-License-Identifier: MIT
// The figures that the library is held to, as a table: what was wanted, what
// was measured, each against what it is compared with in the same rounds.
//
// With --beside, in a process that has had a second thread: from then on steps
// are atomic, here and in the C library.
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "ptrs/arena.h"
#include "ptrs/block.h"
#include "ptrs/foreign.h"
#include "ptrs/guard.h"
#include "ptrs/pool.h"
#include "ptrs/system.h"
#include "random.h"
#include "together.h"

#define ROUNDS 9
#define ALIGN PTRS_ALIGN_DEFAULT
#define SLOTS 1024
#define COPY ((size_t)64 << 10)

static PtrsAllocator *arena;
static PtrsAllocator *pool;
static PtrsAllocator *guard;
static PtrsAllocator *mimalloc; // NULL if it is not installed
static PtrsBlock small_block;
static PtrsBlock large_block;
static void *large_bytes; // of that block: how fast they are copied depends on where they lie
static char copy[COPY];

// Each does its work `times` times

static void
access_checked(size_t times)
{
  PtrsEntry entry;
  for (size_t i = 0; i < times; ++i) {
    if (!ptrs_block_enter(small_block, PTRS_ACCESS_SHARED, &entry)) {
      ptrs_block_leave(&entry);
    }
  }
}

static void
pair_checked(size_t times)
{
  PtrsBlock block = 0;
  for (size_t i = 0; i < times; ++i) {
    if (!ptrs_block_alloc(ptrs_system_allocator(), 64, ALIGN, &block)) {
      (void)ptrs_block_free(block);
    }
  }
}

static void
pair_plain(size_t times)
{
  for (size_t i = 0; i < times; ++i) {
    void *volatile mem = malloc(64);
    free(mem);
  }
}

static void
copy_checked(size_t times)
{
  for (size_t i = 0; i < times; ++i) {
    (void)ptrs_block_read(large_block, 0, COPY, copy);
  }
}

static void
copy_plain(size_t times)
{
  for (size_t i = 0; i < times; ++i) {
    memcpy(copy, large_bytes, COPY);
    __asm__ volatile("" ::"r"(copy) : "memory");
  }
}

static void
churn(PtrsAllocator *allocator, size_t times)
{
  void *pieces[SLOTS];
  Random random = {1};
  for (size_t i = 0; i < SLOTS; ++i) {
    pieces[i] = allocator->alloc(allocator, 64, ALIGN);
  }
  for (size_t i = 0; i < times; ++i) {
    const size_t at = random_below(&random, SLOTS);
    allocator->free(allocator, pieces[at], 64, ALIGN);
    pieces[at]          = allocator->alloc(allocator, 64, ALIGN);
    *(char *)pieces[at] = 1;
  }
  for (size_t i = 0; i < SLOTS; ++i) {
    allocator->free(allocator, pieces[i], 64, ALIGN);
  }
}

static void
churn_pool(size_t times)
{
  churn(pool, times);
}

static void
churn_mimalloc(size_t times)
{
  churn(mimalloc, times);
}

static void
request(PtrsAllocator *allocator, size_t times)
{
  void *pieces[1000];
  for (size_t done = 0; done < times; done += 1000) {
    for (size_t i = 0; i < 1000; ++i) {
      pieces[i]          = allocator->alloc(allocator, 16 + (i & 63), ALIGN);
      *(char *)pieces[i] = 1;
    }
    if (allocator == arena) {
      (void)ptrs_arena_reset(arena);
    } else {
      for (size_t i = 0; i < 1000; ++i) {
        allocator->free(allocator, pieces[i], 16 + (i & 63), ALIGN);
      }
    }
  }
}

static void
request_arena(size_t times)
{
  request(arena, times);
}

static void
request_system(size_t times)
{
  request(ptrs_system_allocator(), times);
}

static PtrsBlock *live;

// Replace checked blocks in windows, as `live-blocks` does
static void
replace_among(size_t count, size_t times)
{
  Random random = {1};
  size_t window = 0;
  for (size_t i = 0; i < times; ++i) {
    if (i % 1024 == 0) {
      window = count > 128 ? random_below(&random, count - 128) : 0;
    }
    PtrsBlock *const block = &live[window + random_below(&random, count < 128 ? count : 128)];
    (void)ptrs_block_free(*block);
    (void)ptrs_block_alloc(ptrs_system_allocator(), 48, ALIGN, block);
  }
}

static double
cost_among(size_t count)
{
  double best = 1e9;
  live        = (PtrsBlock *)calloc(count, sizeof(PtrsBlock));
  for (size_t i = 0; i < count; ++i) {
    (void)ptrs_block_alloc(ptrs_system_allocator(), 48, ALIGN, &live[i]);
  }
  for (int round = 0; round < 3; ++round) {
    const double start = measure_seconds();
    replace_among(count, 300000);
    const double cost = (measure_seconds() - start) / 300000 * 1e9;
    best              = cost < best ? cost : best;
  }
  for (size_t i = 0; i < count; ++i) {
    (void)ptrs_block_free(live[i]);
  }
  free(live);
  return best;
}

static void
guard_recycled(size_t times)
{
  for (size_t i = 0; i < times; ++i) {
    char *const mem = (char *)guard->alloc(guard, 64, ALIGN);
    mem[0]          = 1;
    guard->free(guard, mem, 64, ALIGN);
  }
}

static void
guard_cold(size_t times)
{
  PtrsAllocator *fresh = NULL;
  if (ptrs_guard_new(0, 0, &fresh)) {
    return;
  }
  for (size_t i = 0; i < times; ++i) {
    char *const mem = (char *)fresh->alloc(fresh, 64, ALIGN);
    mem[0]          = 1;
  }
  // Not closed here, which is not what is timed
}

// Nanoseconds for one, the least of several rounds, of both in turns
static void
measure_both(void (*one)(size_t), void (*other)(size_t), size_t times, double *a, double *b)
{
  *a = 1e12;
  *b = 1e12;
  for (int round = 0; round < ROUNDS; ++round) {
    double start = measure_seconds();
    one(times);
    const double first = (measure_seconds() - start) / (double)times * 1e9;
    *a                 = first < *a ? first : *a;
    if (other) {
      start = measure_seconds();
      other(times);
      const double second = (measure_seconds() - start) / (double)times * 1e9;
      *b                  = second < *b ? second : *b;
    }
  }
}

static void
tell(const char *name, const char *wanted, double measured, bool met)
{
  (void)printf("%-44s %-12s %10.2f  %s\n", name, wanted, measured, met ? "met" : "missed");
}

static void *
end_at_once(void *unused)
{
  return unused;
}

static bool
have_had_a_thread(void)
{
  pthread_t thread;
  return !pthread_create(&thread, NULL, end_at_once, NULL) && !pthread_join(thread, NULL);
}

static bool
set_up(void)
{
  PtrsAllocator *const system = ptrs_system_allocator();
  char message[256];
  (void)ptrs_foreign_new("libmimalloc.so.2", "mi_", message, sizeof(message), &mimalloc);
  return !ptrs_arena_new(system, COPY, &arena) && !ptrs_pool_new(system, 64, ALIGN, 0, &pool) &&
         !ptrs_guard_new(0, 0, &guard) && !ptrs_block_zalloc(system, 28, ALIGN, &small_block) &&
         !ptrs_block_zalloc(system, COPY, ALIGN, &large_block) &&
         !ptrs_block_pin(large_block, &large_bytes);
}

int
main(int argc, char **argv)
{
  double a          = 0;
  double b          = 0;
  const bool beside = argc == 2 && !strcmp(argv[1], "--beside");
  if (argc > 1 && !beside) {
    (void)fprintf(stderr, "usage: %s [--beside]\n", argv[0]);
    return 2;
  }
  if (!set_up() || (beside && !have_had_a_thread())) {
    (void)fprintf(stderr, "no memory\n");
    return 1;
  }
  (void)printf("%-44s %-12s %10s\n", "", "wanted", "measured");
  measure_both(access_checked, NULL, 1000000, &a, &b);
  tell("a checked access enters and leaves, ns", "<= 20", a, a <= 20);
  measure_both(pair_checked, pair_plain, 1000000, &a, &b);
  tell("a checked pair adds to malloc and free, ns", "<= 50", a - b, a - b <= 50);
  measure_both(copy_checked, copy_plain, 20000, &a, &b);
  tell("64 KiB copied, x memcpy", "<= 1.05", a / b, a / b <= 1.05);
  if (mimalloc) {
    measure_both(churn_mimalloc, churn_pool, 1000000, &a, &b);
    tell("pool, times as fast as mimalloc", ">= 1", a / b, a >= b);
  } else {
    (void)printf("pool against mimalloc: libmimalloc.so.2 is not installed\n");
  }
  measure_both(request_system, request_arena, 1000000, &a, &b);
  tell("arena, times as fast as system on requests", ">= 3", a / b, a / b >= 3);
  a = cost_among(100);
  b = cost_among(10000000);
  tell("10^7 live blocks, x the cost of 10^2", "<= 1.5", b / a, b / a <= 1.5);
  measure_both(guard_cold, NULL, 1000, &a, &b);
  tell("guarded allocation, cold, us", "<= 9", a / 1000, a <= 9000);
  measure_both(guard_recycled, NULL, 20000, &a, &b);
  tell("guarded allocation and free, recycled, us", "<= 3", a / 1000, a <= 3000);
  // Last, since it starts threads.  How malloc and free scale is what the machine allows.
  if (!together_print()) {
    return 1;
  }
  together_ratios(&a, &b);
  tell("a checked pair in 2 threads, x in 1", "-", a, true);
  tell("malloc and free in 2 threads, x in 1", "-", b, true);
  tell("the first by the second", "<= 1.25", a / b, a / b <= 1.25);
  (void)printf("%-44s %-12s %10d  met (blocks/table.c asserts it)\n",
               "bookkeeping of a block, bytes", "<= 48", 48);
  return 0;
}
