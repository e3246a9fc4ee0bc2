// SPDX-License-Identifier: MIT
// Allocators that are dropped: pinned blocks stay, and all others end at once.
#include <stdatomic.h>
#include <string.h>

#include "child.h"
#include "operations.h"
#include "ptrs/arena.h"
#include "ptrs/block.h"
#include "ptrs/guard.h"
#include "ptrs/pool.h"
#include "ptrs/system.h"
#include "tap.h"
#include "threads.h"

#define SIZE ((size_t)64)
#define N_THREADS ((size_t)5)

static uint64_t
system_blocks(void)
{
  PtrsStats stats;
  ptrs_allocator_stats(ptrs_system_allocator(), &stats);
  return stats.current_blocks;
}

static uint64_t
blocks_of(PtrsAllocator *allocator)
{
  PtrsStats stats;
  ptrs_allocator_stats(allocator, &stats);
  return stats.current_blocks;
}

static PtrsAllocator *
arena_on(PtrsAllocator *parent)
{
  PtrsAllocator *arena = NULL;
  CHECK_EQ(ptrs_arena_new(parent, 512, &arena), PTRS_STATUS_SUCCESS);
  return arena;
}

static PtrsAllocator *
pool_on(PtrsAllocator *parent)
{
  PtrsAllocator *pool = NULL;
  CHECK_EQ(ptrs_pool_new(parent, SIZE, 16, 2, &pool), PTRS_STATUS_SUCCESS);
  return pool;
}

#define N_KINDS 3

static PtrsAllocator *
allocator_of(int kind)
{
  PtrsAllocator *guard = NULL;
  if (kind < 2) {
    return kind ? arena_on(ptrs_system_allocator()) : pool_on(ptrs_system_allocator());
  }
  CHECK_EQ(ptrs_guard_new(0, 0, &guard), PTRS_STATUS_SUCCESS);
  return guard;
}

static PtrsBlock
block_of(PtrsAllocator *allocator)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_zalloc(allocator, SIZE, 16, &block), PTRS_STATUS_SUCCESS);
  return block;
}

static PtrsBlock
pinned_block_of(PtrsAllocator *allocator)
{
  void *mem             = NULL;
  const PtrsBlock block = block_of(allocator);
  CHECK_EQ(ptrs_block_pin(block, &mem), PTRS_STATUS_SUCCESS);
  return block;
}

static void
check_refuses_to_allocate(PtrsAllocator *allocator)
{
  PtrsBlock block = 0;
  CHECK(ptrs_allocator_is_closed(allocator));
  CHECK_EQ(ptrs_block_alloc(allocator, SIZE, 16, &block), PTRS_STATUS_CLOSED);
  CHECK_EQ(block, 0);
}

static void
the_system_is_never_dropped(void)
{
  PtrsAllocator *const system = ptrs_system_allocator();
  CHECK_EQ(ptrs_allocator_drop(system), PTRS_STATUS_NOT_SUPPORTED);
  CHECK_EQ(ptrs_block_free(block_of(system)), PTRS_STATUS_SUCCESS);
}

static void
without_pins_it_is_closed(void)
{
  const uint64_t before = system_blocks();
  for (int kind = 0; kind < N_KINDS; ++kind) {
    PtrsAllocator *const allocator = allocator_of(kind);
    const PtrsBlock a              = block_of(allocator);
    const PtrsBlock b              = block_of(allocator);
    CHECK_EQ(ptrs_allocator_drop(allocator), PTRS_STATUS_SUCCESS);
    check_all_refuse(a, PTRS_STATUS_STALE);
    check_all_refuse(b, PTRS_STATUS_STALE);
    check_refuses_to_allocate(allocator);
    CHECK_EQ(blocks_of(allocator), 0);
    CHECK_EQ(system_blocks(), before);
    CHECK_EQ(ptrs_allocator_drop(allocator), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_allocator_close(allocator), PTRS_STATUS_SUCCESS);
    ptrs_allocator_release(allocator);
  }
}

static void
pinned_blocks_go_with_their_last_pins(void)
{
  const uint64_t before = system_blocks();
  for (int kind = 0; kind < N_KINDS; ++kind) {
    PtrsAllocator *const allocator = allocator_of(kind);
    void *mem                      = NULL;
    const PtrsBlock a              = block_of(allocator);
    const PtrsBlock b              = pinned_block_of(allocator);
    const PtrsBlock c              = block_of(allocator);
    const PtrsBlock d              = pinned_block_of(allocator);
    CHECK_EQ(ptrs_block_pin(d, &mem), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_fill(d, 0, SIZE, 7), PTRS_STATUS_SUCCESS);
    for (int again = 0; again < 2; ++again) {
      CHECK_EQ(ptrs_allocator_drop(allocator), PTRS_STATUS_SUCCESS);
      check_all_refuse(a, PTRS_STATUS_STALE);
      check_all_refuse(c, PTRS_STATUS_STALE);
      check_block(b, SIZE, 1, 0);
      check_block(d, SIZE, 2, 7);
      CHECK_EQ(blocks_of(allocator), 2);
      check_refuses_to_allocate(allocator);
      CHECK_EQ(ptrs_allocator_close(allocator), PTRS_STATUS_PINNED);
    }
    CHECK_EQ(ptrs_block_free(b), PTRS_STATUS_PINNED);
    CHECK_EQ(ptrs_block_unpin(d), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_unpin(b), PTRS_STATUS_SUCCESS);
    check_all_refuse(b, PTRS_STATUS_STALE);
    check_block(d, SIZE, 1, 7);
    CHECK(kind == 2 || system_blocks() > before);
    CHECK_EQ(ptrs_block_unpin(d), PTRS_STATUS_SUCCESS);
    check_all_refuse(d, PTRS_STATUS_STALE);
    CHECK_EQ(blocks_of(allocator), 0);
    CHECK_EQ(system_blocks(), before);
    CHECK_EQ(ptrs_allocator_close(allocator), PTRS_STATUS_SUCCESS);
    ptrs_allocator_release(allocator);
  }
}

static void
released_first_it_goes_with_the_last_pin(void)
{
  const uint64_t before = system_blocks();
  for (int kind = 0; kind < N_KINDS; ++kind) {
    PtrsAllocator *const allocator = allocator_of(kind);
    const PtrsBlock block          = pinned_block_of(allocator);
    CHECK_EQ(ptrs_allocator_drop(allocator), PTRS_STATUS_SUCCESS);
    ptrs_allocator_release(allocator);
    check_block(block, SIZE, 1, 0);
    CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
    CHECK_EQ(system_blocks(), before);
  }
}

static void
memory_that_is_lent_comes_back_first(void)
{
  const uint64_t before      = system_blocks();
  PtrsAllocator *const arena = arena_on(ptrs_system_allocator());
  PtrsAllocator *const pool  = pool_on(arena);
  PtrsBlock none             = 0;
  const PtrsBlock own        = block_of(arena);
  const PtrsBlock below      = block_of(pool);
  CHECK_EQ(ptrs_allocator_drop(arena), PTRS_STATUS_SUCCESS);
  check_all_refuse(own, PTRS_STATUS_STALE);
  check_block(below, SIZE, 0, 0);
  CHECK_EQ(ptrs_allocator_close(arena), PTRS_STATUS_PINNED);
  // The slab has one free block; the dropped parent gives no second slab
  const PtrsBlock last = block_of(pool);
  CHECK_EQ(ptrs_block_alloc(pool, SIZE, 16, &none), PTRS_STATUS_NO_MEM);
  CHECK(system_blocks() > before);
  CHECK_EQ(ptrs_allocator_close(pool), PTRS_STATUS_SUCCESS);
  check_all_refuse(last, PTRS_STATUS_STALE);
  CHECK_EQ(system_blocks(), before);
  CHECK_EQ(ptrs_allocator_close(arena), PTRS_STATUS_SUCCESS);
  ptrs_allocator_release(pool);
  ptrs_allocator_release(arena);
}

static void
one_pin_far_below_holds_all_above(void)
{
  const uint64_t before       = system_blocks();
  PtrsAllocator *const arena  = arena_on(ptrs_system_allocator());
  PtrsAllocator *const middle = arena_on(arena);
  for (int released = 0; released < 2; ++released) {
    PtrsAllocator *const pool = pool_on(middle);
    const PtrsBlock block     = pinned_block_of(pool);
    CHECK_EQ(ptrs_allocator_drop(pool), PTRS_STATUS_SUCCESS);
    if (released) {
      CHECK_EQ(ptrs_allocator_drop(middle), PTRS_STATUS_SUCCESS);
      CHECK_EQ(ptrs_allocator_drop(arena), PTRS_STATUS_SUCCESS);
      ptrs_allocator_release(pool);
    }
    CHECK_EQ(ptrs_allocator_close(arena), PTRS_STATUS_PINNED);
    check_block(block, SIZE, 1, 0);
    CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
    CHECK_EQ(system_blocks() == before, released);
    if (!released) {
      ptrs_allocator_release(pool);
    }
  }
  ptrs_allocator_release(middle);
  ptrs_allocator_release(arena);
  CHECK_EQ(system_blocks(), before);
}

// Threads make, pin and free blocks until the allocator refuses new ones
typedef struct {
  PtrsAllocator *allocator;
} Stage;

static void
drop_among_users(size_t index, void *ctx)
{
  PtrsAllocator *const allocator = ((Stage *)ctx)->allocator;
  if (index < 2) {
    sleep_ms(5);
    CHECK_EQ(ptrs_allocator_drop(allocator), PTRS_STATUS_SUCCESS);
    return;
  }
  for (;;) {
    PtrsBlock block         = 0;
    const PtrsStatus status = ptrs_block_zalloc(allocator, SIZE, 16, &block);
    if (status) {
      CHECK_EQ(status, PTRS_STATUS_CLOSED);
      return;
    }
    void *mem = NULL;
    if (!ptrs_block_pin(block, &mem)) {
      if (index == 2) {
        sleep_ms(1);
      }
      memset(mem, 2, SIZE); // pinned memory can be written, also while the allocator is dropped
      CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
    }
    const PtrsStatus ended = index % 2 ? ptrs_block_free(block) : ptrs_block_drop(block);
    CHECK(ended == PTRS_STATUS_SUCCESS || ended == PTRS_STATUS_STALE);
  }
}

static void
drop_against_everything(void)
{
  const uint64_t before = system_blocks();
  for (int round = 0; round < 12; ++round) {
    Stage stage = {.allocator = allocator_of(round % N_KINDS)};
    crew_run(N_THREADS, drop_among_users, &stage);
    CHECK_EQ(blocks_of(stage.allocator), 0);
    CHECK_EQ(system_blocks(), before);
    CHECK_EQ(ptrs_allocator_close(stage.allocator), PTRS_STATUS_SUCCESS);
    ptrs_allocator_release(stage.allocator);
  }
}

// The last unpin closes the allocator, whichever thread it happens in
typedef struct {
  PtrsBlock blocks[N_THREADS];
} Pinned;

static void
unpin_one(size_t index, void *ctx)
{
  CHECK_EQ(ptrs_block_unpin(((Pinned *)ctx)->blocks[index]), PTRS_STATUS_SUCCESS);
}

static void
the_last_pins_go_at_a_time(void)
{
  const uint64_t before = system_blocks();
  for (int round = 0; round < 60; ++round) {
    PtrsAllocator *const above = arena_on(ptrs_system_allocator());
    PtrsAllocator *const pool  = pool_on(above);
    Pinned pinned;
    for (size_t i = 0; i < N_THREADS; ++i) {
      pinned.blocks[i] = pinned_block_of(pool);
    }
    CHECK_EQ(ptrs_allocator_drop(above), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_allocator_drop(pool), PTRS_STATUS_SUCCESS);
    ptrs_allocator_release(pool);
    crew_run(N_THREADS, unpin_one, &pinned);
    CHECK_EQ(system_blocks(), before);
    ptrs_allocator_release(above);
  }
}

static void
unpin_in_child(void *ctx)
{
  const PtrsBlock block = *(const PtrsBlock *)ctx;
  check_block(block, SIZE, 1, 0);
  CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
  check_all_refuse(block, PTRS_STATUS_STALE);
}

static void
a_child_has_what_was_left(void)
{
  PtrsAllocator *const pool = pool_on(ptrs_system_allocator());
  PtrsBlock block           = pinned_block_of(pool);
  CHECK_EQ(ptrs_allocator_drop(pool), PTRS_STATUS_SUCCESS);
  child_run(unpin_in_child, &block);
  unpin_in_child(&block);
  ptrs_allocator_release(pool);
}

int
main(void)
{
  TAP_RUN(the_system_is_never_dropped);
  TAP_RUN(without_pins_it_is_closed);
  TAP_RUN(pinned_blocks_go_with_their_last_pins);
  TAP_RUN(released_first_it_goes_with_the_last_pin);
  TAP_RUN(memory_that_is_lent_comes_back_first);
  TAP_RUN(one_pin_far_below_holds_all_above);
  TAP_RUN(drop_against_everything);
  TAP_RUN(the_last_pins_go_at_a_time);
  TAP_RUN(a_child_has_what_was_left);
  return tap_end();
}
