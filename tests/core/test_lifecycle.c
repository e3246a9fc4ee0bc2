// SPDX-License-Identifier: MIT
// An allocator lives as long as it has users, blocks or child allocators.
#include <pthread.h>
#include <string.h>

#include "operations.h"
#include "ptrs/arena.h"
#include "ptrs/block.h"
#include "ptrs/pool.h"
#include "ptrs/system.h"
#include "tap.h"

static PtrsStats
stats_of(PtrsAllocator *allocator)
{
  PtrsStats stats;
  ptrs_allocator_stats(allocator, &stats);
  return stats;
}

static uint64_t
system_blocks(void)
{
  return stats_of(ptrs_system_allocator()).current_blocks;
}

static PtrsAllocator *
arena_on(PtrsAllocator *parent, size_t chunk_size)
{
  PtrsAllocator *arena = NULL;
  CHECK_EQ(ptrs_arena_new(parent, chunk_size, &arena), PTRS_STATUS_SUCCESS);
  return arena;
}

static PtrsAllocator *
pool_on(PtrsAllocator *parent, size_t block_size)
{
  PtrsAllocator *pool = NULL;
  CHECK_EQ(ptrs_pool_new(parent, block_size, 16, 4, &pool), PTRS_STATUS_SUCCESS);
  return pool;
}

static PtrsBlock
block_of(PtrsAllocator *allocator, size_t size)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_zalloc(allocator, size, 16, &block), PTRS_STATUS_SUCCESS);
  return block;
}

static void
the_system_is_never_closed(void)
{
  PtrsAllocator *const system = ptrs_system_allocator();
  CHECK_EQ(ptrs_allocator_close(system), PTRS_STATUS_NOT_SUPPORTED);
  CHECK(!ptrs_allocator_is_closed(system));
  ptrs_allocator_release(system);
  CHECK_EQ(ptrs_block_free(block_of(system, 8)), PTRS_STATUS_SUCCESS);
  CHECK_STR(ptrs_allocator_name(system), "system");
  CHECK_EQ(ptrs_allocator_max_size(system), PTRS_SIZE_MAX);
  CHECK_EQ(ptrs_allocator_max_align(system), PTRS_ALIGN_MAX);
}

static void
released_it_stays_for_its_blocks(void)
{
  const uint64_t before     = system_blocks();
  PtrsAllocator *const pool = pool_on(ptrs_system_allocator(), 64);
  const PtrsBlock a         = block_of(pool, 64);
  const PtrsBlock b         = block_of(pool, 64);
  void *mem                 = NULL;
  CHECK_EQ(ptrs_block_pin(b, &mem), PTRS_STATUS_SUCCESS);
  ptrs_allocator_release(pool);
  CHECK_EQ(system_blocks(), before + 1);
  check_block(a, 64, 0, 0);
  CHECK_EQ(ptrs_block_free(a), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_drop(b), PTRS_STATUS_SUCCESS);
  check_block(b, 64, 1, 0);
  CHECK_EQ(system_blocks(), before + 1);
  CHECK_EQ(ptrs_block_unpin(b), PTRS_STATUS_SUCCESS); // the pin was the allocator's last user
  CHECK_EQ(system_blocks(), before);
}

static void
a_block_leads_to_its_allocator(void)
{
  const uint64_t before     = system_blocks();
  PtrsAllocator *const pool = pool_on(ptrs_system_allocator(), 64);
  PtrsAllocator *found      = NULL;
  const PtrsBlock block     = block_of(pool, 1);
  ptrs_allocator_release(pool);
  CHECK_EQ(ptrs_block_allocator(block, &found), PTRS_STATUS_SUCCESS);
  CHECK_PTR(found, pool);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_allocator(block, &found), PTRS_STATUS_STALE);
  CHECK_EQ(stats_of(found).total_blocks, 1); // a live block keeps its allocator
  CHECK_EQ(ptrs_allocator_close(found), PTRS_STATUS_SUCCESS);
  ptrs_allocator_release(found);
  CHECK_EQ(system_blocks(), before);

  uint64_t mem[4];
  PtrsBlock adopted = 0;
  CHECK_EQ(ptrs_block_adopt(mem, sizeof(mem), 8, PTRS_BLOCK_NOT_FREEABLE, &adopted),
           PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_allocator(adopted, &found), PTRS_STATUS_SUCCESS);
  CHECK_PTR(found, NULL);
  CHECK_EQ(ptrs_block_disown(adopted), PTRS_STATUS_SUCCESS);
}

// A parent pins the memory that it lends to a child
static void
parents_outlast_children(void)
{
  const uint64_t before      = system_blocks();
  PtrsAllocator *const arena = arena_on(ptrs_system_allocator(), 4096);
  PtrsAllocator *const pool  = pool_on(arena, 32);
  const PtrsBlock own        = block_of(arena, 10);
  uint64_t mark              = 0;
  CHECK_EQ(ptrs_arena_mark(arena, &mark), PTRS_STATUS_SUCCESS);
  const PtrsBlock below = block_of(pool, 32);

  CHECK_EQ(ptrs_arena_reset(arena), PTRS_STATUS_PINNED);
  CHECK_EQ(ptrs_arena_rewind(arena, mark), PTRS_STATUS_PINNED);
  CHECK_EQ(ptrs_allocator_close(arena), PTRS_STATUS_PINNED);
  CHECK(!ptrs_allocator_is_closed(arena));
  check_block(own, 10, 0, 0);
  check_block(below, 32, 0, 0);

  ptrs_allocator_release(arena); // while the pool needs it
  ptrs_allocator_release(pool);  // while its block needs it
  check_block(below, 32, 0, 0);
  CHECK_EQ(ptrs_block_free(below), PTRS_STATUS_SUCCESS);
  check_block(own, 10, 0, 0);
  CHECK_EQ(system_blocks(), before + 1);
  CHECK_EQ(ptrs_block_free(own), PTRS_STATUS_SUCCESS);
  CHECK_EQ(system_blocks(), before);
}

static void
closed_from_below_upwards(void)
{
  const uint64_t before    = system_blocks();
  PtrsAllocator *levels[4] = {NULL};
  levels[0]                = arena_on(ptrs_system_allocator(), 16384);
  levels[1]                = pool_on(levels[0], 2048);
  levels[2]                = arena_on(levels[1], 2000);
  levels[3]                = pool_on(levels[2], 16);
  const PtrsBlock block    = block_of(levels[3], 16);
  for (int i = 0; i < 3; ++i) {
    CHECK_EQ(ptrs_allocator_close(levels[i]), PTRS_STATUS_PINNED);
  }
  check_block(block, 16, 0, 0);
  for (int i = 3; i >= 0; --i) {
    CHECK_EQ(ptrs_allocator_close(levels[i]), PTRS_STATUS_SUCCESS);
  }
  CHECK_EQ(system_blocks(), before);
  check_all_refuse(block, PTRS_STATUS_STALE);
  for (int i = 0; i < 4; ++i) {
    PtrsBlock none = 0;
    CHECK_EQ(ptrs_block_alloc(levels[i], 1, 1, &none), PTRS_STATUS_CLOSED);
    ptrs_allocator_release(levels[i]);
  }
}

// A child that has taken no memory yet does not keep its parent from closing
static void
children_of_a_closed_parent_get_nothing(void)
{
  PtrsAllocator *const parent = pool_on(ptrs_system_allocator(), 4096);
  PtrsAllocator *const arena  = arena_on(parent, 4096);
  PtrsBlock block             = 0;
  CHECK_EQ(ptrs_allocator_close(parent), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_alloc(arena, 8, 8, &block), PTRS_STATUS_NO_MEM);
  ptrs_allocator_release(parent);
  CHECK_PTR(arena->alloc(arena, 8, 8), NULL);
  ptrs_allocator_release(arena);
}

static void
a_parent_must_serve_what_is_asked_of_it(void)
{
  PtrsAllocator *const parent = pool_on(ptrs_system_allocator(), 256);
  PtrsAllocator *child        = NULL;
  CHECK_EQ(ptrs_arena_new(parent, 257, &child), PTRS_STATUS_TOO_LARGE);
  CHECK_EQ(ptrs_pool_new(parent, 16, 32, 1, &child), PTRS_STATUS_TOO_LARGE);
  CHECK_EQ(ptrs_pool_new(parent, 128, 16, 2, &child), PTRS_STATUS_TOO_LARGE);
  CHECK_PTR(child, NULL);
  ptrs_allocator_release(parent);
}

// The last of a chain of parents, as long as the limit allows
static PtrsAllocator *
deepest(PtrsAllocator **nearest)
{
  PtrsAllocator *allocator = arena_on(ptrs_system_allocator(), 1);
  *nearest                 = allocator;
  for (unsigned depth = 1; depth < PTRS_DEPTH_MAX; ++depth) {
    PtrsAllocator *const parent = allocator;
    // A pool amid the chain: it, too, calls its parent, with larger requests
    allocator = depth == PTRS_DEPTH_MAX / 2 ? pool_on(parent, 4096) : arena_on(parent, 1);
    ptrs_allocator_release(parent);
  }
  return allocator;
}

static void *
use_deepest(void *argument)
{
  (void)argument;
  PtrsAllocator *nearest     = NULL;
  PtrsAllocator *const last  = deepest(&nearest);
  PtrsAllocator *child       = NULL;
  const PtrsBlock block      = block_of(last, 100);
  const PtrsBlock from_above = block_of(nearest, 1);
  CHECK_EQ(ptrs_arena_new(last, 1, &child), PTRS_STATUS_TOO_DEEP);
  CHECK_EQ(ptrs_pool_new(last, 1, 1, 1, &child), PTRS_STATUS_TOO_DEEP);
  CHECK_PTR(child, NULL);
  CHECK_EQ(ptrs_block_realloc(block, 200), PTRS_STATUS_SUCCESS);
  check_block(block, 200, 0, 0);
  CHECK_EQ(ptrs_allocator_close(nearest), PTRS_STATUS_PINNED);
  CHECK_EQ(ptrs_block_free(from_above), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  ptrs_allocator_release(last); // and with it all of its parents
  return NULL;
}

// A call passes down the whole chain, so that each level must take little stack
static void
the_deepest_needs_little_stack(void)
{
  const uint64_t before = system_blocks();
  pthread_attr_t attr;
  pthread_t thread;
  CHECK_EQ(pthread_attr_init(&attr), 0);
  CHECK_EQ(pthread_attr_setstacksize(&attr, (size_t)128 << 10), 0);
  if (CHECK_EQ(pthread_create(&thread, &attr, use_deepest, NULL), 0)) {
    CHECK_EQ(pthread_join(thread, NULL), 0);
  }
  CHECK_EQ(pthread_attr_destroy(&attr), 0);
  CHECK_EQ(system_blocks(), before);
}

// Old handles stay stale when a new allocator gets the address of a closed one
static void
handles_of_closed_allocators_stay_stale(void)
{
  PtrsBlock old[50];
  for (int i = 0; i < 50; ++i) {
    PtrsAllocator *const arena = arena_on(ptrs_system_allocator(), 512);
    old[i]                     = block_of(arena, 24);
    for (int j = 0; j < i; ++j) {
      char data[24];
      CHECK_EQ(ptrs_block_read(old[j], 0, 24, data), PTRS_STATUS_STALE);
    }
    CHECK_EQ(ptrs_allocator_close(arena), PTRS_STATUS_SUCCESS);
    ptrs_allocator_release(arena);
  }
}

int
main(void)
{
  TAP_RUN(the_system_is_never_closed);
  TAP_RUN(released_it_stays_for_its_blocks);
  TAP_RUN(a_block_leads_to_its_allocator);
  TAP_RUN(parents_outlast_children);
  TAP_RUN(closed_from_below_upwards);
  TAP_RUN(children_of_a_closed_parent_get_nothing);
  TAP_RUN(a_parent_must_serve_what_is_asked_of_it);
  TAP_RUN(the_deepest_needs_little_stack);
  TAP_RUN(handles_of_closed_allocators_stay_stale);
  return tap_end();
}
