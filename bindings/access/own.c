// SPDX-License-Identifier: MIT
// Memory that others have allocated, as blocks.
#include "access/access.h"

static PtrsAccessEnded told;

void
ptrs_access_tell_ended(PtrsAccessEnded ended)
{
  __atomic_store_n(&told, ended, __ATOMIC_RELEASE);
}

void
ptrs_access_call_free(uintptr_t function, uintptr_t address)
{
  ((void (*)(void *))function)((void *)address);
}

static void
call_free(void *mem, void *function)
{
  ptrs_access_call_free((uintptr_t)function, (uintptr_t)mem);
}

static void
tell(void *mem, void *token)
{
  (void)mem;
  const PtrsAccessEnded ended = __atomic_load_n(&told, __ATOMIC_ACQUIRE);
  if (ended) {
    ended((intptr_t)token);
  }
}

int64_t
ptrs_access_own(uintptr_t address, size_t size, uintptr_t function, intptr_t token)
{
  PtrsBlock block         = 0;
  const PtrsFree free     = token ? tell : function ? call_free : NULL;
  void *const ctx         = token ? (void *)token : (void *)function;
  const PtrsStatus status = ptrs_block_own((void *)address, size, 1, free, ctx, &block);
  return status ? -(int64_t)status : block;
}
