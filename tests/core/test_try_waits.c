// SPDX-License-Identifier: MIT
// What tries, waits for no allocator: it says that it would have to.
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>

#include "blocks/invalidate.h"
#include "long_work.h"
#include "operations.h"
#include "ptrs/arena.h"
#include "ptrs/block.h"
#include "ptrs/pool.h"
#include "ptrs/system.h"
#include "tap.h"
#include "threads.h"

// Ending many blocks at once holds the lock of their allocator
static bool
select_none(const PtrsSlot *slot, void *ctx)
{
  (void)slot;
  (void)ctx;
  return false;
}

static PtrsStatus
clear_slowly(PtrsAllocator *allocator, void *ctx)
{
  (void)allocator;
  (void)ctx;
  long_work();
  return PTRS_STATUS_STALE;
}

static void *
end_none(void *ctx)
{
  const PtrsInvalidation invalidation = {.selects = select_none, .clear = clear_slowly};
  long_work_prepare();
  CHECK_EQ(ptrs_invalidate(((PtrsAllocator *)ctx)->lifecycle, &invalidation), PTRS_STATUS_STALE);
  return NULL;
}

static PtrsBlock
make(PtrsAllocator *allocator)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_zalloc(allocator, 64, 16, &block), PTRS_STATUS_SUCCESS);
  return block;
}

static void
try_free_waits_for_no_allocator(void)
{
  PtrsAllocator *pool = NULL;
  bool would_block    = false;
  CHECK_EQ(ptrs_pool_new(ptrs_system_allocator(), 64, 16, 8, &pool), PTRS_STATUS_SUCCESS);
  const PtrsBlock block  = make(pool);
  const pthread_t thread = long_work_begin(end_none, pool);
  CHECK_EQ(ptrs_block_try_free(block, 100, &would_block), PTRS_STATUS_SUCCESS);
  CHECK(would_block);
  check_block(block, 64, 0, 0);
  long_work_end(thread);
  would_block = false;
  CHECK_EQ(ptrs_block_try_free(block, 100, &would_block), PTRS_STATUS_SUCCESS);
  CHECK(!would_block);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_STALE);
  ptrs_allocator_release(pool);
}

static void
try_zalloc_waits_for_no_allocator_of(PtrsAllocator *allocator)
{
  PtrsBlock block        = 0;
  bool would_block       = false;
  PtrsStats stats        = {0};
  const pthread_t thread = long_work_begin(end_none, allocator);
  CHECK(ptrs_block_try_zalloc(allocator, 64, 16, &would_block, &block));
  CHECK(would_block);
  CHECK_EQ(block, 0);
  long_work_end(thread);
  ptrs_allocator_stats(allocator, &stats);
  CHECK_EQ(stats.total_blocks, 0);
  would_block = false;
  CHECK_EQ(ptrs_block_try_zalloc(allocator, 64, 16, &would_block, &block), PTRS_STATUS_SUCCESS);
  CHECK(!would_block);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  // The second user ends without ending the allocator
  ptrs_allocator_retain(allocator);
  ptrs_allocator_release(allocator);
  CHECK_EQ(ptrs_block_try_zalloc(allocator, 8, 16, NULL, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_allocator_close(allocator), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_try_zalloc(allocator, 8, 16, &would_block, &block), PTRS_STATUS_CLOSED);
  CHECK(!would_block);
  ptrs_allocator_release(allocator);
}

static void
try_zalloc_waits_for_no_allocator(void)
{
  PtrsAllocator *pool  = NULL;
  PtrsAllocator *arena = NULL;
  CHECK_EQ(ptrs_pool_new(ptrs_system_allocator(), 64, 16, 8, &pool), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_arena_new(ptrs_system_allocator(), 4096, &arena), PTRS_STATUS_SUCCESS);
  try_zalloc_waits_for_no_allocator_of(pool);
  try_zalloc_waits_for_no_allocator_of(arena);
}

int
main(void)
{
  (void)alarm(DEADLOCK_SECONDS);
  TAP_RUN(try_free_waits_for_no_allocator);
  TAP_RUN(try_zalloc_waits_for_no_allocator);
  return tap_end();
}
