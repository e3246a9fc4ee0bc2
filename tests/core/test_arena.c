// SPDX-License-Identifier: MIT
#include "ptrs/arena.h"

#include <string.h>

#include "conformance.h"
#include "failing.h"
#include "mappings.h"
#include "operations.h"
#include "ptrs/block.h"
#include "ptrs/system.h"
#include "tap.h"

static PtrsAllocator *
make(size_t chunk_size)
{
  PtrsAllocator *arena = NULL;
  CHECK_EQ(ptrs_arena_new(ptrs_system_allocator(), chunk_size, &arena), PTRS_STATUS_SUCCESS);
  return arena;
}

static PtrsBlock
block_of(PtrsAllocator *arena, size_t size, int byte)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_zalloc(arena, size, 16, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_fill(block, 0, size, byte), PTRS_STATUS_SUCCESS);
  return block;
}

static void
check_current(PtrsAllocator *arena, uint64_t blocks, uint64_t bytes)
{
  PtrsStats stats;
  ptrs_allocator_stats(arena, &stats);
  CHECK_EQ(stats.current_blocks, blocks);
  CHECK_EQ(stats.current_bytes, bytes);
}

static void
bad_arguments_are_refused(void)
{
  PtrsAllocator *arena = NULL;
  uint64_t mark        = 77;
  CHECK_EQ(ptrs_arena_new(NULL, 100, &arena), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_arena_new(ptrs_system_allocator(), 0, &arena), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_arena_new(ptrs_system_allocator(), SIZE_MAX, &arena), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_arena_reset(NULL), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_arena_reset(ptrs_system_allocator()), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_arena_mark(ptrs_system_allocator(), &mark), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_arena_rewind(ptrs_system_allocator(), 1), PTRS_STATUS_BAD_ARG);
  CHECK_PTR(arena, NULL);
  CHECK_EQ(mark, 77);
}

// Where a new chunk fails, the allocation fails, and the arena stays usable
static void
chunks_of_any_size(void)
{
  static const size_t sizes[] = {1, 2, 31, 33, 4096, (size_t)1 << 20};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i) {
    PtrsAllocator *const arena = make(sizes[i]);
    const PtrsBlock a          = block_of(arena, 1000, 1);
    const PtrsBlock b          = block_of(arena, 0, 0);
    const PtrsBlock c          = block_of(arena, 5000, 3);
    check_block(a, 1000, 0, 1);
    check_block(b, 0, 0, 0);
    check_block(c, 5000, 0, 3);
    CHECK_EQ(ptrs_allocator_close(arena), PTRS_STATUS_SUCCESS);
    ptrs_allocator_release(arena);
  }
  PtrsAllocator *const arena = make(PTRS_SIZE_MAX);
  CHECK_PTR(arena->alloc(arena, 1, 1), NULL);
  ptrs_allocator_release(arena);
}

static void
the_last_block_grows_where_it_is(void)
{
  PtrsAllocator *const arena = make(4096);
  uint8_t *const first       = (uint8_t *)arena->alloc(arena, 100, 16);
  uint8_t *const last        = (uint8_t *)arena->alloc(arena, 100, 16);
  memset(last, 5, 100);
  CHECK_PTR(arena->realloc(arena, last, 100, 2000, 16), last);
  CHECK_FILLED(last, 100, 5);
  CHECK_PTR(arena->realloc(arena, last, 2000, 10, 16), last);
  uint8_t *const next = (uint8_t *)arena->alloc(arena, 16, 1);
  CHECK_PTR(next, last + 10);
  // A block that is not the last shrinks in place, and moves to grow
  CHECK_PTR(arena->realloc(arena, last, 10, 5, 16), last);
  CHECK(arena->realloc(arena, last, 5, 50, 16) != (void *)last);
  CHECK_PTR(arena->realloc(arena, first, 100, 0, 16), first);
  ptrs_allocator_release(arena);
}

static void
the_last_block_gives_its_bytes_back(void)
{
  PtrsAllocator *const arena = make(4096);
  void *const a              = arena->alloc(arena, 32, 16);
  void *const b              = arena->alloc(arena, 32, 16);
  arena->free(arena, b, 32, 16);
  CHECK_PTR(arena->alloc(arena, 48, 16), b);
  arena->free(arena, a, 32, 16); // neither the first block nor the last
  CHECK(arena->alloc(arena, 16, 16) != a);
  ptrs_allocator_release(arena);
}

static void
reset_ends_all_blocks(void)
{
  PtrsAllocator *const arena = make(256);
  PtrsBlock blocks[100];
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) {
      blocks[i] = block_of(arena, 40, i);
    }
    for (int i = 0; i < 100; ++i) {
      check_block(blocks[i], 40, 0, i);
    }
    CHECK_EQ(ptrs_block_free(blocks[7]), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_drop(blocks[8]), PTRS_STATUS_SUCCESS);
    check_current(arena, 98, 98 * 40);
    CHECK_EQ(ptrs_arena_reset(arena), PTRS_STATUS_SUCCESS);
    check_current(arena, 0, 0);
    for (int i = 0; i < 100; ++i) {
      check_all_refuse(blocks[i], PTRS_STATUS_STALE);
    }
  }
  // Bytes from before the reset do not come back
  const PtrsBlock block = block_of(arena, 40, 0);
  check_block(block, 40, 0, 0);
  PtrsStats system;
  ptrs_allocator_stats(ptrs_system_allocator(), &system);
  ptrs_allocator_release(arena); // with a live block
  check_block(block, 40, 0, 0);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  PtrsStats after;
  ptrs_allocator_stats(ptrs_system_allocator(), &after);
  CHECK(after.current_blocks < system.current_blocks); // the chunks
}

static void
a_pin_keeps_all_blocks(void)
{
  PtrsAllocator *const arena = make(256);
  const PtrsBlock a          = block_of(arena, 40, 1);
  const PtrsBlock b          = block_of(arena, 40, 2);
  uint64_t mark              = 0;
  void *mem                  = NULL;
  CHECK_EQ(ptrs_arena_mark(arena, &mark), PTRS_STATUS_SUCCESS);
  const PtrsBlock c = block_of(arena, 40, 3);
  CHECK_EQ(ptrs_block_pin(a, &mem), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_arena_reset(arena), PTRS_STATUS_PINNED);
  CHECK_EQ(ptrs_allocator_close(arena), PTRS_STATUS_PINNED);
  check_block(a, 40, 1, 1);
  check_block(b, 40, 0, 2);
  check_block(c, 40, 0, 3);
  CHECK_EQ(ptrs_arena_rewind(arena, mark), PTRS_STATUS_SUCCESS); // the pin is before it
  check_all_refuse(c, PTRS_STATUS_STALE);
  check_block(b, 40, 0, 2);
  // A dropped block stays until its pin ends
  CHECK_EQ(ptrs_block_drop(a), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_arena_reset(arena), PTRS_STATUS_PINNED);
  CHECK_EQ(ptrs_block_unpin(a), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_arena_reset(arena), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(b), PTRS_STATUS_STALE);
  ptrs_allocator_release(arena);
}

static void
rewind_goes_back_to_a_mark(void)
{
  PtrsAllocator *const arena = make(128);
  uint64_t first             = 0;
  uint64_t second            = 0;
  const PtrsBlock a          = block_of(arena, 60, 1);
  const PtrsBlock moving     = block_of(arena, 20, 2);
  CHECK_EQ(ptrs_arena_mark(arena, &first), PTRS_STATUS_SUCCESS);
  const PtrsBlock b = block_of(arena, 300, 3);
  CHECK_EQ(ptrs_arena_mark(arena, &second), PTRS_STATUS_SUCCESS);
  CHECK(first && second && first != second);
  const PtrsBlock c = block_of(arena, 10, 4);
  CHECK_EQ(ptrs_block_realloc(moving, 500),
           PTRS_STATUS_SUCCESS); // so that it lies behind both marks
  check_current(arena, 4, 60 + 500 + 300 + 10);

  CHECK_EQ(ptrs_arena_rewind(arena, second), PTRS_STATUS_SUCCESS);
  check_all_refuse(c, PTRS_STATUS_STALE);
  check_all_refuse(moving, PTRS_STATUS_STALE);
  check_block(a, 60, 0, 1);
  check_block(b, 300, 0, 3);
  check_current(arena, 2, 360);
  CHECK_EQ(ptrs_arena_rewind(arena, second),
           PTRS_STATUS_SUCCESS); // a later rewind has not ended this mark

  CHECK_EQ(ptrs_block_free(a), PTRS_STATUS_SUCCESS); // from before the mark
  check_current(arena, 1, 300);
  CHECK_EQ(ptrs_arena_rewind(arena, first), PTRS_STATUS_SUCCESS);
  check_current(arena, 0, 0);
  check_all_refuse(b, PTRS_STATUS_STALE);
  CHECK_EQ(ptrs_arena_rewind(arena, second), PTRS_STATUS_STALE);
  CHECK_EQ(ptrs_arena_rewind(arena, 0), PTRS_STATUS_STALE);
  CHECK_EQ(ptrs_arena_rewind(arena, UINT64_MAX), PTRS_STATUS_STALE);

  CHECK_EQ(ptrs_arena_reset(arena), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_arena_rewind(arena, first), PTRS_STATUS_STALE);
  ptrs_allocator_release(arena);
}

// Plain memory, of which the arena knows no blocks, only their number
static void
rewind_counts_plain_memory(void)
{
  PtrsAllocator *const arena = make(200);
  uint64_t mark              = 0;
  void *const before         = arena->alloc(arena, 30, 1);
  CHECK_EQ(ptrs_arena_mark(arena, &mark), PTRS_STATUS_SUCCESS);
  void *const gone = arena->alloc(arena, 100, 1);
  CHECK(arena->zalloc(arena, 1000, 1));
  arena->free(arena, gone, 100, 1);
  check_current(arena, 2, 1030);
  CHECK(arena->realloc(arena, before, 30, 40, 1)); // moves
  check_current(arena, 2, 1040);
  CHECK_EQ(ptrs_arena_rewind(arena, mark), PTRS_STATUS_SUCCESS);
  check_current(arena, 0, 0);
  PtrsStats stats;
  ptrs_allocator_stats(arena, &stats);
  CHECK_EQ(stats.total_blocks, 3);
  CHECK_EQ(stats.total_bytes, 1140);
  CHECK_EQ(stats.peak_blocks, 3);
  CHECK_EQ(stats.peak_bytes, 1130);
  ptrs_allocator_release(arena);
}

static void
a_closed_arena_refuses(void)
{
  PtrsAllocator *const arena = make(200);
  const PtrsBlock block      = block_of(arena, 30, 1);
  PtrsBlock other            = 0;
  uint64_t mark              = 0;
  CHECK_EQ(ptrs_allocator_close(arena), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_allocator_close(arena), PTRS_STATUS_SUCCESS);
  CHECK(ptrs_allocator_is_closed(arena));
  check_all_refuse(block, PTRS_STATUS_STALE);
  CHECK_EQ(ptrs_block_alloc(arena, 1, 1, &other), PTRS_STATUS_CLOSED);
  CHECK_EQ(ptrs_arena_mark(arena, &mark), PTRS_STATUS_CLOSED);
  CHECK_EQ(ptrs_arena_reset(arena), PTRS_STATUS_CLOSED);
  CHECK_EQ(ptrs_arena_rewind(arena, 1), PTRS_STATUS_CLOSED);
  CHECK_PTR(arena->alloc(arena, 1, 1), NULL);
  CHECK_PTR(arena->zalloc(arena, 1, 1), NULL);
  check_current(arena, 0, 0);
  ptrs_allocator_release(arena);
}

static void
work_on_failing_chunks(FailingAllocator *failing)
{
  PtrsAllocator *arena = NULL;
  CHECK_EQ(ptrs_arena_new(&failing->base, 256, &arena), PTRS_STATUS_SUCCESS);
  PtrsBlock kept[8];
  size_t sizes[8];
  size_t n_kept = 0;
  uint64_t mark = 0;
  for (size_t i = 0; i < 8; ++i) {
    const size_t size       = 50 + 40 * i;
    PtrsBlock block         = 0;
    const size_t n_failed   = failing->n_failed;
    const PtrsStatus status = ptrs_block_zalloc(arena, size, 16, &block);
    CHECK_EQ(status, failing->n_failed > n_failed ? PTRS_STATUS_NO_MEM : PTRS_STATUS_SUCCESS);
    if (!status) {
      CHECK_EQ(ptrs_block_fill(block, 0, size, (int)i), PTRS_STATUS_SUCCESS);
      if (!ptrs_block_realloc(block, size * 2)) {
        CHECK_EQ(ptrs_block_realloc(block, size), PTRS_STATUS_SUCCESS);
      }
      check_block(block, size, 0, (int)i);
      sizes[n_kept]  = size;
      kept[n_kept++] = block;
    }
    const PtrsStatus marked = ptrs_arena_mark(arena, &mark);
    CHECK(marked == PTRS_STATUS_SUCCESS || marked == PTRS_STATUS_NO_MEM);
  }
  size_t bytes = 0;
  for (size_t i = 0; i < n_kept; ++i) {
    bytes += sizes[i];
  }
  check_current(arena, n_kept, bytes);
  CHECK_EQ(ptrs_arena_reset(arena), PTRS_STATUS_SUCCESS);
  for (size_t i = 0; i < n_kept; ++i) {
    CHECK_EQ(ptrs_block_free(kept[i]), PTRS_STATUS_STALE);
  }
  ptrs_allocator_release(arena);
}

static void
chunks_fail_in_turn(void)
{
  CHECK(failing_sweep(work_on_failing_chunks) > 8);
}

int
main(void)
{
  forbid_huge_blocks();
  TAP_RUN(bad_arguments_are_refused);
  TAP_RUN(chunks_of_any_size);
  TAP_RUN(the_last_block_grows_where_it_is);
  TAP_RUN(the_last_block_gives_its_bytes_back);
  TAP_RUN(reset_ends_all_blocks);
  TAP_RUN(a_pin_keeps_all_blocks);
  TAP_RUN(rewind_goes_back_to_a_mark);
  TAP_RUN(rewind_counts_plain_memory);
  TAP_RUN(a_closed_arena_refuses);
  TAP_RUN(chunks_fail_in_turn);

  static const size_t chunk_sizes[] = {1, 4096, (size_t)1 << 20};
  for (size_t i = 0; i < 3; ++i) {
    PtrsAllocator *const arena = make(chunk_sizes[i]);
    conformance_run(arena);
    ptrs_allocator_release(arena);
  }
  return tap_end();
}
