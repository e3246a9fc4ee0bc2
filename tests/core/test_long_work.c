// SPDX-License-Identifier: MIT
// Long work on one block keeps no other block waiting, and a fork waits for the work.
// An allocator or a rule does the work, and does not return before other blocks were
// served: if these had to wait, the test would hang.
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "long_work.h"
#include "operations.h"
#include "ptrs/arena.h"
#include "ptrs/block.h"
#include "ptrs/guard.h"
#include "ptrs/pool.h"
#include "ptrs/system.h"
#include "tap.h"
#include "threads.h"

#define LONG ((size_t)1 << 20)

static void *
slow_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  (void)allocator;
  return ptrs_system_allocator()->zalloc(ptrs_system_allocator(), size, align);
}

static void *
slow_realloc(PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align)
{
  (void)allocator;
  PtrsAllocator *const system = ptrs_system_allocator();
  void *const new_mem         = system->zalloc(system, new_size, align);
  memcpy(new_mem, mem, old_size < new_size ? old_size : new_size);
  memset(mem, 0xDD, old_size);
  system->free(system, mem, old_size, align);
  long_work();
  return new_mem;
}

static void
slow_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  (void)allocator;
  ptrs_system_allocator()->free(ptrs_system_allocator(), mem, size, align);
  long_work();
}

static size_t
plain_capacity(PtrsAllocator *allocator, const void *mem, size_t size, size_t align)
{
  (void)allocator;
  (void)mem;
  (void)align;
  return size;
}

static PtrsAllocator slow = {
    .alloc    = slow_alloc,
    .zalloc   = slow_alloc,
    .realloc  = slow_realloc,
    .free     = slow_free,
    .capacity = plain_capacity,
};

// A block, and others of the same thread, which share a part of each table with it
typedef struct {
  PtrsAllocator *allocator;
  PtrsBlock block;
  PtrsBlock large;
  PtrsBlock small[4];
} Blocks;

static PtrsBlock
make(PtrsAllocator *allocator, size_t size)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_zalloc(allocator, size, 16, &block), PTRS_STATUS_SUCCESS);
  return block;
}

static void
make_all(Blocks *blocks, size_t size)
{
  blocks->block = make(blocks->allocator, size);
  blocks->large = make(blocks->allocator, size);
  for (size_t i = 0; i < 4; ++i) {
    blocks->small[i] = make(blocks->allocator, 100);
  }
}

static void
use_others(const Blocks *blocks)
{
  PtrsBlock found = 0;
  CHECK_EQ(ptrs_block_free(blocks->small[0]), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_realloc(blocks->small[1], 200), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(blocks->small[1]), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(blocks->small[2]), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(blocks->small[3]), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_alloc(blocks->allocator, 100, 8, &found), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(found), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_realloc(blocks->large, LONG / 2), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(blocks->large), PTRS_STATUS_SUCCESS);
}

static void *
free_slowly(void *ctx)
{
  Blocks *const blocks = (Blocks *)ctx;
  make_all(blocks, LONG);
  long_work_prepare();
  CHECK_EQ(ptrs_block_free(blocks->block), PTRS_STATUS_SUCCESS);
  return NULL;
}

static void *
resize_slowly(void *ctx)
{
  Blocks *const blocks = (Blocks *)ctx;
  make_all(blocks, LONG);
  long_work_prepare();
  CHECK_EQ(ptrs_block_realloc(blocks->block, 2 * LONG), PTRS_STATUS_SUCCESS);
  return NULL;
}

static void
changed(uint8_t *mem, size_t kept, size_t capacity, void *ctx)
{
  (void)ctx;
  (void)kept;
  CHECK_FILLED(mem, LONG / 2, 'x');
  CHECK_FILLED(mem + LONG / 2, capacity - LONG / 2, 0);
  long_work();
}

// A rule that is told of a resize may take as long as the copy
static void *
resize_by_rules(void *ctx)
{
  Blocks *const blocks        = (Blocks *)ctx;
  const PtrsResizeRules rules = {.changed = changed};
  make_all(blocks, LONG / 2);
  CHECK_EQ(ptrs_block_fill(blocks->block, 0, LONG / 2, 'x'), PTRS_STATUS_SUCCESS);
  long_work_prepare();
  CHECK_EQ(ptrs_block_realloc_if(blocks->block, LONG, &rules), PTRS_STATUS_SUCCESS);
  return NULL;
}

static void
others_are_served_meanwhile(void)
{
  Blocks blocks    = {.allocator = &slow};
  pthread_t thread = long_work_begin(free_slowly, &blocks);
  use_others(&blocks);
  long_work_end(thread);

  thread = long_work_begin(resize_slowly, &blocks);
  use_others(&blocks);
  long_work_end(thread);
  CHECK_EQ(ptrs_block_free(blocks.block), PTRS_STATUS_SUCCESS);
}

static void
others_of_the_same_allocator_are_served(void)
{
  PtrsAllocator *allocators[4] = {ptrs_system_allocator()};
  CHECK_EQ(ptrs_arena_new(ptrs_system_allocator(), 4096, &allocators[1]), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_pool_new(ptrs_system_allocator(), LONG, 16, 8, &allocators[2]),
           PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_guard_new(0, 0, &allocators[3]), PTRS_STATUS_SUCCESS);
  for (size_t i = 0; i < 4; ++i) {
    Blocks blocks          = {.allocator = allocators[i]};
    uint64_t mark          = 0;
    const pthread_t thread = long_work_begin(resize_by_rules, &blocks);
    use_others(&blocks);
    CHECK_EQ(ptrs_arena_mark(allocators[i], &mark),
             i == 1 ? PTRS_STATUS_SUCCESS : PTRS_STATUS_BAD_ARG);
    CHECK(!ptrs_allocator_is_closed(allocators[i]));
    long_work_end(thread);
    CHECK_EQ(ptrs_block_realloc(blocks.block, LONG / 2), PTRS_STATUS_SUCCESS);
    check_block(blocks.block, LONG / 2, 0, 'x');
    CHECK_EQ(ptrs_block_free(blocks.block), PTRS_STATUS_SUCCESS);
    ptrs_allocator_release(allocators[i]);
  }
}

// In the child of a fork, slot and memory agree, and no resize is half done
static void
expect_freed(void *ctx)
{
  const Blocks *const blocks = (const Blocks *)ctx;
  CHECK_EQ(ptrs_block_free(blocks->block), PTRS_STATUS_STALE);
  use_others(blocks);
}

static void
expect_resized(void *ctx)
{
  const Blocks *const blocks = (const Blocks *)ctx;
  check_block(blocks->block, 2 * LONG, 0, 0);
  CHECK_EQ(ptrs_block_free(blocks->block), PTRS_STATUS_SUCCESS);
  use_others(blocks);
}

static void
expect_told(void *ctx)
{
  const Blocks *const blocks = (const Blocks *)ctx;
  CHECK(!long_work_is_slow && long_work_may_end);
  CHECK_EQ(ptrs_block_realloc(blocks->block, LONG / 2), PTRS_STATUS_SUCCESS);
  check_block(blocks->block, LONG / 2, 0, 'x');
  use_others(blocks);
}

static void *
let_end_soon(void *ctx)
{
  (void)ctx;
  sleep_ms(60);
  long_work_may_end = true;
  return NULL;
}

static void
fork_during(void *(*function)(void *ctx), void (*in_child)(void *ctx), Blocks *blocks)
{
  pthread_t other;
  const pthread_t thread = long_work_begin(function, blocks);
  CHECK_EQ(pthread_create(&other, NULL, let_end_soon, NULL), 0);
  child_run(in_child, blocks);
  CHECK(long_work_may_end);
  CHECK_EQ(pthread_join(other, NULL), 0);
  long_work_end(thread);
}

static void
forks_wait_for_it(void)
{
  Blocks blocks = {.allocator = &slow};
  fork_during(free_slowly, expect_freed, &blocks);
  use_others(&blocks);
  fork_during(resize_slowly, expect_resized, &blocks);
  use_others(&blocks);
  CHECK_EQ(ptrs_block_free(blocks.block), PTRS_STATUS_SUCCESS);
}

static void
forks_wait_for_rules(void)
{
  PtrsAllocator *arena = NULL;
  CHECK_EQ(ptrs_arena_new(ptrs_system_allocator(), 4096, &arena), PTRS_STATUS_SUCCESS);
  Blocks blocks = {.allocator = arena};
  fork_during(resize_by_rules, expect_told, &blocks);
  CHECK_EQ(ptrs_allocator_close(arena), PTRS_STATUS_SUCCESS);
  ptrs_allocator_release(arena);
}

int
main(void)
{
  (void)alarm(DEADLOCK_SECONDS);
  TAP_RUN(others_are_served_meanwhile);
  TAP_RUN(others_of_the_same_allocator_are_served);
  TAP_RUN(forks_wait_for_it);
  TAP_RUN(forks_wait_for_rules);
  return tap_end();
}
