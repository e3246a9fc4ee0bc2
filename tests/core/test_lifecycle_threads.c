// SPDX-License-Identifier: MIT
// Threads that use blocks while one thread ends all of them, and forks in that time.
#define _GNU_SOURCE
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "environment.h"
#include "ptrs/arena.h"
#include "ptrs/block.h"
#include "ptrs/pool.h"
#include "ptrs/system.h"
#include "tap.h"
#include "threads.h"

#define N_THREADS 4
#define N_BLOCKS 16
#define SIZE ((size_t)64)

typedef struct {
  PtrsAllocator *arena;
  PtrsAllocator *other;
  _Atomic PtrsBlock blocks[N_BLOCKS]; // of either allocator, live or stale
  atomic_size_t n_endings;
  _Atomic double end;
} Stage;

static uint32_t
next_random(uint32_t *state)
{
  *state = *state * 1664525U + 1013904223U;
  return *state >> 8;
}

// The statuses of an operation on a block that another thread may have ended
static void
check_answer(PtrsStatus status)
{
  CHECK(status == PTRS_STATUS_SUCCESS || status == PTRS_STATUS_STALE ||
        status == PTRS_STATUS_PINNED);
}

static void
use_blocks(Stage *stage, uint32_t *state)
{
  _Atomic PtrsBlock *const place = &stage->blocks[next_random(state) % N_BLOCKS];
  const PtrsBlock block          = *place;
  const PtrsBlock second         = stage->blocks[next_random(state) % N_BLOCKS];
  uint8_t data[SIZE];
  void *mem = NULL;
  switch (next_random(state) % 8) {
  case 0: {
    PtrsBlock made         = 0;
    PtrsAllocator *const a = next_random(state) % 2 ? stage->arena : stage->other;
    if (CHECK_EQ(ptrs_block_zalloc(a, SIZE, 16, &made), PTRS_STATUS_SUCCESS)) {
      *place = made;
    }
    break;
  }
  case 1:
    check_answer(ptrs_block_free(block));
    break;
  case 2:
    check_answer(ptrs_block_realloc(block, SIZE));
    break;
  case 3:
    memset(data, (int)(next_random(state) & 0xFF), SIZE);
    check_answer(ptrs_block_write(block, 0, SIZE, data));
    break;
  case 4: {
    const PtrsStatus status = ptrs_block_read(block, 0, SIZE, data);
    check_answer(status);
    if (!status) {
      CHECK_FILLED(data, SIZE, data[0]); // all of one store, not of two
    }
    break;
  }
  case 5: // copies in both directions must not deadlock
    check_answer(ptrs_block_copy(block, 0, second, 0, SIZE));
    break;
  case 6: {
    const PtrsStatus status = ptrs_block_pin(block, &mem);
    check_answer(status);
    if (!status) {
      check_answer(ptrs_block_unpin(block));
    }
    break;
  }
  default: {
    PtrsAllocator *found    = NULL;
    const PtrsStatus status = ptrs_block_allocator(block, &found);
    check_answer(status);
    if (!status) {
      CHECK(found == stage->arena || found == stage->other);
      ptrs_allocator_release(found);
    }
    break;
  }
  }
}

static void
reset_among_users(size_t index, void *ctx)
{
  Stage *const stage = (Stage *)ctx;
  uint32_t state     = (uint32_t)index;
  uint64_t mark      = 0;
  // On a busy machine, too, a reset succeeds once the other threads are done
  while (clock_seconds() < stage->end || (!index && !stage->n_endings)) {
    for (int i = 0; i < 50; ++i) {
      use_blocks(stage, &state);
    }
    if (!index) {
      // A reset that meets a pin is refused
      CHECK_EQ(ptrs_arena_mark(stage->arena, &mark), PTRS_STATUS_SUCCESS);
      use_blocks(stage, &state);
      const PtrsStatus status = next_random(&state) % 2 ? ptrs_arena_rewind(stage->arena, mark)
                                                        : ptrs_arena_reset(stage->arena);
      CHECK(status == PTRS_STATUS_SUCCESS || status == PTRS_STATUS_PINNED);
      stage->n_endings += !status;
    }
  }
}

static void
set_up(Stage *stage)
{
  memset(stage, 0, sizeof(*stage));
  CHECK_EQ(ptrs_arena_new(ptrs_system_allocator(), 1024, &stage->arena), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_pool_new(ptrs_system_allocator(), SIZE, 16, 8, &stage->other), PTRS_STATUS_SUCCESS);
  for (size_t i = 0; i < N_BLOCKS; ++i) {
    PtrsBlock block = 0;
    CHECK_EQ(ptrs_block_zalloc(stage->arena, SIZE, 16, &block), PTRS_STATUS_SUCCESS);
    stage->blocks[i] = block;
  }
  stage->end = clock_seconds() + CASE_SECONDS;
}

static void
tear_down(Stage *stage)
{
  PtrsStats stats;
  CHECK_EQ(ptrs_allocator_close(stage->arena), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_allocator_close(stage->other), PTRS_STATUS_SUCCESS);
  ptrs_allocator_stats(stage->arena, &stats);
  CHECK_EQ(stats.current_blocks, 0);
  CHECK_EQ(stats.current_bytes, 0);
  ptrs_allocator_release(stage->arena);
  ptrs_allocator_release(stage->other);
}

static void
reset_against_everything(void)
{
  Stage stage;
  set_up(&stage);
  crew_run(N_THREADS, reset_among_users, &stage);
  CHECK(stage.n_endings > 0);
  tear_down(&stage);
}

// One thread closes the allocator; the others go on until a call fails
typedef struct {
  PtrsAllocator *allocator;
  atomic_size_t n_closed;
} Closing;

static void
close_among_users(size_t index, void *ctx)
{
  Closing *const closing = (Closing *)ctx;
  if (index < 2) {
    sleep_ms(5);
    PtrsStatus status = ptrs_allocator_close(closing->allocator);
    while (status == PTRS_STATUS_PINNED) {
      status = ptrs_allocator_close(closing->allocator);
    }
    closing->n_closed += CHECK_EQ(status, PTRS_STATUS_SUCCESS);
    return;
  }
  for (;;) {
    PtrsBlock block         = 0;
    const PtrsStatus status = ptrs_block_zalloc(closing->allocator, SIZE, 16, &block);
    if (status) {
      CHECK_EQ(status, PTRS_STATUS_CLOSED);
      return;
    }
    void *mem = NULL;
    check_answer(ptrs_block_fill(block, 0, SIZE, 1));
    if (!ptrs_block_pin(block, &mem)) {
      memset(mem, 2, SIZE); // pinned memory can be written
      CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
    }
    check_answer(index % 2 ? ptrs_block_free(block) : ptrs_block_drop(block));
  }
}

static void
close_against_everything(void)
{
  for (int round = 0; round < 10; ++round) {
    Closing closing = {.n_closed = 0};
    if (round % 2) {
      CHECK_EQ(ptrs_arena_new(ptrs_system_allocator(), 512, &closing.allocator),
               PTRS_STATUS_SUCCESS);
    } else {
      CHECK_EQ(ptrs_pool_new(ptrs_system_allocator(), SIZE, 16, 2, &closing.allocator),
               PTRS_STATUS_SUCCESS);
    }
    crew_run(N_THREADS, close_among_users, &closing);
    CHECK_EQ(closing.n_closed, 2);
    ptrs_allocator_release(closing.allocator);
  }
}

// The allocator ends in the thread that frees the last block, whichever that is
static void
free_the_last(size_t index, void *ctx)
{
  _Atomic PtrsBlock *const blocks = (_Atomic PtrsBlock *)ctx;
  for (size_t i = index; i < N_BLOCKS; i += N_THREADS) {
    CHECK_EQ(ptrs_block_free(blocks[i]), PTRS_STATUS_SUCCESS);
  }
}

// Release allocators that have blocks, and let threads free these
static void
release_and_free(int n_rounds, void (*free_blocks)(size_t index, void *ctx))
{
  for (int round = 0; round < n_rounds; ++round) {
    PtrsStats before;
    PtrsStats after;
    Stage stage;
    ptrs_allocator_stats(ptrs_system_allocator(), &before);
    set_up(&stage);
    ptrs_allocator_release(stage.arena);
    ptrs_allocator_release(stage.other);
    crew_run(N_THREADS, free_blocks, stage.blocks);
    ptrs_allocator_stats(ptrs_system_allocator(), &after);
    CHECK_EQ(after.current_blocks, before.current_blocks);
  }
}

static void
released_under_threads(void)
{
  release_and_free(50, free_the_last);
}

// A thread inside of a block becomes a user of an allocator that has no other; the allocator
// ends with the last of them, or with the last block
static void
find_and_free(size_t index, void *ctx)
{
  _Atomic PtrsBlock *const blocks = (_Atomic PtrsBlock *)ctx;
  for (size_t i = index; i < N_BLOCKS; i += N_THREADS) {
    PtrsAllocator *found = NULL;
    PtrsAllocator *other = NULL;
    CHECK_EQ(ptrs_block_allocator(blocks[i], &found), PTRS_STATUS_SUCCESS);
    const PtrsStatus status = ptrs_block_allocator(blocks[N_BLOCKS - 1 - i], &other);
    check_answer(status);
    CHECK_EQ(ptrs_block_free(blocks[i]), PTRS_STATUS_SUCCESS);
    if (!status) {
      CHECK_PTR(other, found);
      ptrs_allocator_release(other);
    }
    ptrs_allocator_release(found);
  }
}

static void
found_by_its_blocks(void)
{
  release_and_free(100, find_and_free);
}

static void
use_all_in_child(void *ctx)
{
  Stage *const stage = (Stage *)ctx;
  uint32_t state     = 99;
  for (int i = 0; i < 200; ++i) {
    use_blocks(stage, &state);
  }
  PtrsStatus status = ptrs_arena_reset(stage->arena);
  // A thread that the child does not have may have left a pin
  CHECK(status == PTRS_STATUS_SUCCESS || status == PTRS_STATUS_PINNED);
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_zalloc(stage->arena, SIZE, 16, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
}

static void
fork_among_users(size_t index, void *ctx)
{
  Stage *const stage = (Stage *)ctx;
  if (index == N_THREADS - 1) {
    for (int i = 0; i < 15; ++i) {
      child_run(use_all_in_child, stage);
    }
    stage->end = 0;
  } else {
    stage->end = clock_seconds() + 30;
    reset_among_users(index, ctx);
  }
}

static void
fork_while_blocks_are_ended(void)
{
  if (UNDER_SANITIZER) {
    tap_skip("the allocators of sanitizers do not survive a fork of busy threads");
    return;
  }
  Stage stage;
  set_up(&stage);
  crew_run(N_THREADS, fork_among_users, &stage);
  tear_down(&stage);
}

int
main(void)
{
  (void)alarm(DEADLOCK_SECONDS);
  TAP_RUN(reset_against_everything);
  TAP_RUN(close_against_everything);
  TAP_RUN(released_under_threads);
  TAP_RUN(found_by_its_blocks);
  TAP_RUN(fork_while_blocks_are_ended);
  return tap_end();
}
