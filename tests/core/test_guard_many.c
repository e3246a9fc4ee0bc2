// SPDX-License-Identifier: MIT
// Many guarded blocks at once: each is found by its address, and all end with their
// allocator, also while threads use it.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "ptrs/block.h"
#include "ptrs/guard.h"
#include "tap.h"
#include "threads.h"

#define N_BLOCKS ((size_t)6000)

static PtrsAllocator *
make(void)
{
  PtrsAllocator *guard = NULL;
  CHECK_EQ(ptrs_guard_new(0, (size_t)1 << 20, &guard), PTRS_STATUS_SUCCESS);
  return guard;
}

static PtrsGuardInfo
info_of(PtrsAllocator *guard)
{
  PtrsGuardInfo info;
  memset(&info, 0, sizeof(info));
  CHECK_EQ(ptrs_guard_info(guard, &info), PTRS_STATUS_SUCCESS);
  return info;
}

static uint64_t
n_live(PtrsAllocator *guard)
{
  PtrsStats stats;
  ptrs_allocator_stats(guard, &stats);
  return stats.current_blocks;
}

// So many blocks that the index grows and shrinks through all of its levels
static void
each_is_found(void)
{
  PtrsAllocator *const guard = make();
  void **const blocks        = (void **)calloc(N_BLOCKS, sizeof(void *));
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < N_BLOCKS; ++i) {
      blocks[i] = guard->alloc(guard, 16, 8);
      CHECK(blocks[i]);
      CHECK_EQ(ptrs_guard_label(blocks[i / 2], "found"), PTRS_STATUS_SUCCESS);
    }
    CHECK_EQ(n_live(guard), N_BLOCKS);
    // In an order that is neither that of allocation nor that of the addresses
    for (size_t i = 0; i < N_BLOCKS; ++i) {
      void **const block = &blocks[i * 7 % N_BLOCKS];
      CHECK_EQ(ptrs_guard_label(*block, "found"), PTRS_STATUS_SUCCESS);
      guard->free(guard, *block, 16, 8);
      CHECK_EQ(ptrs_guard_label(*block, "gone"), PTRS_STATUS_BAD_ARG);
    }
    CHECK_EQ(n_live(guard), 0);
  }
  free((void *)blocks);
  ptrs_allocator_release(guard);
}

static void
all_end_with_their_allocator(void)
{
  PtrsAllocator *const guard = make();
  PtrsAllocator *const other = make();
  void *const kept           = other->alloc(other, 16, 8);
  const uint64_t before      = info_of(other).mappings;
  uint8_t *damaged           = NULL;
  for (size_t i = 0; i < N_BLOCKS; ++i) {
    uint8_t *const mem = (uint8_t *)guard->alloc(guard, 5, 8);
    CHECK(mem);
    if (i % 1000 == 500) {
      mem[5]  = 1; // the first byte past the end
      damaged = mem;
    } else if (i % 10 == 0) {
      guard->free(guard, mem, 5, 8);
    }
  }
  CHECK(damaged);
  CHECK_EQ(ptrs_allocator_close(guard), PTRS_STATUS_SUCCESS);
  CHECK_EQ(info_of(guard).damaged_blocks, N_BLOCKS / 1000);
  CHECK_EQ(info_of(other).mappings, before);
  CHECK_EQ(n_live(guard), 0);
  CHECK_EQ(n_live(other), 1);
  CHECK_EQ(ptrs_guard_label(kept, "here"), PTRS_STATUS_SUCCESS);
  ptrs_allocator_release(guard);
  ptrs_allocator_release(other);
}

// A thread closes one allocator while others allocate from it and from a second one
typedef struct {
  PtrsAllocator *closing;
  PtrsAllocator *other;
} Stage;

static void
use_beside_close(size_t index, void *ctx)
{
  const Stage *const stage = (const Stage *)ctx;
  if (!index) {
    sleep_ms(5);
    CHECK_EQ(ptrs_allocator_close(stage->closing), PTRS_STATUS_SUCCESS);
    return;
  }
  for (size_t i = 0;; ++i) {
    PtrsAllocator *const guard = i % 4 ? stage->closing : stage->other;
    PtrsBlock block            = 0;
    const PtrsStatus status    = ptrs_block_zalloc(guard, 100 * index, 8, &block);
    if (status) {
      CHECK_EQ(status, PTRS_STATUS_CLOSED);
      CHECK(guard == stage->closing);
      return;
    }
    if (i % 3) {
      const PtrsStatus freed = ptrs_block_free(block);
      CHECK(!freed || (freed == PTRS_STATUS_STALE && guard == stage->closing));
    }
  }
}

static void
nothing_is_counted_twice(void)
{
  for (int round = 0; round < 10; ++round) {
    Stage stage = {make(), make()};
    crew_run(4, use_beside_close, &stage);
    PtrsStats stats;
    ptrs_allocator_stats(stage.closing, &stats);
    CHECK_EQ(stats.current_blocks, 0);
    CHECK_EQ(stats.current_bytes, 0);
    CHECK_EQ(ptrs_allocator_close(stage.other), PTRS_STATUS_SUCCESS);
    CHECK_EQ(info_of(stage.other).mappings, 0);
    ptrs_allocator_release(stage.closing);
    ptrs_allocator_release(stage.other);
  }
}

int
main(void)
{
  TAP_RUN(each_is_found);
  TAP_RUN(all_end_with_their_allocator);
  TAP_RUN(nothing_is_counted_twice);
  return tap_end();
}
