// SPDX-License-Identifier: MIT
#include "access/stack_limit.h"

// a * b, or `most` where that is less
static int64_t
product_up_to(int64_t most, int64_t a, int64_t b)
{
  return a > most / b ? most : a * b;
}

int64_t
ptrs_access_stack_limit(int64_t levels, const PtrsAccessStackNeeds *needs)
{
  size_t size = 0;
  if (ptrs_stack_size(&size)) {
    return 1;
  }
  const int64_t stack = (int64_t)size;
  const int64_t spare = stack - product_up_to(stack, levels, needs->level_needs);
  const int64_t least = stack / needs->small_share;
  const int64_t limit = spare > least ? spare : least;
  const int64_t given = product_up_to(limit, levels, needs->level_gives);
  return given > 0 ? given : 1;
}

typedef struct {
  PtrsAccessFrameFunction fn;
  int64_t number;
} Call;

static void
enter(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  (void)mem;
  (void)size;
  const Call *const call = (const Call *)ctx;
  call->fn(block, call->number);
}

PtrsStatus
ptrs_access_stack_call(int64_t levels,
                       const PtrsAccessStackNeeds *needs,
                       size_t size,
                       size_t align,
                       PtrsAccessFrameFunction fn,
                       int64_t number)
{
  if (!fn) {
    return PTRS_STATUS_BAD_ARG;
  }
  Call call = {fn, number};
  return ptrs_stack_call(size, align, (size_t)ptrs_access_stack_limit(levels, needs), enter, &call);
}
