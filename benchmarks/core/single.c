// SPDX-License-Identifier: MIT
// Workloads that have no threads, or whose threads have nothing to do with each other.
#include "harness.h"
#include "random.h"
#include "workload.h"

#define MIB ((size_t)1 << 20)

// ---- glibc's benchtests: bench-malloc-simple.c, as mimalloc-bench runs it ----

#define SIMPLE_BLOCKS 2000000 // NUM_ITERS, of each batch size
#define SIMPLE_LARGEST 1600   // MAX_ALLOCS

// One batch: half given back in order, half in reverse
static bool
simple_batch(Run *run, Piece *pieces, size_t count, size_t size)
{
  bool good = true;
  for (size_t i = 0; good && i < count; ++i) {
    good = run_alloc(run, size, &pieces[i]);
  }
  if (run->heap->is_arena) {
    return good && run_free_all(run, pieces, count);
  }
  for (size_t i = 0; i < count / 2; ++i) {
    good = run_free(run, &pieces[i]) && good;
  }
  for (size_t i = count; i-- > count / 2;) {
    good = run_free(run, &pieces[i]) && good;
  }
  return good;
}

static bool
simple_sizes(Run *own, unsigned index, void *ctx)
{
  static const size_t batches[] = {25, 100, 400, SIMPLE_LARGEST}; // allocs[]
  const size_t size             = *(const size_t *)ctx;
  Piece pieces[SIMPLE_LARGEST]  = {{.size = 0}};
  (void)index;
  for (size_t b = 0; b < 4; ++b) {
    const size_t rounds = run_times(own, (double)SIMPLE_BLOCKS / (double)batches[b], 1);
    for (size_t round = 0; round < rounds; ++round) {
      if (!simple_batch(own, pieces, batches[b], size)) {
        return false;
      }
    }
  }
  return true;
}

bool
run_glibc_simple(Run *run)
{
  // main(): 16 bytes, twice that, four times that.  bench(): a warm-up, then in the
  // main thread, in a thread, in the main thread again.
  for (size_t size = 16; size <= 64; size *= 2) {
    if (!simple_sizes(run, 0, &size) || !simple_sizes(run, 0, &size) ||
        !run_on_threads(run, 1, simple_sizes, &size) || !simple_sizes(run, 0, &size)) {
      return false;
    }
  }
  return true;
}

// ---- glibc's benchtests: bench-malloc-thread.c ----

#define THREAD_SET 1024                // WORKING_SET_SIZE
#define THREAD_LEAST 4                 // MIN_ALLOCATION_SIZE
#define THREAD_MOST 32768              // MAX_ALLOCATION_SIZE
#define THREAD_SIZES 8000              // NUM_BLOCK_SIZES: drawn once for all threads, used in turns
#define THREAD_PLACES (4 * THREAD_SET) // NUM_OFFSETS: the same
#define THREAD_TIMES 2e7               // there two seconds of the clock

typedef struct {
  size_t times;
  uint16_t sizes[THREAD_SIZES];
  uint16_t places[THREAD_PLACES];
} ThreadSet;

static void
thread_draw(ThreadSet *drawn, uint64_t seed)
{
  static const double least = 1.0 / THREAD_MOST;
  Random random             = {seed};
  for (size_t i = 0; i < THREAD_SIZES; ++i) {
    // How many are of a size falls with the square of the size
    const double part = (double)random_below(&random, 1 << 30) / (1 << 30);
    drawn->sizes[i]   = (uint16_t)(1 / ((1.0 / THREAD_LEAST - least) * part + least));
  }
  for (size_t i = 0; i < THREAD_PLACES; ++i) {
    drawn->places[i] = (uint16_t)random_below(&random, THREAD_SET);
  }
}

static bool
thread_set(Run *own, unsigned index, void *ctx)
{
  const ThreadSet *const drawn = (const ThreadSet *)ctx;
  Piece set[THREAD_SET]        = {{.size = 0}};
  bool good                    = true;
  (void)index;
  for (size_t i = 0; good && i < drawn->times; ++i) {
    good = run_renew(own, drawn->sizes[i % THREAD_SIZES], &set[drawn->places[i % THREAD_PLACES]]);
  }
  run_retain(own);
  for (size_t i = 0; i < THREAD_SET; ++i) {
    good = run_free(own, &set[i]) && good;
  }
  return good;
}

bool
run_glibc_thread(Run *run)
{
  static ThreadSet drawn;
  drawn.times = run_times(run, THREAD_TIMES, THREAD_PLACES);
  thread_draw(&drawn, run->seed);
  if (!run_fits(run, 36.0 * (double)drawn.times * run->threads)) {
    return false;
  }
  // do_benchmark() starts no thread for one
  return run->threads == 1 ? thread_set(run, 0, &drawn)
                           : run_on_threads(run, run->threads, thread_set, &drawn);
}

// ---- Hoard's cache-scratch and cache-thrash: 1000 times 1 byte, 2,000,000 writes ----

#define CACHE_TIMES 1000
#define CACHE_WRITES 2000000 // of all threads together

typedef struct {
  Piece *given; // cache-scratch: made by the main thread, freed by each
  size_t times;
  size_t writes;
} Cache;

static bool
cache_thread(Run *own, unsigned index, void *ctx)
{
  const Cache *const cache = (const Cache *)ctx;
  Piece piece              = {.size = 0};
  bool good                = !cache->given || run_free(own, &cache->given[index]);
  for (size_t i = 0; good && i < cache->times; ++i) {
    good = run_alloc(own, 1, &piece);
    PtrsEntry entry;
    if (good && own->heap->checked) {
      good = !ptrs_block_enter(piece.block, PTRS_ACCESS_EXCLUSIVE, &entry);
    }
    volatile char *const mem = (volatile char *)(own->heap->checked ? entry.mem : piece.mem);
    const char first         = good ? *mem : 0;
    for (size_t j = 0; good && j < cache->writes; ++j) {
      *mem = first;
      (void)*mem;
    }
    if (good && own->heap->checked) {
      ptrs_block_leave(&entry);
    }
    good = run_free(own, &piece) && good;
  }
  return good;
}

static bool
cache(Run *run, Piece *given)
{
  Cache cache = {given, run_times(run, CACHE_TIMES, 1), CACHE_WRITES / run->threads};
  return run_on_threads(run, run->threads, cache_thread, &cache);
}

bool
run_cache_scratch(Run *run)
{
  Piece *const given = (Piece *)harness_map(run->threads, sizeof(Piece));
  bool good          = given != NULL || run_out_of_memory(run, run->threads * sizeof(Piece));
  for (unsigned i = 0; good && i < run->threads; ++i) {
    good = run_alloc(run, 1, &given[i]);
  }
  good = good && cache(run, given);
  harness_unmap(given, run->threads, sizeof(Piece));
  return good;
}

bool
run_cache_thrash(Run *run)
{
  return cache(run, NULL);
}

// ---- alloc-test of node.js' developers (allocator_tester.h) ----

#define TEST_SLOTS ((size_t)1 << 18) // maxItems, of all threads
#define TEST_TIMES 1e8               // iterCount, of each thread: an allocation or a release
#define TEST_SIZE_BITS 10            // maxItemSize

// Pareto_80_20_6: of six times 80/20.  How often each of seven parts is chosen;
// read backwards, how large that part is.
static const double pareto[7] = {0.262144, 0.393216, 0.24576, 0.08192, 0.01536, 0.001536, 0.000064};

static size_t
test_slot(Random *random, size_t slots)
{
  double choice = (double)random_below(random, 1U << 31) / (1U << 31);
  double start  = 0;
  size_t part   = 0;
  for (; part < 6 && choice >= pareto[part]; ++part) {
    choice -= pareto[part];
    start += pareto[6 - part];
  }
  const size_t from = (size_t)(start * (double)slots);
  const size_t to   = part == 6 ? slots : (size_t)((start + pareto[6 - part]) * (double)slots);
  return from + random_below(random, to > from ? to - from : 1);
}

// calcSizeWithStatsAdjustment: each power of two half as often as the one below it
static size_t
test_size(Random *random)
{
  uint64_t bits = random_next(random);
  uint64_t odds = (bits & ((1 << (TEST_SIZE_BITS - 3)) - 1)) + 1;
  size_t power  = 2;
  for (; !(odds & 1); odds >>= 1) {
    ++power;
  }
  bits >>= TEST_SIZE_BITS - 3;
  return (size_t)(bits & (((uint64_t)1 << power) - 1)) + 1 + ((size_t)1 << power);
}

static bool
test_thread(Run *own, unsigned index, void *ctx)
{
  const size_t slots  = TEST_SLOTS / own->threads;
  const size_t times  = *(const size_t *)ctx;
  Random random       = {own->seed};
  Piece *const pieces = (Piece *)harness_map(slots, sizeof(Piece));
  bool good           = pieces != NULL || run_out_of_memory(own, slots * sizeof(Piece));
  (void)index;
  for (size_t i = 0; good && i < slots; ++i) {
    good = random_next(&random) >> 63 || run_alloc(own, test_size(&random), &pieces[i]);
  }
  run_retain(own);
  for (size_t i = 0; good && i < times; ++i) {
    Piece *const piece = &pieces[test_slot(&random, slots)];
    good = piece->size ? run_free(own, piece) : run_alloc(own, test_size(&random), piece);
  }
  for (size_t i = 0; pieces && i < slots; ++i) {
    good = run_free(own, &pieces[i]) && good;
  }
  harness_unmap(pieces, slots, sizeof(Piece));
  return good;
}

bool
run_alloc_test(Run *run)
{
  size_t times = run_times(run, TEST_TIMES, 1);
  return run_fits(run, 12.0 * (double)times * run->threads) &&
         run_on_threads(run, run->threads, test_thread, &times);
}

// ---- mimalloc-bench's malloc-large ----

#define LARGE_SLOTS 20   // kNumBuffers
#define LARGE_TIMES 2000 // kNumIterations

bool
run_large(Run *run)
{
  const size_t times        = run_times(run, LARGE_TIMES, LARGE_SLOTS);
  Random random             = {run->seed};
  Piece pieces[LARGE_SLOTS] = {{.size = 0}};
  bool good                 = run_fits(run, 15e6 * (double)times);
  for (size_t i = 0; good && i < times; ++i) {
    Piece *const piece = &pieces[random_below(&random, LARGE_SLOTS)];
    Piece made;
    // The new one first, as make_unique does
    good = run_alloc(run, random_between(&random, 5 * MIB, 25 * MIB), &made);
    good = good && run_free(run, piece);
    if (good) {
      *piece = made;
    }
  }
  run_retain(run);
  for (size_t i = 0; i < LARGE_SLOTS; ++i) {
    good = run_free(run, &pieces[i]) && good;
  }
  return good;
}
