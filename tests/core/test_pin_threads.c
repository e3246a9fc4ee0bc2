// SPDX-License-Identifier: MIT
// Pins against threads that free, resize or drop, and threads that allocate
// at the same time.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "operations.h"
#include "ptrs/block.h"
#include "ptrs/system.h"
#include "tap.h"
#include "threads.h"

#define SIZE ((size_t)128)

static PtrsBlock
make(void)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_zalloc(ptrs_system_allocator(), SIZE, 16, &block), PTRS_STATUS_SUCCESS);
  return block;
}

typedef struct {
  _Atomic PtrsBlock block;
  atomic_bool stop;
  double end;
} Target;

// A pinned block stays live, at the same address.  True if the block could be
// pinned.
static bool
pin_and_look(PtrsBlock block)
{
  void *mem               = NULL;
  PtrsBlockInfo info      = {0};
  const PtrsStatus status = ptrs_block_pin(block, &mem);
  if (status) {
    CHECK_EQ(status, PTRS_STATUS_STALE);
    return false;
  }
  if (CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS)) {
    CHECK_PTR(info.mem, mem);
    CHECK(info.pins > 0);
  }
  CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
  return true;
}

static void
free_what_is_pinned(size_t index, void *ctx)
{
  Target *const target = (Target *)ctx;
  if (index) {
    while (!target->stop) {
      (void)pin_and_look(target->block);
    }
    return;
  }
  while (clock_seconds() < target->end) {
    const PtrsBlock block   = target->block;
    const PtrsStatus status = ptrs_block_free(block);
    if (status) {
      CHECK_EQ(status, PTRS_STATUS_PINNED);
    } else {
      target->block = make();
    }
  }
  target->stop = true;
}

static void
a_pin_excludes_free(void)
{
  Target target = {.block = make(), .end = clock_seconds() + CASE_SECONDS};
  crew_run(2, free_what_is_pinned, &target);
  CHECK_EQ(ptrs_block_free(target.block), PTRS_STATUS_SUCCESS);
}

static void
resize_what_is_pinned(size_t index, void *ctx)
{
  Target *const target = (Target *)ctx;
  if (index) {
    while (!target->stop) {
      CHECK(pin_and_look(target->block));
    }
    return;
  }
  for (size_t i = 0; clock_seconds() < target->end; ++i) {
    const PtrsStatus status = ptrs_block_realloc(target->block, i % 2 ? 16 : 40000);
    CHECK(!status || status == PTRS_STATUS_PINNED);
  }
  target->stop = true;
}

static void
a_pin_excludes_realloc(void)
{
  Target target = {.block = make(), .end = clock_seconds() + CASE_SECONDS};
  crew_run(2, resize_what_is_pinned, &target);
  CHECK_EQ(ptrs_block_free(target.block), PTRS_STATUS_SUCCESS);
}

// The last unpin frees the block, once
static void
drop_what_is_pinned(size_t index, void *ctx)
{
  Target *const target = (Target *)ctx;
  if (index) {
    while (!target->stop) {
      (void)pin_and_look(target->block);
    }
    return;
  }
  while (clock_seconds() < target->end) {
    const PtrsBlock block = target->block;
    target->block         = make();
    CHECK_EQ(ptrs_block_drop(block), PTRS_STATUS_SUCCESS);
  }
  target->stop = true;
}

static void
dropped_blocks_go_once(void)
{
  PtrsStats before;
  PtrsStats after;
  ptrs_allocator_stats(ptrs_system_allocator(), &before);
  Target target = {.block = make(), .end = clock_seconds() + CASE_SECONDS};
  crew_run(3, drop_what_is_pinned, &target);
  CHECK_EQ(ptrs_block_drop(target.block), PTRS_STATUS_SUCCESS);
  ptrs_allocator_stats(ptrs_system_allocator(), &after);
  CHECK_EQ(after.current_blocks, before.current_blocks);
  CHECK_EQ(after.current_bytes, before.current_bytes);
}

#define N_MAKERS 4
#define N_EACH 3000

typedef struct {
  PtrsBlock blocks[N_MAKERS][N_EACH];
} Harvest;

// Enough blocks for the table to grow while all threads allocate
static void
make_many(size_t index, void *ctx)
{
  PtrsBlock *const blocks = ((Harvest *)ctx)->blocks[index];
  for (size_t i = 0; i < N_EACH; ++i) {
    blocks[i] = make();
    CHECK_EQ(ptrs_block_fill(blocks[i], 0, SIZE, (int)(index * N_EACH + i)), PTRS_STATUS_SUCCESS);
    if (i % 3 == 2) {
      CHECK_EQ(ptrs_block_free(blocks[i]), PTRS_STATUS_SUCCESS);
      blocks[i] = make();
      CHECK_EQ(ptrs_block_fill(blocks[i], 0, SIZE, (int)(index * N_EACH + i)), PTRS_STATUS_SUCCESS);
    }
  }
}

// Each thread frees the blocks of the next one
static void
free_neighbours(size_t index, void *ctx)
{
  const size_t neighbour        = (index + 1) % N_MAKERS;
  const PtrsBlock *const blocks = ((Harvest *)ctx)->blocks[neighbour];
  for (size_t i = 0; i < N_EACH; ++i) {
    check_block(blocks[i], SIZE, 0, (int)(neighbour * N_EACH + i));
    CHECK_EQ(ptrs_block_free(blocks[i]), PTRS_STATUS_SUCCESS);
  }
}

static int
by_value(const void *a, const void *b)
{
  const PtrsBlock left  = *(const PtrsBlock *)a;
  const PtrsBlock right = *(const PtrsBlock *)b;
  return (left > right) - (left < right);
}

static void
allocations_are_distinct(void)
{
  static Harvest harvest;
  PtrsBlock *const all = &harvest.blocks[0][0];
  PtrsStats before;
  PtrsStats after;
  ptrs_allocator_stats(ptrs_system_allocator(), &before);
  crew_run(N_MAKERS, make_many, &harvest);
  crew_run(N_MAKERS, free_neighbours, &harvest);
  ptrs_allocator_stats(ptrs_system_allocator(), &after);
  CHECK_EQ(after.current_blocks, before.current_blocks);
  CHECK_EQ(after.current_bytes, before.current_bytes);
  CHECK_EQ(after.total_blocks - before.total_blocks, N_MAKERS * N_EACH * 4 / 3);
  CHECK_EQ(after.total_bytes - before.total_bytes, N_MAKERS * N_EACH * 4 / 3 * SIZE);

  qsort(all, (size_t)N_MAKERS * N_EACH, sizeof(*all), by_value);
  for (size_t i = 1; i < (size_t)N_MAKERS * N_EACH; ++i) {
    CHECK(all[i] != all[i - 1]);
  }
}

int
main(void)
{
  (void)alarm(DEADLOCK_SECONDS);
  TAP_RUN(a_pin_excludes_free);
  TAP_RUN(a_pin_excludes_realloc);
  TAP_RUN(dropped_blocks_go_once);
  TAP_RUN(allocations_are_distinct);
  return tap_end();
}
