// SPDX-License-Identifier: MIT
// Workloads of one thread.
#include <stdlib.h>

#include "random.h"
#include "workload.h"

#define MAX_BATCH 1600
#define SLOTS 1024
#define LARGE_SLOTS 16
#define MIB ((size_t)1 << 20)

static bool
fill(Run *run, Piece *pieces, size_t count, size_t size)
{
  for (size_t i = 0; i < count; ++i) {
    if (!run_alloc(run, size, &pieces[i])) {
      return false;
    }
  }
  return true;
}

static bool
empty(Run *run, Piece *pieces, size_t count)
{
  bool good = true;
  for (size_t i = 0; i < count; ++i) {
    good = run_free(run, &pieces[i]) && good;
  }
  return good;
}

// Batches of 16 bytes, half of the rounds given back in order, half in reverse
bool
run_glibc_simple(Run *run)
{
  static const size_t batches[] = {25, 100, 400, MAX_BATCH};
  const size_t total            = run_times(run, 4e6);
  Piece pieces[MAX_BATCH];
  for (size_t b = 0; b < 4; ++b) {
    const size_t count = batches[b];
    for (size_t round = 0; round < total / 4 / count + 1; ++round) {
      if (!fill(run, pieces, count, 16)) {
        return false;
      }
      for (size_t i = 0; i < count; ++i) {
        if (!run_free(run, &pieces[round % 2 ? i : count - 1 - i])) {
          return false;
        }
      }
      if (run->heap->is_arena && !heap_free_all(run->heap, pieces, 0)) {
        return run_corrupt(run);
      }
    }
  }
  return true;
}

// Replace one of `count` pieces, chosen by `choose`, again and again
static bool
replace(Run *run,
        Piece *pieces,
        size_t count,
        size_t times,
        size_t (*choose)(Random *random, size_t count),
        size_t (*size_of)(Random *random))
{
  Random random = {run->seed};
  for (size_t i = 0; i < count; ++i) {
    if (!run_alloc(run, size_of(&random), &pieces[i])) {
      return false;
    }
  }
  for (size_t i = 0; i < times; ++i) {
    Piece *const piece = &pieces[choose(&random, count)];
    if (!run_free(run, piece) || !run_alloc(run, size_of(&random), piece)) {
      return false;
    }
  }
  return empty(run, pieces, count);
}

static size_t
any(Random *random, size_t count)
{
  return random_below(random, count);
}

// Four of five choices among the first fifth
static size_t
pareto(Random *random, size_t count)
{
  return random_below(random, random_below(random, 5) ? count / 5 : count);
}

static size_t
size_64(Random *random)
{
  (void)random;
  return 64;
}

static size_t
size_pareto(Random *random)
{
  return 1 + pareto(random, 1024);
}

static size_t
size_large(Random *random)
{
  return random_between(random, 5 * MIB, 25 * MIB);
}

bool
run_churn(Run *run)
{
  const size_t times = run_times(run, 8e6);
  Piece pieces[SLOTS];
  return run_fits(run, 64.0 * (double)times) && replace(run, pieces, SLOTS, times, any, size_64);
}

bool
run_alloc_test(Run *run)
{
  const size_t count  = 32768;
  const size_t times  = run_times(run, 4e6);
  Piece *const pieces = (Piece *)calloc(count, sizeof(Piece));
  if (!run_fits(run, 300.0 * (double)times)) {
    free(pieces);
    return false;
  }
  const bool good = pieces ? replace(run, pieces, count, times, pareto, size_pareto)
                           : run_out_of_memory(run, count * sizeof(Piece));
  free(pieces);
  return good;
}

bool
run_large(Run *run)
{
  const size_t times = run_times(run, 4e4);
  Piece pieces[LARGE_SLOTS];
  return run_fits(run, 15e6 * (double)times) &&
         replace(run, pieces, LARGE_SLOTS, times, any, size_large);
}

// Eight vectors that take turns to grow by half, from 16 bytes to 1 MiB
bool
run_growth(Run *run)
{
  const size_t rounds = run_times(run, 400);
  Piece vectors[8];
  for (size_t round = 0; round < rounds; ++round) {
    if (!fill(run, vectors, 8, 16)) {
      return false;
    }
    for (size_t size = 16; size <= MIB; size += size / 2) {
      for (size_t i = 0; i < 8; ++i) {
        if (!heap_resize(run->heap, &vectors[i], size)) {
          return run_out_of_memory(run, size);
        }
        ++run->operations;
      }
    }
    if (!heap_free_all(run->heap, vectors, 8)) {
      return run_corrupt(run);
    }
  }
  return true;
}

// A request: 1000 small pieces, which all go when it has been answered
bool
run_request_cycle(Run *run)
{
  const size_t count  = 1000;
  const size_t rounds = run_times(run, 8e3);
  Random random       = {run->seed};
  Piece pieces[1000];
  for (size_t round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < count; ++i) {
      if (!run_alloc(run, random_between(&random, 16, 128), &pieces[i])) {
        return false;
      }
    }
    if (!heap_free_all(run->heap, pieces, count)) {
      return run_corrupt(run);
    }
    run->operations += count;
  }
  return true;
}
