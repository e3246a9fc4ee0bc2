// SPDX-License-Identifier: MIT
// Arithmetic on sizes that may overflow: all other files call these functions.
#ifndef PTRS_CHECKED_H
#define PTRS_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// a + b; false, with *sum untouched, if it cannot be represented
static inline bool
ptrs_checked_add(size_t a, size_t b, size_t *sum)
{
  if (a > SIZE_MAX - b) {
    return false;
  }
  *sum = a + b;
  return true;
}

// a * b; false, with *product untouched, if it cannot be represented
static inline bool
ptrs_checked_mul(size_t a, size_t b, size_t *product)
{
  if (b && a > SIZE_MAX / b) {
    return false;
  }
  *product = a * b;
  return true;
}

// Whether [offset, offset + size) lies inside [0, limit), without adding
static inline bool
ptrs_checked_range(size_t offset, size_t size, size_t limit)
{
  return offset <= limit && size <= limit - offset;
}

static inline size_t
ptrs_min(size_t a, size_t b)
{
  return a < b ? a : b;
}

static inline size_t
ptrs_max(size_t a, size_t b)
{
  return a < b ? b : a;
}

// The least multiple of `align`, a power of two, that is at least `size`;
// false, with *rounded untouched, if it cannot be represented
static inline bool
ptrs_checked_round_up(size_t size, size_t align, size_t *rounded)
{
  size_t sum = 0;
  if (!ptrs_checked_add(size, align - 1, &sum)) {
    return false;
  }
  *rounded = sum & ~(align - 1);
  return true;
}

static inline size_t
ptrs_clamp(size_t value, size_t low, size_t high)
{
  return value < low ? low : value > high ? high : value;
}

// Base-two logarithm of a power of two
static inline unsigned
ptrs_log2(size_t power)
{
  return (unsigned)__builtin_ctzll(power);
}

#endif
