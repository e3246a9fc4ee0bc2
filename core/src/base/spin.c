// SPDX-License-Identifier: MIT
#include "base/spin.h"

void
ptrs_spin_wait(PtrsSpin *spin)
{
  unsigned round = 0;
  do {
    // To look at the lock leaves its cache line with the thread that holds it
    do {
      ptrs_os_backoff(round++);
    } while (ptrs_atomic_peek(&spin->locked));
  } while (!ptrs_spin_try_lock(spin));
}
