// SPDX-License-Identifier: MIT
// Workloads in the manner of MicroQuill's sh6bench and sh8bench, written from their
// published parameters alone; their source was not used.
#include <sched.h>
#include <stdatomic.h>

#include "batch.h"
#include "harness.h"

#define SIZE_END 1000    // sizes: 1, then half as much again and 1, below that
#define REPEATED 100     // bytes: a size comes as often as it fits into them, and once more
#define SURVIVORS 5      // one in five survives its call
#define SURVIVING 2048   // places of those that do, of each thread
#define SH6_CALLS 10000  // of all threads together
#define SH8_TIMES 700000 // of each thread
#define SH8_BATCH 512    // pieces that go to the next thread together
#define SH8_WAITING 16   // batches before a thread that nobody frees
#define THREADS 2        // for each processor

// The sizes of one call, in order
static size_t
series(size_t *sizes, size_t most)
{
  size_t count = 0;
  for (size_t size = 1; size < SIZE_END; size = size * 3 / 2 + 1) {
    for (size_t i = 0; i < REPEATED / size + 1 && count < most; ++i) {
      sizes[count++] = size;
    }
  }
  return count;
}

#define CALL_MAX 512

static bool
sh6_thread(Run *own, unsigned index, void *ctx)
{
  size_t sizes[CALL_MAX];
  const size_t count         = series(sizes, CALL_MAX);
  const size_t calls         = *(const size_t *)ctx;
  Piece pieces[CALL_MAX]     = {{.size = 0}};
  Piece surviving[SURVIVING] = {{.size = 0}};
  size_t at                  = 0;
  bool good                  = true;
  (void)index;
  for (size_t call = 0; good && call < calls; ++call) {
    for (size_t i = 0; good && i < count; ++i) {
      good = run_alloc(own, sizes[i], &pieces[i]);
    }
    for (size_t i = 0; good && i < count; ++i) {
      Piece *const piece = &pieces[call % 2 ? i : count - 1 - i];
      if (i % SURVIVORS == 0) {
        const Piece old = surviving[at];
        surviving[at]   = *piece;
        *piece          = old;
        at              = (at + 1) % SURVIVING;
      }
      good = run_free(own, piece);
    }
  }
  run_retain(own);
  for (size_t i = 0; i < SURVIVING; ++i) {
    good = run_free(own, &surviving[i]) && good;
  }
  for (size_t i = 0; i < count; ++i) {
    good = run_free(own, &pieces[i]) && good;
  }
  return good;
}

bool
run_sh6(Run *run)
{
  const unsigned threads = THREADS * run->threads;
  size_t calls           = run_times(run, (double)SH6_CALLS / threads, 50);
  return run_fits(run, 5000.0 * (double)calls * threads) &&
         run_on_threads(run, threads, sh6_thread, &calls);
}

typedef struct {
  Queue *queues; // of each thread
  size_t times;
  unsigned threads;
  atomic_uint working;
} Sh8;

static bool
sh8_take(Run *own, Queue *queue)
{
  Batch *const batch = queue_take(queue);
  if (!batch) {
    return true;
  }
  const bool good = batch_free(own, batch);
  queue_spare(queue, batch);
  return good;
}

// Each thread frees what the one before it has made
static bool
sh8_thread(Run *own, unsigned index, void *ctx)
{
  Sh8 *const sh8     = (Sh8 *)ctx;
  Queue *const ahead = &sh8->queues[(index + 1) % sh8->threads];
  size_t sizes[CALL_MAX];
  const size_t count = series(sizes, CALL_MAX);
  bool good          = true;
  for (size_t done = 0; good && done < sh8->times;) {
    Batch *const batch = batch_new(own, ahead, SH8_BATCH);
    good               = batch != NULL;
    while (good && batch->count < SH8_BATCH && done < sh8->times) {
      good = run_alloc(own, sizes[done++ % count], &batch->pieces[batch->count]);
      batch->count += good;
    }
    if (batch) {
      queue_put(ahead, batch, SIZE_MAX);
    }
    good = sh8_take(own, &sh8->queues[index]) && good;
    // Nobody may run away from the one that frees
    while (queue_count(ahead) > SH8_WAITING) {
      good = sh8_take(own, &sh8->queues[index]) && good;
      (void)sched_yield();
    }
  }
  run_retain(own);
  atomic_fetch_sub(&sh8->working, 1);
  while (atomic_load(&sh8->working) || queue_count(&sh8->queues[index])) {
    good = sh8_take(own, &sh8->queues[index]) && good;
    (void)sched_yield();
  }
  return good;
}

bool
run_sh8(Run *run)
{
  Sh8 sh8 = {.times = run_times(run, SH8_TIMES, SH8_BATCH), .threads = THREADS * run->threads};
  if (!run_fits(run, 30.0 * (double)sh8.times * sh8.threads)) {
    return false;
  }
  sh8.queues = (Queue *)harness_map(sh8.threads, sizeof(Queue));
  if (!sh8.queues) {
    return run_out_of_memory(run, sh8.threads * sizeof(Queue));
  }
  for (unsigned i = 0; i < sh8.threads; ++i) {
    queue_init(&sh8.queues[i], 1, SH8_BATCH);
  }
  atomic_init(&sh8.working, sh8.threads);
  const bool good = run_on_threads(run, sh8.threads, sh8_thread, &sh8);
  for (unsigned i = 0; i < sh8.threads; ++i) {
    queue_destroy(&sh8.queues[i]);
  }
  harness_unmap(sh8.queues, sh8.threads, sizeof(Queue));
  return good;
}
