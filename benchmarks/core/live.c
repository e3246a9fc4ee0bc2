// SPDX-License-Identifier: MIT
// What an operation costs while many blocks live.
#define _POSIX_C_SOURCE 200809L

#include <time.h>

#include "harness.h"
#include "random.h"
#include "workload.h"

#define SIZE ((size_t)48)
#define DEFAULT_BLOCKS 10000
#define WINDOW 128

static double
now(void)
{
  struct timespec time;
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// Pieces near to each other are replaced, a window after the other: it is the
// number of blocks that is to show, and not the cache misses of the pieces
static bool
replace_some(Run *run, Piece *pieces, size_t count, size_t times, Random *random)
{
  size_t window = 0;
  for (size_t i = 0; i < times; ++i) {
    if (i % 1024 == 0) {
      window = count > WINDOW ? random_below(random, count - WINDOW) : 0;
    }
    Piece *const piece = &pieces[window + random_below(random, count < WINDOW ? count : WINDOW)];
    if (!run_renew(run, SIZE, piece)) {
      return false;
    }
  }
  return true;
}

bool
run_live_blocks(Run *run)
{
  const size_t count = run->blocks ? (size_t)run->blocks : DEFAULT_BLOCKS;
  const size_t times = run_times(run, 1e6, 1);
  Random random      = {run->seed};
  if (!run_fits(run, (double)SIZE * (double)(count + times))) {
    return false;
  }
  Piece *const pieces = (Piece *)harness_map(count, sizeof(Piece));
  if (!pieces) {
    return run_out_of_memory(run, count * sizeof(Piece));
  }
  bool good = true;
  for (size_t i = 0; good && i < count; ++i) {
    good = run_alloc(run, SIZE, &pieces[i]);
  }
  if (good) {
    run->operations    = 0;
    const double start = now();
    good               = replace_some(run, pieces, count, times, &random);
    run->seconds       = now() - start;
  }
  const uint64_t measured = run->operations;
  for (size_t i = 0; good && i < count; ++i) {
    good = run_free(run, &pieces[i]);
  }
  run->operations = measured;
  harness_unmap(pieces, count, sizeof(Piece));
  return good;
}
