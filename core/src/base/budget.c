// SPDX-License-Identifier: MIT
#include "base/budget.h"

#include "os/os.h"

static PTRS_OS_THREAD_LOCAL PtrsRefusal last; // its limit is 0 once it has been told

void
ptrs_budget_refuse(size_t limit, size_t lives, size_t asked)
{
  const PtrsRefusal refusal = {.limit = limit, .lives = lives, .asked = asked};
  last                      = refusal;
}

bool
ptrs_budget_told(PtrsRefusal *refusal)
{
  if (!last.limit) {
    return false;
  }
  *refusal   = last;
  last.limit = 0;
  return true;
}
