// SPDX-License-Identifier: MIT
// Limits of what may live in an allocator, and what they have refused.
#ifndef PTRS_BUDGET_H
#define PTRS_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ptrs/allocator.h"

// Remember what a limit has refused to this thread, until that is told
void ptrs_budget_refuse(size_t limit, size_t lives, size_t asked);
bool ptrs_budget_told(PtrsRefusal *refusal);

// Whether so many bytes more may live.  `limit` is 0 without one; else no less than what lives.
static inline bool
ptrs_budget_allows(size_t limit, uint64_t lives, size_t bytes)
{
  if (!limit || bytes <= limit - (size_t)lives) {
    return true;
  }
  ptrs_budget_refuse(limit, (size_t)lives, bytes);
  return false;
}

// Set a limit, unless it is 0, to no less than what lives, and tell it
static inline PtrsStatus
ptrs_budget_set(size_t *own, uint64_t lives, size_t new_limit, size_t *limit)
{
  if (new_limit && new_limit < lives) {
    return PTRS_STATUS_TOO_LARGE;
  }
  if (new_limit) {
    *own = new_limit;
  }
  *limit = *own;
  return PTRS_STATUS_SUCCESS;
}

#endif
