// SPDX-License-Identifier: MIT
#include "ptrs/pool.h"

#include <string.h>

#include "conformance.h"
#include "failing.h"
#include "ptrs/block.h"
#include "ptrs/system.h"
#include "tap.h"

static PtrsAllocator *
make(size_t block_size, size_t align, size_t slab_blocks)
{
  PtrsAllocator *pool = NULL;
  CHECK_EQ(ptrs_pool_new(ptrs_system_allocator(), block_size, align, slab_blocks, &pool),
           PTRS_STATUS_SUCCESS);
  return pool;
}

static void
bad_arguments_are_refused(void)
{
  PtrsAllocator *const parent = ptrs_system_allocator();
  PtrsAllocator *pool         = NULL;
  CHECK_EQ(ptrs_pool_new(NULL, 16, 16, 0, &pool), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_pool_new(parent, 0, 16, 0, &pool), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_pool_new(parent, 16, 0, 0, &pool), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_pool_new(parent, 16, 24, 0, &pool), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_pool_new(parent, 16, PTRS_ALIGN_MAX * 2, 0, &pool), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_pool_new(parent, SIZE_MAX, 16, 0, &pool), PTRS_STATUS_OVERFLOW);
  CHECK_EQ(ptrs_pool_new(parent, PTRS_SIZE_MAX, 16, 2, &pool), PTRS_STATUS_OVERFLOW);
  CHECK_EQ(ptrs_pool_new(parent, 16, 16, SIZE_MAX / 16, &pool), PTRS_STATUS_OVERFLOW);
  CHECK_EQ(ptrs_pool_new(parent, 16, 16, SIZE_MAX, &pool), PTRS_STATUS_OVERFLOW);
  CHECK_PTR(pool, NULL);
}

static void
what_it_tells_of_itself(void)
{
  PtrsAllocator *const pool = make(24, 8, 0);
  CHECK_STR(ptrs_allocator_name(pool), "pool");
  CHECK_EQ(ptrs_pool_block_size(pool), 24);
  CHECK_EQ(ptrs_allocator_max_size(pool), 24);
  CHECK_EQ(ptrs_allocator_max_align(pool), 8);
  CHECK(!ptrs_allocator_is_closed(pool));
  CHECK_EQ(ptrs_pool_block_size(ptrs_system_allocator()), 0);
  ptrs_allocator_release(pool);
}

// Sizes below that of a pointer, and alignments below its alignment
static void
tiny_blocks_are_disjoint(void)
{
  for (size_t size = 1; size <= 17; ++size) {
    PtrsAllocator *const pool = make(size, 1, 3);
    uint8_t *blocks[10];
    for (size_t i = 0; i < 10; ++i) {
      blocks[i] = (uint8_t *)pool->alloc(pool, size, 1);
      memset(blocks[i], (int)i, size);
    }
    for (size_t i = 0; i < 10; ++i) {
      CHECK_FILLED(blocks[i], size, (int)i);
      pool->free(pool, blocks[i], size, 1);
    }
    ptrs_allocator_release(pool);
  }
}

static void
freed_blocks_are_used_again(void)
{
  PtrsAllocator *const pool = make(64, 16, 4);
  void *const a             = pool->alloc(pool, 64, 16);
  void *const b             = pool->alloc(pool, 1, 1);
  pool->free(pool, a, 64, 16);
  CHECK_PTR(pool->alloc(pool, 10, 16), a); // the block that was freed last
  pool->free(pool, b, 1, 1);
  CHECK_PTR(pool->zalloc(pool, 64, 16), b);
  CHECK_FILLED(b, 64, 0);
  pool->free(pool, a, 10, 16);
  pool->free(pool, b, 64, 16);
  ptrs_allocator_release(pool);
}

static void
limits_of_checked_blocks(void)
{
  PtrsAllocator *const pool = make(64, 32, 0);
  PtrsBlock block           = 0;
  CHECK_EQ(ptrs_block_alloc(pool, 65, 16, &block), PTRS_STATUS_TOO_LARGE);
  CHECK_EQ(ptrs_block_zalloc(pool, 1, 64, &block), PTRS_STATUS_TOO_LARGE);
  CHECK_EQ(block, 0);
  CHECK_EQ(ptrs_block_zalloc(pool, 10, 32, &block), PTRS_STATUS_SUCCESS);
  PtrsBlockInfo info;
  CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
  CHECK_EQ(info.capacity, 64);
  CHECK_FILLED(info.mem, 64, 0);
  CHECK_EQ(ptrs_block_realloc(block, 65), PTRS_STATUS_TOO_LARGE);
  CHECK_EQ(ptrs_block_realloc(block, 64), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  ptrs_allocator_release(pool);
}

// Slabs come from the parent and go back to it
static void
fill_and_close(FailingAllocator *failing)
{
  PtrsAllocator *pool = NULL;
  CHECK_EQ(ptrs_pool_new(&failing->base, 100, 16, 2, &pool), PTRS_STATUS_SUCCESS);
  PtrsBlock blocks[7];
  size_t n_made = 0;
  for (size_t i = 0; i < 7; ++i) {
    PtrsBlock block         = 0;
    const size_t n_failed   = failing->n_failed;
    const PtrsStatus status = ptrs_block_zalloc(pool, 100, 16, &block);
    CHECK_EQ(status, failing->n_failed > n_failed ? PTRS_STATUS_NO_MEM : PTRS_STATUS_SUCCESS);
    if (!status) {
      blocks[n_made++] = block;
    }
  }
  PtrsStats stats;
  ptrs_allocator_stats(pool, &stats);
  CHECK_EQ(stats.current_blocks, n_made);
  if (n_made) {
    CHECK_EQ(ptrs_block_free(blocks[0]), PTRS_STATUS_SUCCESS);
  }
  CHECK_EQ(ptrs_allocator_close(pool), PTRS_STATUS_SUCCESS);
  CHECK_EQ(failing->n_blocks, 0);
  for (size_t i = 0; i < n_made; ++i) {
    CHECK_EQ(ptrs_block_free(blocks[i]), PTRS_STATUS_STALE);
  }
  CHECK_PTR(pool->alloc(pool, 1, 1), NULL);
  ptrs_allocator_release(pool);
}

static void
slabs_fail_in_turn(void)
{
  CHECK(failing_sweep(fill_and_close) > 4);
}

// A resize clears the bytes behind the end, also a resize to the same size
static void
resizing_clears_what_is_behind_the_size(void)
{
  static const size_t sizes[] = {8, 4, 0};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i) {
    PtrsAllocator *const pool = make(64, 16, 0);
    static const uint8_t zeros[64];
    uint8_t data[64];
    void *mem       = NULL;
    PtrsBlock block = 0;
    memset(data, 7, sizeof(data));
    CHECK_EQ(ptrs_block_zalloc(pool, 8, 16, &block), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_write_unsafe(block, 0, 64, data), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_realloc(block, sizes[i]), PTRS_STATUS_SUCCESS);
    if (CHECK_EQ(ptrs_block_pin(block, &mem), PTRS_STATUS_SUCCESS)) {
      CHECK(!memcmp(mem, data, sizes[i]));
      CHECK(!memcmp((uint8_t *)mem + sizes[i], zeros, 64 - sizes[i]));
      CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
    }
    CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
    ptrs_allocator_release(pool);
  }
}

int
main(void)
{
  TAP_RUN(bad_arguments_are_refused);
  TAP_RUN(what_it_tells_of_itself);
  TAP_RUN(tiny_blocks_are_disjoint);
  TAP_RUN(freed_blocks_are_used_again);
  TAP_RUN(limits_of_checked_blocks);
  TAP_RUN(slabs_fail_in_turn);
  TAP_RUN(resizing_clears_what_is_behind_the_size);

  PtrsAllocator *const small = make((size_t)300 << 10, 64, 0);
  conformance_run(small);
  ptrs_allocator_release(small);
  PtrsAllocator *const large = make((size_t)300 << 10, PTRS_ALIGN_MAX, 16);
  conformance_run(large);
  ptrs_allocator_release(large);
  return tap_end();
}
