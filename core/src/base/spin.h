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

// Wait for a lock that another thread holds, and lock
void ptrs_spin_wait(PtrsSpin *spin);

static inline bool
ptrs_spin_try_lock(PtrsSpin *spin)
{
  return !ptrs_atomic_exchange(&spin->locked, 1);
}

static inline void
ptrs_spin_lock(PtrsSpin *spin)
{
  if (!ptrs_spin_try_lock(spin)) {
    ptrs_spin_wait(spin);
  }
}

static inline void
ptrs_spin_unlock(PtrsSpin *spin)
{
  ptrs_atomic_store(&spin->locked, 0);
}

#endif
