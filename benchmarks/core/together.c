// SPDX-License-Identifier: MIT
#define _POSIX_C_SOURCE 200809L

#include "together.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure.h"
#include "ptrs/arena.h"
#include "ptrs/block.h"
#include "ptrs/pool.h"
#include "ptrs/system.h"

// Many short rounds: on a busy machine, some of them are not interrupted
#define ROUNDS 200
#define PAIRS ((size_t)5000)
#define THREADS_MAX 2
#define SIZE ((size_t)64)
#define ALIGN PTRS_ALIGN_DEFAULT
#define CHUNK ((size_t)64 << 10)

typedef void (*Pairs)(PtrsAllocator *allocator);

static void
pairs_of_malloc(PtrsAllocator *unused)
{
  (void)unused;
  for (size_t i = 0; i < PAIRS; ++i) {
    void *volatile mem = malloc(SIZE);
    free(mem);
  }
}

static void
pairs_plain(PtrsAllocator *allocator)
{
  for (size_t i = 0; i < PAIRS; ++i) {
    allocator->free(allocator, allocator->alloc(allocator, SIZE, ALIGN), SIZE, ALIGN);
  }
}

static void
pairs_checked(PtrsAllocator *allocator)
{
  PtrsBlock block = 0;
  for (size_t i = 0; i < PAIRS; ++i) {
    if (!ptrs_block_alloc(allocator, SIZE, ALIGN, &block)) {
      (void)ptrs_block_free(block);
    }
  }
}

typedef struct {
  Pairs pairs;
  PtrsAllocator *allocator;
  atomic_size_t *n_waiting; // for each other
  double begun;
  double ended;
} Work;

static void *
run(void *argument)
{
  Work *const work = (Work *)argument;
  *work->n_waiting -= 1;
  while (*work->n_waiting) {
    (void)sched_yield();
  }
  work->begun = measure_seconds();
  work->pairs(work->allocator);
  work->ended = measure_seconds();
  return NULL;
}

// Nanoseconds for a pair in the calling thread
static double
cost_here(Pairs pairs, PtrsAllocator *allocator)
{
  const double start = measure_seconds();
  pairs(allocator);
  return (measure_seconds() - start) / (double)PAIRS * 1e9;
}

// Nanoseconds for a pair in each of several threads at once: from when the first of them begins
// until the last one ends
static double
cost_in_threads(Pairs pairs, PtrsAllocator *const *allocators, size_t n_threads)
{
  atomic_size_t n_waiting = n_threads;
  Work works[THREADS_MAX];
  pthread_t threads[THREADS_MAX];
  for (size_t i = 0; i < n_threads; ++i) {
    works[i] = (Work){.pairs = pairs, .allocator = allocators[i], .n_waiting = &n_waiting};
    if (pthread_create(&threads[i], NULL, run, &works[i])) {
      abort(); // the others would wait for ever
    }
  }
  double begun = 1e12;
  double ended = 0;
  for (size_t i = 0; i < n_threads; ++i) {
    (void)pthread_join(threads[i], NULL);
    begun = works[i].begun < begun ? works[i].begun : begun;
    ended = works[i].ended > ended ? works[i].ended : ended;
  }
  return (ended - begun) / (double)PAIRS * 1e9;
}

typedef enum { ALONE, ONE, APART, SHARED, N_COLUMNS } Column;

typedef struct {
  const char *name;
  Pairs pairs;
  PtrsAllocator *allocators[THREADS_MAX];
  double costs[N_COLUMNS]; // the least
} Row;

static void
note(Row *row, Column column, double cost)
{
  if (!row->costs[column] || cost < row->costs[column]) {
    row->costs[column] = cost;
  }
}

static void
measure_alone(Row *row)
{
  note(row, ALONE, cost_here(row->pairs, row->allocators[0]));
}

static void
measure_threads(Row *row)
{
  PtrsAllocator *const shared[] = {row->allocators[0], row->allocators[0]};
  note(row, ONE, cost_in_threads(row->pairs, row->allocators, 1));
  note(row, APART, cost_in_threads(row->pairs, row->allocators, 2));
  note(row, SHARED, cost_in_threads(row->pairs, shared, 2));
}

static void
measure_all(Row *rows, size_t n_rows, void (*measure)(Row *))
{
  for (int round = 0; round < ROUNDS; ++round) {
    for (size_t i = 0; i < n_rows; ++i) {
      measure(&rows[i]);
    }
  }
}

bool
together_print(void)
{
  PtrsAllocator *const system = ptrs_system_allocator();
  PtrsAllocator *pools[THREADS_MAX];
  PtrsAllocator *arenas[THREADS_MAX];
  for (size_t i = 0; i < THREADS_MAX; ++i) {
    if (ptrs_pool_new(system, SIZE, ALIGN, 0, &pools[i]) ||
        ptrs_arena_new(system, CHUNK, &arenas[i])) {
      return false;
    }
  }
  Row rows[] = {
      {.name = "malloc and free", .pairs = pairs_of_malloc},
      {.name = "system", .pairs = pairs_plain, .allocators = {system, system}},
      {.name = "system, checked", .pairs = pairs_checked, .allocators = {system, system}},
      {.name = "pool", .pairs = pairs_plain, .allocators = {pools[0], pools[1]}},
      {.name = "pool, checked", .pairs = pairs_checked, .allocators = {pools[0], pools[1]}},
      {.name = "arena", .pairs = pairs_plain, .allocators = {arenas[0], arenas[1]}},
      {.name = "arena, checked", .pairs = pairs_checked, .allocators = {arenas[0], arenas[1]}},
  };
  const size_t n_rows = sizeof(rows) / sizeof(rows[0]);
  measure_all(rows, n_rows, measure_alone);
  measure_all(rows, n_rows, measure_threads);
  (void)printf("%-24s %10s %10s %10s %10s\n", "ns for a pair", "alone", "1 thread", "2, apart",
               "2, shared");
  for (size_t i = 0; i < n_rows; ++i) {
    const double *const costs = rows[i].costs;
    (void)printf("%-24s %10.1f %10.1f %10.1f %10.1f\n", rows[i].name, costs[ALONE], costs[ONE],
                 costs[APART], costs[SHARED]);
  }
  return true;
}

void
together_ratios(double *checked, double *plain)
{
  Row rows[] = {
      {.pairs = pairs_checked, .allocators = {ptrs_system_allocator(), ptrs_system_allocator()}},
      {.pairs = pairs_of_malloc},
  };
  measure_all(rows, 2, measure_threads);
  *checked = rows[0].costs[APART] / rows[0].costs[ONE];
  *plain   = rows[1].costs[APART] / rows[1].costs[ONE];
}
