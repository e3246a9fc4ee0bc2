// SPDX-License-Identifier: MIT
// Budgets: of limit.h over other allocators, and those of arenas and pools.
#define _GNU_SOURCE
#include "ptrs/limit.h"

#include <string.h>

#include "child.h"
#include "conformance.h"
#include "failing.h"
#include "ptrs/arena.h"
#include "ptrs/block.h"
#include "ptrs/lender.h"
#include "ptrs/pool.h"
#include "ptrs/system.h"
#include "tap.h"
#include "threads.h"

static PtrsAllocator *
make(PtrsAllocator *parent, size_t bytes)
{
  PtrsAllocator *limit = NULL;
  CHECK_EQ(ptrs_limit_new(parent, bytes, &limit), PTRS_STATUS_SUCCESS);
  return limit;
}

static PtrsAllocator *
make_arena(PtrsAllocator *parent, size_t limit)
{
  PtrsAllocator *arena = NULL;
  CHECK_EQ(ptrs_arena_new(parent, 4096, &arena), PTRS_STATUS_SUCCESS);
  if (limit) {
    CHECK_EQ(ptrs_allocator_set_limit(arena, limit), PTRS_STATUS_SUCCESS);
  }
  return arena;
}

static PtrsAllocator *
make_pool(PtrsAllocator *parent, size_t limit)
{
  PtrsAllocator *pool = NULL;
  CHECK_EQ(ptrs_pool_new(parent, 100, 16, 8, &pool), PTRS_STATUS_SUCCESS);
  if (limit) {
    CHECK_EQ(ptrs_allocator_set_limit(pool, limit), PTRS_STATUS_SUCCESS);
  }
  return pool;
}

static void
check_refusal(size_t limit, size_t lives, size_t asked)
{
  PtrsRefusal refusal = {0, 0, 0};
  CHECK(ptrs_allocator_refusal(&refusal));
  CHECK_EQ(refusal.limit, limit);
  CHECK_EQ(refusal.lives, lives);
  CHECK_EQ(refusal.asked, asked);
  CHECK(!ptrs_allocator_refusal(&refusal)); // told once
}

static uint64_t
bytes_in(PtrsAllocator *allocator)
{
  PtrsStats stats;
  ptrs_allocator_stats(allocator, &stats);
  return stats.current_bytes;
}

static void
bad_arguments_are_refused(void)
{
  PtrsAllocator *const heap = ptrs_system_allocator();
  PtrsAllocator *limit      = NULL;
  CHECK_EQ(ptrs_limit_new(NULL, 1, &limit), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_limit_new(heap, 0, &limit), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_limit_new(heap, PTRS_SIZE_MAX + 1, &limit), PTRS_STATUS_BAD_ARG);
  CHECK_PTR(limit, NULL);
  CHECK_EQ(ptrs_allocator_limit(heap), 0);
  CHECK_EQ(ptrs_allocator_set_limit(heap, 0), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_allocator_set_limit(heap, 8), PTRS_STATUS_NOT_SUPPORTED);
  size_t bytes = 7;
  CHECK_EQ(ptrs_arena_release_unused(heap, &bytes), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_pool_release_unused(heap, &bytes), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(bytes, 7);
}

// The same for each kind of allocator that has a limit
static void
keep_to(PtrsAllocator *allocator)
{
  PtrsBlock a = 0;
  PtrsBlock b = 0;
  PtrsBlock c = 0;
  CHECK_EQ(ptrs_allocator_limit(allocator), 150);
  CHECK_EQ(ptrs_block_alloc(allocator, 100, 16, &a), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_zalloc(allocator, 51, 16, &b), PTRS_STATUS_NO_MEM);
  check_refusal(150, 100, 51);
  CHECK_PTR(allocator->alloc(allocator, 60, 1), NULL);
  check_refusal(150, 100, 60);
  CHECK_EQ(ptrs_block_alloc(allocator, 50, 16, &b), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_alloc(allocator, 0, 16, &c), PTRS_STATUS_SUCCESS); // no bytes are none
  CHECK_EQ(ptrs_block_fill(b, 0, 50, 7), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_realloc(b, 51), PTRS_STATUS_NO_MEM);
  check_refusal(150, 150, 1);
  CHECK_EQ(ptrs_block_realloc(a, 90), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_realloc(b, 60), PTRS_STATUS_SUCCESS);
  uint8_t bytes[60];
  CHECK_EQ(ptrs_block_read(b, 0, 60, bytes), PTRS_STATUS_SUCCESS);
  CHECK_FILLED(bytes, 50, 7);
  CHECK_FILLED(bytes + 50, 10, 0);
  CHECK_EQ(ptrs_allocator_set_limit(allocator, 149), PTRS_STATUS_TOO_LARGE);
  CHECK_EQ(ptrs_allocator_set_limit(allocator, 0), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_allocator_limit(allocator), 150);
  CHECK_EQ(ptrs_allocator_set_limit(allocator, 160), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_realloc(b, 70), PTRS_STATUS_SUCCESS);
  CHECK_EQ(bytes_in(allocator), 160);
  CHECK_EQ(ptrs_block_free(a), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_allocator_set_limit(allocator, 70), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(b), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(c), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_alloc(allocator, 70, 16, &a), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_allocator_close(allocator), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(a), PTRS_STATUS_STALE);
  CHECK_EQ(bytes_in(allocator), 0);
  CHECK_EQ(ptrs_block_alloc(allocator, 1, 16, &a), PTRS_STATUS_CLOSED);
  ptrs_allocator_release(allocator);
  PtrsRefusal refusal;
  CHECK(!ptrs_allocator_refusal(&refusal));
}

static void
every_kind_keeps_to_its_limit(void)
{
  PtrsAllocator *const heap = ptrs_system_allocator();
  const uint64_t before     = bytes_in(heap);
  PtrsAllocator *parents[]  = {heap, make_arena(heap, 0), make_pool(heap, 0), make(heap, 1000)};
  keep_to(make_arena(heap, 150));
  keep_to(make_pool(heap, 150));
  for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); ++i) {
    keep_to(make(parents[i], 150));
    ptrs_allocator_release(parents[i]);
  }
  CHECK_EQ(bytes_in(heap), before);
}

static void
a_limit_passes_on_what_its_parent_refuses(void)
{
  PtrsAllocator *const pool  = make_pool(ptrs_system_allocator(), 0);
  PtrsAllocator *const limit = make(pool, 1000);
  PtrsAllocator *const below = make(limit, 500);
  PtrsBlock block            = 0;
  CHECK_EQ(ptrs_block_alloc(limit, 101, 16, &block), PTRS_STATUS_TOO_LARGE);
  CHECK_EQ(ptrs_block_alloc(below, 100, 32, &block), PTRS_STATUS_TOO_LARGE);
  CHECK_EQ(ptrs_block_alloc(below, 100, 16, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(bytes_in(limit), 100);
  CHECK_EQ(ptrs_allocator_close(limit), PTRS_STATUS_PINNED);
  CHECK_EQ(ptrs_allocator_close(pool), PTRS_STATUS_PINNED);
  // A parent that is dropped goes with the last block
  CHECK_EQ(ptrs_allocator_drop(pool), PTRS_STATUS_SUCCESS);
  PtrsBlock other = 0;
  CHECK_EQ(ptrs_block_alloc(below, 1, 16, &other), PTRS_STATUS_NO_MEM);
  CHECK_EQ(bytes_in(below), 100);
  CHECK_EQ(bytes_in(limit), 100);
  CHECK_EQ(ptrs_block_realloc(block, 1), PTRS_STATUS_NO_MEM); // it would move
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_allocator_drop(pool), PTRS_STATUS_SUCCESS);
  CHECK_EQ(bytes_in(pool), 0);
  ptrs_allocator_release(pool);
  ptrs_allocator_release(limit);
  ptrs_allocator_release(below);
}

static void
children_and_borrowers_have_a_budget(void)
{
  PtrsAllocator *const limit = make(ptrs_system_allocator(), 10000);
  PtrsAllocator *const arena = make_arena(limit, 0);
  PtrsBlock block            = 0;
  CHECK_EQ(ptrs_block_alloc(arena, 4000, 16, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_alloc(arena, 4000, 16, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_alloc(arena, 4000, 16, &block), PTRS_STATUS_NO_MEM);
  check_refusal(10000, 8192, 4096);
  CHECK_EQ(ptrs_allocator_close(arena), PTRS_STATUS_SUCCESS);
  ptrs_allocator_release(arena);
  CHECK_EQ(bytes_in(limit), 0);

  PtrsLender lender;
  PtrsRefusal refusal;
  ptrs_lender_init(&lender, limit);
  void *mem = ptrs_lender_alloc(&lender, 5000);
  CHECK(mem);
  CHECK_PTR(ptrs_lender_alloc(&lender, 5000), NULL);
  CHECK(!ptrs_allocator_refusal(&refusal));
  CHECK_EQ(ptrs_allocator_close(limit), PTRS_STATUS_PINNED);
  mem = ptrs_lender_realloc(&lender, mem, 9000);
  CHECK(mem);
  CHECK_PTR(ptrs_lender_realloc(&lender, mem, 9985), NULL);
  CHECK_EQ(bytes_in(limit), 9000 + PTRS_LENT_HEAD);
  ptrs_lender_free(&lender, mem);
  CHECK_EQ(bytes_in(limit), 0);
  ptrs_lender_end(&lender);
  CHECK_EQ(ptrs_allocator_close(limit), PTRS_STATUS_SUCCESS);
  ptrs_allocator_release(limit);
}

static void
use_without_memory(FailingAllocator *failing)
{
  PtrsAllocator *const limit = make(&failing->base, 1000);
  PtrsBlock block            = 0;
  uint64_t lives             = 0;
  if (!ptrs_block_alloc(limit, 100, 16, &block)) {
    lives = ptrs_block_realloc(block, 300) ? 100 : 300;
    CHECK_EQ(bytes_in(limit), lives);
    lives = ptrs_block_realloc(block, 50) ? lives : 50;
  }
  CHECK_EQ(bytes_in(limit), lives);
  // No failure takes anything off the budget
  CHECK_EQ(ptrs_allocator_set_limit(limit, lives ? lives : 1), PTRS_STATUS_SUCCESS);
  ptrs_allocator_release(limit);
  if (block) {
    CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  }
}

static void
failures_take_nothing_off_the_budget(void)
{
  CHECK(failing_sweep(use_without_memory) > 4);
}

static void
arenas_give_unused_chunks_back(void)
{
  PtrsAllocator *const limit = make(ptrs_system_allocator(), 1 << 20);
  PtrsAllocator *const arena = make_arena(limit, 0);
  PtrsBlock blocks[20];
  size_t bytes = 0;
  uint64_t mark;
  CHECK_EQ(ptrs_arena_release_unused(arena, &bytes), PTRS_STATUS_SUCCESS);
  CHECK_EQ(bytes, 0);
  for (size_t i = 0; i < 20; ++i) {
    CHECK_EQ(ptrs_block_alloc(arena, 3000, 16, &blocks[i]), PTRS_STATUS_SUCCESS);
    if (i == 4) {
      CHECK_EQ(ptrs_arena_mark(arena, &mark), PTRS_STATUS_SUCCESS);
    }
  }
  CHECK_EQ(ptrs_arena_release_unused(arena, &bytes), PTRS_STATUS_SUCCESS);
  CHECK_EQ(bytes, 0);
  CHECK_EQ(ptrs_arena_rewind(arena, mark), PTRS_STATUS_SUCCESS);
  CHECK_EQ(bytes_in(limit), 20 * 4096);
  CHECK_EQ(ptrs_arena_release_unused(arena, &bytes), PTRS_STATUS_SUCCESS);
  CHECK_EQ(bytes, 15 * 4096);
  CHECK_EQ(bytes_in(limit), 5 * 4096);
  for (size_t i = 0; i < 5; ++i) {
    CHECK_EQ(ptrs_block_fill(blocks[i], 0, 3000, 1), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_free(blocks[i]), PTRS_STATUS_SUCCESS);
  }
  // The mark lies in a chunk
  CHECK_EQ(ptrs_arena_release_unused(arena, &bytes), PTRS_STATUS_SUCCESS);
  CHECK_EQ(bytes, 0);
  CHECK_EQ(ptrs_arena_reset(arena), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_arena_release_unused(arena, &bytes), PTRS_STATUS_SUCCESS);
  CHECK_EQ(bytes, 5 * 4096);
  CHECK_EQ(bytes_in(limit), 0);
  // And go on
  CHECK_EQ(ptrs_block_alloc(arena, 3000, 16, &blocks[0]), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_allocator_close(arena), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_arena_release_unused(arena, &bytes), PTRS_STATUS_CLOSED);
  ptrs_allocator_release(arena);
  ptrs_allocator_release(limit);
}

#define N_POOLED 100

static void
pools_give_unused_slabs_back(void)
{
  PtrsAllocator *const limit = make(ptrs_system_allocator(), 1 << 20);
  PtrsAllocator *const pool  = make_pool(limit, 0);
  PtrsBlock blocks[N_POOLED];
  size_t bytes = 7;
  CHECK_EQ(ptrs_pool_release_unused(pool, &bytes), PTRS_STATUS_SUCCESS);
  CHECK_EQ(bytes, 0);
  for (size_t i = 0; i < N_POOLED; ++i) {
    CHECK_EQ(ptrs_block_alloc(pool, 100, 16, &blocks[i]), PTRS_STATUS_SUCCESS);
  }
  const uint64_t all  = bytes_in(limit);
  const uint64_t slab = all / 13;
  // One block of each slab but of the first two and the last one
  for (size_t i = 0; i < N_POOLED; ++i) {
    if (i % 8 != 3 || i < 16 || i >= 96) {
      CHECK_EQ(ptrs_block_free(blocks[i]), PTRS_STATUS_SUCCESS);
      blocks[i] = 0;
    }
  }
  CHECK_EQ(ptrs_pool_release_unused(pool, &bytes), PTRS_STATUS_SUCCESS);
  CHECK_EQ(bytes, 3 * slab);
  CHECK_EQ(bytes_in(limit), all - 3 * slab);
  for (size_t i = 0; i < N_POOLED; ++i) {
    if (blocks[i]) {
      CHECK_EQ(ptrs_block_fill(blocks[i], 0, 100, 1), PTRS_STATUS_SUCCESS);
    } else {
      CHECK_EQ(ptrs_block_alloc(pool, 100, 16, &blocks[i]), PTRS_STATUS_SUCCESS);
    }
  }
  CHECK_EQ(bytes_in(limit), all);
  for (size_t i = 0; i < N_POOLED; ++i) {
    CHECK_EQ(ptrs_block_free(blocks[i]), PTRS_STATUS_SUCCESS);
  }
  CHECK_EQ(ptrs_pool_release_unused(pool, &bytes), PTRS_STATUS_SUCCESS);
  CHECK_EQ(bytes, all);
  CHECK_EQ(bytes_in(limit), 0);
  CHECK_EQ(ptrs_block_alloc(pool, 100, 16, &blocks[0]), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_allocator_close(pool), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_pool_release_unused(pool, &bytes), PTRS_STATUS_CLOSED);
  ptrs_allocator_release(pool);
  ptrs_allocator_release(limit);
}

typedef struct {
  PtrsAllocator *limited[4];
  PtrsAllocator *top;
  double end;
} Budgets;

#define N_GREEDY 3

// Each thread wants more than its share: the sum never exceeds the limit
static void
want_too_much(size_t index, void *ctx)
{
  Budgets *const budgets = (Budgets *)ctx;
  for (unsigned round = 0; clock_seconds() < budgets->end; ++round) {
    PtrsAllocator *const source = budgets->limited[(round + index) % 4];
    PtrsBlock blocks[20]        = {0};
    for (size_t i = 0; i < 20; ++i) {
      const PtrsStatus status = ptrs_block_alloc(source, 64, 16, &blocks[i]);
      CHECK(!status || status == PTRS_STATUS_NO_MEM);
    }
    if (!index) {
      size_t bytes = 0;
      CHECK(ptrs_allocator_set_limit(source, 1000 + round % 500) != PTRS_STATUS_BAD_ARG);
      (void)ptrs_arena_release_unused(budgets->limited[1], &bytes);
      (void)ptrs_pool_release_unused(budgets->limited[2], &bytes);
    }
    // While others are at work, statistics may say more than there is, as a peak may
    CHECK(bytes_in(budgets->top) <= (1 << 20) + ((uint64_t)N_GREEDY << 15));
    for (size_t i = 0; i < 20; ++i) {
      if (blocks[i]) {
        const PtrsStatus status = ptrs_block_realloc(blocks[i], 100 - round % 60);
        CHECK(!status || status == PTRS_STATUS_NO_MEM);
        CHECK_EQ(ptrs_block_free(blocks[i]), PTRS_STATUS_SUCCESS);
      }
    }
  }
}

static void
use_after_fork(void *ctx)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_alloc((PtrsAllocator *)ctx, 100, 16, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_realloc(block, 200), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
}

static void
fork_now_and_then(size_t index, void *ctx)
{
  Budgets *const budgets = (Budgets *)ctx;
  if (index) {
    want_too_much(index, ctx);
    return;
  }
  for (int i = 0; i < 10; ++i) {
    child_run(use_after_fork, budgets->top);
  }
}

static void
run_threads(CrewFunction function)
{
  PtrsAllocator *const top = make(ptrs_system_allocator(), 1 << 20);
  PtrsAllocator *arena     = make_arena(top, 0);
  Budgets budgets          = {
               .limited = {make(top, 1000), make_arena(top, 1000), make_pool(top, 1000), make(arena, 1000)},
               .top     = top,
               .end     = clock_seconds() + CASE_SECONDS,
  };
  crew_run(N_GREEDY, function, &budgets);
  for (size_t i = 0; i < 4; ++i) {
    CHECK_EQ(bytes_in(budgets.limited[i]), 0);
    CHECK_EQ(ptrs_allocator_set_limit(budgets.limited[i], 1), PTRS_STATUS_SUCCESS);
    ptrs_allocator_release(budgets.limited[i]);
  }
  ptrs_allocator_release(arena);
  CHECK_EQ(bytes_in(top), 0);
  ptrs_allocator_release(top);
}

static void
threads_together_keep_to_limits(void)
{
  run_threads(want_too_much);
}

static void
forks_find_limits_in_order(void)
{
  run_threads(fork_now_and_then);
}

int
main(void)
{
  PtrsAllocator *const limit = make(ptrs_system_allocator(), PTRS_SIZE_MAX);
  conformance_run(limit);
  ptrs_allocator_release(limit);
  TAP_RUN(bad_arguments_are_refused);
  TAP_RUN(every_kind_keeps_to_its_limit);
  TAP_RUN(a_limit_passes_on_what_its_parent_refuses);
  TAP_RUN(children_and_borrowers_have_a_budget);
  TAP_RUN(failures_take_nothing_off_the_budget);
  TAP_RUN(arenas_give_unused_chunks_back);
  TAP_RUN(pools_give_unused_slabs_back);
  TAP_RUN(threads_together_keep_to_limits);
  TAP_RUN(forks_find_limits_in_order);
  return tap_end();
}
