// SPDX-License-Identifier: MIT
// Workloads whose pieces are freed by other threads than those that made them.
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "batch.h"
#include "harness.h"
#include "random.h"

// ---- xmalloc-test.c (Lever and Boreham), as mimalloc-bench runs it: -w THREADS -t 5 -s 64 ----

#define XMALLOC_BATCH 4096   // OBJECTS_PER_BATCH
#define XMALLOC_WAITING 100  // batch_count_limit
#define XMALLOC_SIZE 64      // object_size
#define XMALLOC_BATCHES 3000 // of each producer; there five seconds of the clock

typedef struct {
  Queue queue;
  size_t batches;
} Xmalloc;

// Even numbers make, odd ones release
static bool
xmalloc_thread(Run *own, unsigned index, void *ctx)
{
  Xmalloc *const xmalloc = (Xmalloc *)ctx;
  bool good              = true;
  if (index % 2) {
    for (Batch *batch = queue_wait(&xmalloc->queue); batch; batch = queue_wait(&xmalloc->queue)) {
      good = batch_free(own, batch) && good;
      queue_spare(&xmalloc->queue, batch);
    }
    return good;
  }
  for (size_t i = 0; good && i < xmalloc->batches; ++i) {
    Batch *const batch = batch_new(own, &xmalloc->queue, XMALLOC_BATCH);
    good               = batch != NULL;
    while (good && batch->count < XMALLOC_BATCH) {
      good = run_alloc(own, XMALLOC_SIZE, &batch->pieces[batch->count]);
      batch->count += good;
    }
    if (batch) {
      queue_put(&xmalloc->queue, batch, XMALLOC_WAITING);
    }
  }
  queue_leave(&xmalloc->queue);
  return good;
}

bool
run_xmalloc(Run *run)
{
  Xmalloc xmalloc = {.batches = run_times(run, XMALLOC_BATCHES, 2)};
  if (!run_fits(run, 72.0 * XMALLOC_BATCH * (double)xmalloc.batches * run->threads)) {
    return false;
  }
  queue_init(&xmalloc.queue, run->threads, XMALLOC_BATCH);
  const bool good = run_on_threads(run, 2 * run->threads, xmalloc_thread, &xmalloc);
  queue_destroy(&xmalloc.queue);
  return good;
}

// ---- rptest.c (rpmalloc's benchmark), as mimalloc-bench runs it:
// THREADS 0 1 2 500 1000 100 8 16000 ----

#define RP_CROSS 2      // cross rate: a batch for another thread every second loop
#define RP_LOOPS 500    // loops
#define RP_PIECES 1000  // allocs, of each thread
#define RP_OPS 100      // op count: 30 to 99 % of it are allocated, 0.8 times such a part freed
#define RP_LEAST 8      // min size
#define RP_MOST 16000   // max size
#define RP_TIMES 2      // there, too, everything is done twice, and twice within a thread
#define RP_ALLOC_STEP 7 // the least primes of its table that do not divide 1000
#define RP_FREE_STEP 11

typedef struct {
  Queue *queues; // of each thread
  size_t loops;
  atomic_uint working;
} Rptest;

// random_size_lin: an even size, times |a + b - 1| of two even parts
static size_t
rp_size(Random *random)
{
  const double range = RP_MOST - RP_LEAST;
  const double w     = ((double)random_below(random, 100000) + //
                    (double)random_below(random, 100000)) /
                       1e5 -
                   1;
  const double even = range * (double)random_below(random, 100000) / 1e5;
  return RP_LEAST + (size_t)(even * (w < 0 ? -w : w));
}

static bool
rp_alloc(Run *own, Random *random, size_t turn, Piece *piece)
{
  static const size_t aligns[] = {PTRS_ALIGN_DEFAULT, 8, 16}; // alignment[]: 0 is any
  const size_t size            = rp_size(random);
  const size_t align           = size < 4096 ? aligns[turn % 3] : PTRS_ALIGN_DEFAULT;
  const uint64_t number        = own->maker << PIECE_MAKER_SHIFT | own->n_made++;
  return heap_alloc(own->heap, size, align, number, piece) || run_out_of_memory(own, size);
}

static bool
rp_take(Run *own, Queue *queue)
{
  bool good = true;
  for (Batch *batch = queue_take(queue); batch; batch = queue_take(queue)) {
    good = batch_free(own, batch) && good;
    queue_spare(queue, batch);
  }
  return good;
}

static bool
rp_cross(Run *own, Queue *queue, Random *random, size_t count)
{
  Batch *const batch = batch_new(own, queue, count);
  bool good          = batch != NULL;
  while (good && batch->count < count) {
    good = rp_alloc(own, random, batch->count, &batch->pieces[batch->count]);
    batch->count += good;
  }
  if (batch) {
    queue_put(queue, batch, SIZE_MAX);
  }
  return good;
}

static bool
rp_loops(Run *own, unsigned index, Rptest *rptest, Piece *pieces, Random *random)
{
  size_t alloc_at = 0;
  size_t free_at  = 0;
  unsigned target = 0;
  for (size_t loop = 0; loop < rptest->loops; ++loop) {
    const size_t n_free  = random_between(random, 30, 99) * RP_OPS * 8 / 1000;
    const size_t n_alloc = random_between(random, 30, 99) * RP_OPS / 100;
    bool good            = true;
    for (size_t i = 0; i < n_free; ++i, free_at = (free_at + RP_FREE_STEP) % RP_PIECES) {
      good = run_free(own, &pieces[free_at]) && good;
    }
    good = rp_take(own, &rptest->queues[index]) && good;
    for (size_t i = 0; good && i < n_alloc;
         ++i, alloc_at = (alloc_at + RP_ALLOC_STEP) % RP_PIECES) {
      good = run_free(own, &pieces[alloc_at]) && rp_alloc(own, random, i, &pieces[alloc_at]);
    }
    // None once a thread has done its loops: it would have to wait; a single thread has none
    if (good && own->threads > 1 && loop % RP_CROSS == 0 &&
        atomic_load(&rptest->working) == own->threads) {
      target = (target + 1) % own->threads;
      target = target == index ? (target + 1) % own->threads : target;
      good   = rp_cross(own, &rptest->queues[target], random, n_alloc);
    }
    if (!good) {
      return false;
    }
  }
  return true;
}

static bool
rp_thread(Run *own, unsigned index, void *ctx)
{
  Rptest *const rptest    = (Rptest *)ctx;
  Random random           = {own->seed};
  Piece pieces[RP_PIECES] = {{.size = 0}};
  bool good               = rp_loops(own, index, rptest, pieces, &random);
  run_retain(own);
  atomic_fetch_sub(&rptest->working, 1);
  while (atomic_load(&rptest->working)) {
    good = rp_take(own, &rptest->queues[index]) && good;
    (void)sched_yield();
  }
  good = rp_take(own, &rptest->queues[index]) && good;
  for (size_t i = 0; i < RP_PIECES; ++i) {
    good = run_free(own, &pieces[i]) && good;
  }
  return good;
}

bool
run_rptest(Run *run)
{
  Rptest rptest = {.loops = run_times(run, RP_LOOPS, 4)};
  if (!run_fits(run, 2700.0 * 2 * RP_TIMES * RP_OPS * (double)rptest.loops * run->threads)) {
    return false;
  }
  rptest.queues = (Queue *)harness_map(run->threads, sizeof(Queue));
  bool good     = rptest.queues != NULL || run_out_of_memory(run, run->threads * sizeof(Queue));
  for (unsigned i = 0; good && i < run->threads; ++i) {
    queue_init(&rptest.queues[i], 1, RP_OPS);
  }
  for (int time = 0; good && time < 2 * RP_TIMES; ++time) {
    atomic_init(&rptest.working, run->threads);
    good = run_on_threads(run, run->threads, rp_thread, &rptest);
  }
  for (unsigned i = 0; rptest.queues && i < run->threads; ++i) {
    queue_destroy(&rptest.queues[i]);
  }
  harness_unmap(rptest.queues, run->threads, sizeof(Queue));
  return good;
}
