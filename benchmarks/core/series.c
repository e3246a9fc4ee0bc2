// SPDX-License-Identifier: MIT
// Workloads in the manner of MicroQuill's sh6bench and sh8bench, written from what is
// published about them; their source was not used. The sizes, their frequencies, the
// places and what survives are those of the port of sh6bench in Theseus (heap_eval,
// shbench.rs); the numbers of calls and threads, those of mimalloc-bench's patches.
#include <sched.h>
#include <stdatomic.h>

#include "batch.h"
#include "harness.h"

#define SIZE_END 1000     // bases of sizes: 1, then half as much again and 1, below that
#define SMALL 100         // bytes
#define TIMES_SMALL 250   // so often a size below SMALL comes
#define TIMES_LARGE 50    // so often another one
#define CALL_PIECES 19300 // what a call makes, by all that stands above
#define MEAN_BYTES 32.0   // of a piece, as an allocator aligns it
#define SURVIVORS 5       // one in five survives when the places are full
#define SH6_CALLS 10000   // of all threads together; as many places
#define SH8_TIMES 700000  // of each thread
#define SH8_BATCH 512     // pieces that go to the next thread together
#define SH8_WAITING 16    // batches before a thread that nobody frees
#define THREADS 2         // for each processor

// The sizes of all calls, in order: each base, its half, the half of that, ... 1
typedef struct {
  size_t base;
  size_t size;
  unsigned left; // times that this size still comes
} Sizes;

static size_t
sizes_next(Sizes *sizes)
{
  if (!sizes->left) {
    sizes->size /= 2;
    if (!sizes->size) {
      const size_t next = sizes->base * 3 / 2 + 1;
      sizes->base       = next < SIZE_END ? next : 1;
      sizes->size       = sizes->base;
    }
    sizes->left = sizes->size < SMALL ? TIMES_SMALL : TIMES_LARGE;
  }
  --sizes->left;
  return sizes->size;
}

// The places of a thread, which are filled in turns, but for those from `kept` to `end`
typedef struct {
  Piece *pieces;
  size_t count;
  size_t at;
  size_t kept;
  size_t end;
} Places;

// All places are full: the next fifth survives, what is older goes in order, and what is
// newer the other way round.
static bool
places_emptied(Run *own, Places *places)
{
  bool good        = true;
  places->kept     = places->end < places->count ? places->end : 0;
  const size_t end = places->kept + places->count / SURVIVORS;
  places->end      = end < places->count ? end : places->count;
  for (size_t i = 0; i < places->kept; ++i) {
    good = run_free(own, &places->pieces[i]) && good;
  }
  for (size_t i = places->count; i > places->end; --i) {
    good = run_free(own, &places->pieces[i - 1]) && good;
  }
  places->at = places->kept ? 0 : places->end;
  return good;
}

static bool
sh6_step(Run *own, Places *places, size_t size)
{
  if (places->at == places->kept) {
    places->at = places->end;
  }
  if (places->at >= places->count && !places_emptied(own, places)) {
    return false;
  }
  return run_alloc(own, size, &places->pieces[places->at++]);
}

typedef struct {
  size_t calls;  // of each thread
  size_t places; // of each thread
} Sh6;

static bool
sh6_thread(Run *own, unsigned index, void *ctx)
{
  const Sh6 *const sh6 = (const Sh6 *)ctx;
  Places places        = {.count = sh6->places};
  Sizes sizes          = {.size = 0};
  bool good            = true;
  (void)index;
  places.pieces = (Piece *)harness_map(places.count, sizeof(Piece));
  if (!places.pieces) {
    return run_out_of_memory(own, places.count * sizeof(Piece));
  }
  for (size_t i = 0; good && i < sh6->calls * CALL_PIECES; ++i) {
    good = sh6_step(own, &places, sizes_next(&sizes));
  }
  run_retain(own);
  for (size_t i = 0; i < places.count; ++i) {
    good = run_free(own, &places.pieces[i]) && good;
  }
  harness_unmap(places.pieces, places.count, sizeof(Piece));
  return good;
}

bool
run_sh6(Run *run)
{
  const unsigned threads = THREADS * run->threads;
  const size_t places    = SH6_CALLS / threads;
  Sh6 sh6                = {
                     .calls  = run_times(run, (double)SH6_CALLS / threads, 1),
                     .places = places > SURVIVORS ? places : SURVIVORS,
  };
  return run_fits(run, MEAN_BYTES * CALL_PIECES * (double)sh6.calls * threads) &&
         run_on_threads(run, threads, sh6_thread, &sh6);
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
  Sizes sizes        = {.size = 0};
  bool good          = true;
  for (size_t done = 0; good && done < sh8->times;) {
    Batch *const batch = batch_new(own, ahead, SH8_BATCH);
    good               = batch != NULL;
    for (; good && batch->count < SH8_BATCH && done < sh8->times; ++done) {
      good = run_alloc(own, sizes_next(&sizes), &batch->pieces[batch->count]);
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
  if (!run_fits(run, MEAN_BYTES * (double)sh8.times * sh8.threads)) {
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
