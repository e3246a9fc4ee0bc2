// SPDX-License-Identifier: MIT
// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
// Generators, OOPSLA 2014): small, fast, and good enough to choose sizes.
#ifndef RANDOM_H
#define RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint64_t state;
} Random;

static inline uint64_t
random_next(Random *random)
{
  uint64_t z = random->state += 0x9E3779B97F4A7C15U;
  z          = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z          = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

// One of [0, limit), with a bias that does not matter here
static inline size_t
random_below(Random *random, size_t limit)
{
  return (size_t)((random_next(random) >> 32) * (uint64_t)limit >> 32);
}

static inline size_t
random_between(Random *random, size_t low, size_t high)
{
  return low + random_below(random, high - low + 1);
}

#endif
