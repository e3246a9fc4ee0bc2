// SPDX-License-Identifier: MIT
#include "allocators/guard/buckets.h"

#include <stddef.h>
#include <stdint.h>

#include "os/os.h"

// Segment 0 has this many buckets, and each later one as many as all before it.  Segments
// are made when needed, and never moved or given back.
#define FIRST_LOG2 10
#define FIRST_BUCKETS ((size_t)1 << FIRST_LOG2)
#define N_SEGMENTS 24

static PtrsSpan **segments[N_SEGMENTS];
static size_t n_buckets;
static size_t n_found; // spans in all buckets

static unsigned
segment_of(size_t index)
{
  const uint64_t doublings = (uint64_t)index >> FIRST_LOG2;
  return doublings ? 64U - (unsigned)__builtin_clzll(doublings) : 0U;
}

// The first bucket of a segment.  For the segment of an index, which is at least
// FIRST_BUCKETS, this is the greatest power of two that is not above the index.
static size_t
segment_start(unsigned segment)
{
  return segment ? FIRST_BUCKETS << (segment - 1) : 0;
}

static PtrsSpan **
bucket_at(size_t index)
{
  const unsigned segment = segment_of(index);
  return &segments[segment][index - segment_start(segment)];
}

static bool
add_segment(unsigned segment)
{
  const size_t count = segment ? segment_start(segment) : FIRST_BUCKETS;
  if (segment >= N_SEGMENTS) {
    return false;
  }
  segments[segment] = (PtrsSpan **)ptrs_os_map(count * sizeof(PtrsSpan *));
  return segments[segment];
}

static size_t
index_of(uint64_t mem)
{
  // The product's upper half, since the lower bits of addresses are alike
  const size_t hash  = (size_t)((mem * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
  const size_t power = segment_start(segment_of(n_buckets));
  const size_t index = hash & (2 * power - 1);
  return index < n_buckets ? index : index - power;
}

static void
put(PtrsSpan *span)
{
  PtrsSpan **const bucket = bucket_at(index_of(ptrs_atomic_peek(&span->mem)));
  span->next_in_bucket    = *bucket;
  *bucket                 = span;
}

// Add a bucket, and divide the spans of the bucket that has served both up to now.  Without
// memory for a bucket, the chains of spans grow longer.
static void
add_bucket(void)
{
  const unsigned segment = segment_of(n_buckets);
  const size_t power     = segment_start(segment);
  if (n_buckets == power && !add_segment(segment)) {
    return;
  }
  PtrsSpan **const old = bucket_at(n_buckets - power);
  PtrsSpan *span       = *old;
  *old                 = NULL;
  n_buckets += 1;
  while (span) {
    PtrsSpan *const next = span->next_in_bucket;
    put(span);
    span = next;
  }
}

bool
ptrs_guard_buckets_reserve(void)
{
  if (!n_buckets) {
    if (!add_segment(0)) {
      return false;
    }
    n_buckets = FIRST_BUCKETS;
  }
  if (n_found >= n_buckets) {
    add_bucket();
  }
  return true;
}

void
ptrs_guard_buckets_add(PtrsSpan *span)
{
  put(span);
  n_found += 1;
}

void
ptrs_guard_buckets_remove(PtrsSpan *span)
{
  PtrsSpan **link = bucket_at(index_of(ptrs_atomic_peek(&span->mem)));
  while (*link != span) {
    link = &(*link)->next_in_bucket;
  }
  *link = span->next_in_bucket;
  n_found -= 1;
}

PtrsSpan *
ptrs_guard_buckets_find(const void *mem)
{
  PtrsSpan *span = n_buckets ? *bucket_at(index_of((uintptr_t)mem)) : NULL;
  while (span && ptrs_atomic_peek(&span->mem) != (uintptr_t)mem) {
    span = span->next_in_bucket;
  }
  return span;
}
