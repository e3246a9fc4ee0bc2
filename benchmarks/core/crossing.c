// SPDX-License-Identifier: MIT
// Workloads whose pieces are freed by other threads than those that made them.
#include "random.h"
#include "shared.h"
#include "workload.h"

typedef struct {
  Shared shared;
  size_t rounds; // of each thread
  size_t batch;
  size_t (*size_of)(Random *random);
} Crossing;

static bool
fill_batch(Run *own, Batch *batch, const Crossing *crossing, Random *random)
{
  while (batch->count < crossing->batch) {
    if (!run_alloc(own, crossing->size_of(random), &batch->pieces[batch->count])) {
      return false;
    }
    ++batch->count;
  }
  return true;
}

// Each round makes a batch for the others, and frees one of theirs
static bool
exchange(Run *own, unsigned index, void *ctx)
{
  Crossing *const crossing = (Crossing *)ctx;
  Random random            = {own->seed};
  (void)index;
  for (size_t round = 0; round < crossing->rounds; ++round) {
    Batch *const made = shared_take_spare(&crossing->shared);
    if (!made) {
      return run_out_of_memory(own, sizeof(Batch));
    }
    const bool filled = fill_batch(own, made, crossing, &random);
    shared_put(&crossing->shared, made);
    Batch *const taken = shared_take(&crossing->shared);
    if (taken) {
      const bool good = batch_free(own, taken);
      shared_put_spare(&crossing->shared, taken);
      if (!good) {
        return false;
      }
    }
    if (!filled) {
      return false;
    }
  }
  return true;
}

static bool
cross(Run *run, size_t total, size_t batch, size_t mean, size_t (*size_of)(Random *random))
{
  if (!run_fits(run, (double)mean * (double)total)) {
    return false;
  }
  Crossing crossing = {
      .rounds = total / batch / run->threads + 1, .batch = batch, .size_of = size_of};
  shared_init(&crossing.shared);
  bool good = run_on_threads(run, exchange, &crossing);
  good      = shared_drain(run, &crossing.shared) && good;
  shared_destroy(&crossing.shared);
  return good;
}

static size_t
size_64(Random *random)
{
  (void)random;
  return 64;
}

// Falls off linearly
static size_t
size_falling(Random *random)
{
  const size_t a = random_between(random, 8, 16000);
  const size_t b = random_between(random, 8, 16000);
  return a < b ? a : b;
}

static size_t
size_small(Random *random)
{
  return random_between(random, 1, 1000);
}

bool
run_xmalloc(Run *run)
{
  return cross(run, run_times(run, 4e6), BATCH_MAX, 64, size_64);
}

bool
run_rptest(Run *run)
{
  return cross(run, run_times(run, 1e6), 256, 5300, size_falling);
}

bool
run_sh8(Run *run)
{
  return cross(run, run_times(run, 2e6), 1000, 500, size_small);
}

// The same, but each thread frees its own: in reverse, then in order
static bool
own_batches(Run *own, unsigned index, void *ctx)
{
  Crossing *const crossing = (Crossing *)ctx;
  Random random            = {own->seed};
  Batch *const batch       = shared_take_spare(&crossing->shared);
  (void)index;
  if (!batch) {
    return run_out_of_memory(own, sizeof(Batch));
  }
  bool good = true;
  for (size_t round = 0; good && round < crossing->rounds; ++round) {
    good = fill_batch(own, batch, crossing, &random);
    if (round % 2) {
      good = batch_free(own, batch) && good;
    }
    while (batch->count) {
      good = run_free(own, &batch->pieces[--batch->count]) && good;
    }
  }
  shared_put_spare(&crossing->shared, batch);
  return good;
}

bool
run_sh6(Run *run)
{
  const size_t total = run_times(run, 2e6);
  Crossing crossing  = {
       .rounds = total / 1000 / run->threads + 1, .batch = 1000, .size_of = size_small};
  if (!run_fits(run, 500.0 * (double)total)) {
    return false;
  }
  shared_init(&crossing.shared);
  const bool good = run_on_threads(run, own_batches, &crossing);
  shared_destroy(&crossing.shared);
  return good;
}
