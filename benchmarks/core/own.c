// SPDX-License-Identifier: MIT
// Workloads that are not taken from anywhere: each shows one thing.
#include <stdlib.h>

#include "random.h"
#include "workload.h"

#define SLOTS 1024
#define MIB ((size_t)1 << 20)

// One of SLOTS, chosen at random, is renewed
bool
run_churn(Run *run)
{
  const size_t times  = run_times(run, 2e7, SLOTS);
  Random random       = {run->seed};
  Piece pieces[SLOTS] = {{.size = 0}};
  bool good           = run_fits(run, 64.0 * (double)times);
  for (size_t i = 0; good && i < SLOTS; ++i) {
    good = run_alloc(run, 64, &pieces[i]);
  }
  for (size_t i = 0; good && i < times; ++i) {
    good = run_renew(run, 64, &pieces[random_below(&random, SLOTS)]);
  }
  run_retain(run);
  for (size_t i = 0; i < SLOTS; ++i) {
    good = run_free(run, &pieces[i]) && good;
  }
  return good;
}

// Eight vectors that take turns to grow by half, from 16 bytes to 1 MiB
bool
run_growth(Run *run)
{
  const size_t rounds = run_times(run, 1000, 1);
  Piece vectors[8];
  for (size_t round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < 8; ++i) {
      if (!run_alloc(run, 16, &vectors[i])) {
        return false;
      }
    }
    for (size_t size = 16; size <= MIB; size += size / 2) {
      for (size_t i = 0; i < 8; ++i) {
        if (!run_resize(run, size, &vectors[i])) {
          return false;
        }
      }
    }
    if (!run_free_all(run, vectors, 8)) {
      return false;
    }
  }
  return true;
}

// A request: 1000 small pieces, which all go when it has been answered
bool
run_request_cycle(Run *run)
{
  const size_t rounds = run_times(run, 2e4, 1);
  Random random       = {run->seed};
  Piece pieces[1000];
  for (size_t round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < 1000; ++i) {
      if (!run_alloc(run, random_between(&random, 16, 128), &pieces[i])) {
        return false;
      }
    }
    if (!run_free_all(run, pieces, 1000)) {
      return false;
    }
  }
  return true;
}
