// SPDX-License-Identifier: MIT
// The only user of <stdatomic.h>: the few operations that the core needs, each with the one
// memory order that its callers need.  While the process has a single thread, operations
// that read and then write do so without an atomic instruction.
#ifndef PTRS_ATOMIC_H
#define PTRS_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/os.h"

typedef struct {
  _Atomic uint64_t value;
} PtrsAtomic;

typedef struct {
  _Atomic(void *) value;
} PtrsAtomicPointer;

static inline uint64_t
ptrs_atomic_load(const PtrsAtomic *atomic)
{
  return atomic_load_explicit(&atomic->value, memory_order_acquire);
}

// For counters that order nothing else
static inline uint64_t
ptrs_atomic_peek(const PtrsAtomic *atomic)
{
  return atomic_load_explicit(&atomic->value, memory_order_relaxed);
}

static inline void
ptrs_atomic_store(PtrsAtomic *atomic, uint64_t value)
{
  atomic_store_explicit(&atomic->value, value, memory_order_release);
}

// Store a value that other threads need not see before anything else: a counter's, or any
// value while the process has a single thread, since a new thread sees all that was stored
static inline void
ptrs_atomic_put(PtrsAtomic *atomic, uint64_t value)
{
  atomic_store_explicit(&atomic->value, value, memory_order_relaxed);
}

// Store `value` if the atomic still has the value *expected; else set *expected to the value
// that it has.  May fail without reason, so that callers loop.
static inline bool
ptrs_atomic_swap_if(PtrsAtomic *atomic, uint64_t *expected, uint64_t value)
{
  if (ptrs_os_is_single_threaded()) {
    const uint64_t seen = ptrs_atomic_peek(atomic);
    const bool same     = seen == *expected;
    *expected           = seen;
    if (same) {
      ptrs_atomic_put(atomic, value);
    }
    return same;
  }
  return atomic_compare_exchange_weak_explicit(&atomic->value, expected, value,
                                               memory_order_acq_rel, memory_order_acquire);
}

// Store a value and return the previous one, as one step
static inline uint64_t
ptrs_atomic_exchange(PtrsAtomic *atomic, uint64_t value)
{
  if (ptrs_os_is_single_threaded()) {
    const uint64_t before = ptrs_atomic_peek(atomic);
    ptrs_atomic_put(atomic, value);
    return before;
  }
  return atomic_exchange_explicit(&atomic->value, value, memory_order_acquire);
}

static inline void
ptrs_atomic_sub(PtrsAtomic *atomic, uint64_t value)
{
  if (ptrs_os_is_single_threaded()) {
    ptrs_atomic_put(atomic, ptrs_atomic_peek(atomic) - value);
  } else {
    atomic_fetch_sub_explicit(&atomic->value, value, memory_order_release);
  }
}

static inline void
ptrs_atomic_clear_bits(PtrsAtomic *atomic, uint64_t bits)
{
  if (ptrs_os_is_single_threaded()) {
    ptrs_atomic_put(atomic, ptrs_atomic_peek(atomic) & ~bits);
  } else {
    atomic_fetch_and_explicit(&atomic->value, ~bits, memory_order_release);
  }
}

// Decrement a count that is more than 1; false, and nothing done, if it is 1.
static inline bool
ptrs_atomic_take_unless_last(PtrsAtomic *atomic)
{
  uint64_t seen = ptrs_atomic_peek(atomic);
  while (seen != 1) {
    if (ptrs_atomic_swap_if(atomic, &seen, seen - 1)) {
      return true;
    }
  }
  return false;
}

// Decrement a count; true if the count is 0 then.  All that other threads did before their
// own decrements has happened before this returns true.
static inline bool
ptrs_atomic_take_last(PtrsAtomic *atomic)
{
  return atomic_fetch_sub_explicit(&atomic->value, 1, memory_order_acq_rel) == 1;
}

// For counters that order nothing else; returns the new value
static inline uint64_t
ptrs_atomic_count(PtrsAtomic *atomic, uint64_t value)
{
  if (ptrs_os_is_single_threaded()) {
    const uint64_t sum = ptrs_atomic_peek(atomic) + value;
    ptrs_atomic_put(atomic, sum);
    return sum;
  }
  return atomic_fetch_add_explicit(&atomic->value, value, memory_order_relaxed) + value;
}

// Raise a counter to `value` if it is lower
static inline void
ptrs_atomic_raise(PtrsAtomic *atomic, uint64_t value)
{
  uint64_t seen = ptrs_atomic_peek(atomic);
  while (seen < value &&
         !atomic_compare_exchange_weak_explicit(&atomic->value, &seen, value, memory_order_relaxed,
                                                memory_order_relaxed)) {
  }
}

static inline void *
ptrs_atomic_load_pointer(const PtrsAtomicPointer *atomic)
{
  return atomic_load_explicit(&atomic->value, memory_order_acquire);
}

static inline void
ptrs_atomic_store_pointer(PtrsAtomicPointer *atomic, void *value)
{
  atomic_store_explicit(&atomic->value, value, memory_order_release);
}

// Set a pointer that is still NULL; false if another thread was first
static inline bool
ptrs_atomic_set_pointer_once(PtrsAtomicPointer *atomic, void *value)
{
  void *expected = NULL;
  return atomic_compare_exchange_strong_explicit(&atomic->value, &expected, value,
                                                 memory_order_acq_rel, memory_order_acquire);
}

#endif
