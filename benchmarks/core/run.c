// SPDX-License-Identifier: MIT
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "workload.h"

// What an arena may take before it is reset
#define ARENA_MAX 2e9

// Workloads keep up to 110 KiB on it; musl would give them 128
#define STACK_SIZE ((size_t)1 << 20)

// Numbers of threads
static atomic_ullong n_makers;

size_t
run_times(const Run *run, double base, size_t least)
{
  const double times = base * run->scale;
  return times < (double)least ? least : (size_t)times;
}

bool
run_out_of_memory(Run *run, size_t size)
{
  (void)snprintf(run->problem, sizeof(run->problem),
                 "no memory for %zu bytes after %llu operations", size,
                 (unsigned long long)run->operations);
  return false;
}

bool
run_corrupt(Run *run)
{
  run->corrupt = true;
  return false;
}

bool
run_fits(Run *run, double bytes)
{
  if (run->heap->is_arena && bytes > ARENA_MAX) {
    (void)snprintf(run->problem, sizeof(run->problem),
                   "an arena gives nothing back before its reset, and this takes %.0f MB",
                   bytes / 1e6);
    return false;
  }
  return true;
}

bool
run_alloc(Run *run, size_t size, Piece *piece)
{
  const uint64_t number = run->maker << PIECE_MAKER_SHIFT | run->n_made++;
  return heap_alloc(run->heap, size, PTRS_ALIGN_DEFAULT, number, piece) ||
         run_out_of_memory(run, size);
}

bool
run_resize(Run *run, size_t size, Piece *piece)
{
  bool whole = true;
  ++run->operations;
  if (!heap_resize(run->heap, piece, size, &whole)) {
    return run_out_of_memory(run, size);
  }
  return whole || run_corrupt(run);
}

bool
run_free(Run *run, Piece *piece)
{
  if (!piece->size) {
    return true;
  }
  ++run->operations;
  return heap_free(run->heap, piece, run->maker) || run_corrupt(run);
}

bool
run_free_all(Run *run, Piece *pieces, size_t count)
{
  run->operations += count;
  return heap_free_all(run->heap, pieces, count, run->maker) || run_corrupt(run);
}

bool
run_renew(Run *run, size_t size, Piece *piece)
{
  return run_free(run, piece) && run_alloc(run, size, piece);
}

void
run_become(Run *run)
{
  run->maker = atomic_fetch_add(&n_makers, 1) + 1;
  if (run->heap->counts) {
    atomic_fetch_add(&run->heap->counts->threads, 1);
  }
}

void
run_retain(Run *run)
{
  Counts *const counts = run->heap->counts;
  if (counts) {
    atomic_store(&counts->retained, atomic_load(&counts->live_blocks));
  }
}

typedef struct {
  Run own;
  unsigned index;
  void *ctx;
  ThreadFunction function;
  atomic_uint *missing; // threads that are not there yet; macOS has no barriers
  bool good;
} Thread;

static void *
thread_main(void *argument)
{
  Thread *const thread = (Thread *)argument;
  atomic_fetch_sub(thread->missing, 1);
  while (atomic_load(thread->missing)) {
    (void)sched_yield();
  }
  thread->good = thread->function(&thread->own, thread->index, thread->ctx);
  return NULL;
}

static void
prepare(Thread *thread, const Run *run, unsigned index)
{
  thread->own            = *run;
  thread->own.operations = 0;
  thread->own.seed += index * 7919;
  thread->index = index;
  run_become(&thread->own);
}

static void
collect(Run *run, const Thread *thread)
{
  run->operations += thread->own.operations;
  if (!thread->good) {
    run->corrupt = run->corrupt || thread->own.corrupt;
    (void)snprintf(run->problem, sizeof(run->problem), "%s", thread->own.problem);
  }
}

// The first `n_here` of them, none or one, run in the calling thread
static bool
run_threads(Run *run, unsigned n_threads, unsigned n_here, ThreadFunction function, void *ctx)
{
  Thread *const threads    = (Thread *)calloc(n_threads, sizeof(Thread));
  pthread_t *const handles = (pthread_t *)calloc(n_threads, sizeof(pthread_t));
  pthread_attr_t attributes;
  atomic_uint missing;
  bool good = threads && handles;
  atomic_init(&missing, n_threads);
  (void)pthread_attr_init(&attributes);
  (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
  for (unsigned i = 0; good && i < n_threads; ++i) {
    prepare(&threads[i], run, i);
    threads[i].ctx      = ctx;
    threads[i].function = function;
    threads[i].missing  = &missing;
    if (i >= n_here && pthread_create(&handles[i], &attributes, thread_main, &threads[i])) {
      (void)fprintf(stderr, "ptrs-workload: no thread %u\n", i);
      exit(EXIT_FAILURE); // the others wait for it
    }
  }
  if (good && n_here) {
    (void)thread_main(&threads[0]);
  }
  for (unsigned i = 0; threads && handles && i < n_threads; ++i) {
    if (i >= n_here) {
      (void)pthread_join(handles[i], NULL);
    }
    collect(run, &threads[i]);
    good = good && threads[i].good;
  }
  (void)pthread_attr_destroy(&attributes);
  const bool none = !threads || !handles;
  free(threads);
  free(handles);
  return none ? run_out_of_memory(run, sizeof(Thread)) : good;
}

bool
run_on_threads(Run *run, unsigned n_threads, ThreadFunction function, void *ctx)
{
  return run_threads(run, n_threads, 0, function, ctx);
}

bool
run_beside(Run *run, unsigned n_threads, ThreadFunction function, void *ctx)
{
  return run_threads(run, n_threads, 1, function, ctx);
}
