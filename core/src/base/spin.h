// SPDX-License-Identifier: MIT
// A lock that is held for a few instructions: half the cost of a mutex, and one word of
// memory.  A thread that waits for the lock spins, then yields, then sleeps.
#ifndef PTRS_SPIN_H
#define PTRS_SPIN_H

#include "base/atomic.h"
#include "os/os.h"

typedef struct {
  PtrsAtomic locked;
} PtrsSpin;

static inline void
ptrs_spin_lock(PtrsSpin *spin)
{
  for (unsigned round = 0; ptrs_atomic_exchange(&spin->locked, 1); ++round) {
    ptrs_os_backoff(round);
  }
}

static inline void
ptrs_spin_unlock(PtrsSpin *spin)
{
  ptrs_atomic_store(&spin->locked, 0);
}

#endif
