// SPDX-License-Identifier: MIT
// Blocks of memory that was allocated elsewhere, and memory that is given away.
#include <stdlib.h>
#include <string.h>

#include "ptrs/arena.h"
#include "ptrs/block.h"
#include "ptrs/guard.h"
#include "ptrs/pool.h"
#include "ptrs/system.h"
#include "tap.h"

typedef struct {
  PtrsBlock block;
  void *mem;
  unsigned n_calls;
} Seen;

static void
see(void *mem, void *ctx)
{
  Seen *const seen = (Seen *)ctx;
  PtrsBlock other  = 0;
  ++seen->n_calls;
  seen->mem = mem;
  // The block is gone, and no lock is held
  if (seen->block) {
    CHECK_EQ(ptrs_block_free(seen->block), PTRS_STATUS_STALE);
  }
  CHECK_EQ(ptrs_block_zalloc(ptrs_system_allocator(), 100, 16, &other), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(other), PTRS_STATUS_SUCCESS);
}

static void
memory_is_freed_with_its_block(void)
{
  char mem[64] = "text";
  char read[5] = "";
  Seen seen    = {0};
  CHECK_EQ(ptrs_block_own(mem, sizeof(mem), 1, see, &seen, &seen.block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_read(seen.block, 0, 5, read), PTRS_STATUS_SUCCESS);
  CHECK(!strcmp(read, "text"));
  CHECK_EQ(ptrs_block_read(seen.block, 60, 5, read), PTRS_STATUS_OUT_OF_BOUNDS);
  CHECK_EQ(ptrs_block_realloc(seen.block, 128), PTRS_STATUS_NOT_SUPPORTED);
  CHECK_EQ(seen.n_calls, 0);
  CHECK_EQ(ptrs_block_free(seen.block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(seen.n_calls, 1);
  CHECK(seen.mem == mem);
  CHECK_EQ(ptrs_block_free(seen.block), PTRS_STATUS_STALE);
  CHECK_EQ(seen.n_calls, 1);
}

static void
a_pin_keeps_it(void)
{
  char mem[64];
  void *pinned     = NULL;
  bool would_block = false;
  Seen seen        = {0};
  CHECK_EQ(ptrs_block_own(mem, sizeof(mem), 1, see, &seen, &seen.block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_pin(seen.block, &pinned), PTRS_STATUS_SUCCESS);
  CHECK(pinned == mem);
  CHECK_EQ(ptrs_block_free(seen.block), PTRS_STATUS_PINNED);
  CHECK_EQ(ptrs_block_give(seen.block, &pinned), PTRS_STATUS_PINNED);
  CHECK_EQ(ptrs_block_drop(seen.block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(seen.n_calls, 0);
  CHECK_EQ(ptrs_block_unpin(seen.block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(seen.n_calls, 1);
  // Nor is a caller that must not wait kept waiting by the function
  CHECK_EQ(ptrs_block_own(mem, 8, 1, see, &seen, &seen.block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_try_free(seen.block, 100, &would_block), PTRS_STATUS_SUCCESS);
  CHECK(would_block);
  CHECK_EQ(ptrs_block_free(seen.block), PTRS_STATUS_SUCCESS);
}

static void
it_is_of_no_allocator(void)
{
  char mem[16];
  PtrsAllocator *source = ptrs_system_allocator();
  PtrsBlockInfo info;
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_own(mem, 16, 1, NULL, NULL, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
  CHECK(!info.allocator);
  CHECK_EQ(info.flags, PTRS_BLOCK_OWNED);
  CHECK_EQ(ptrs_block_allocator(block, &source), PTRS_STATUS_SUCCESS);
  CHECK(!source);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
}

static void
a_function_can_be_set_later(void)
{
  char mem[16];
  void *pinned     = NULL;
  bool would_block = false;
  Seen seen        = {0};
  CHECK_EQ(ptrs_block_own(mem, 16, 1, NULL, NULL, &seen.block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_pin(seen.block, &pinned), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_drop(seen.block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_set_free(seen.block, see, &seen), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_set_free(seen.block, see, NULL), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(seen.n_calls, 0);
  CHECK_EQ(ptrs_block_unpin(seen.block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(seen.n_calls, 1);
  CHECK(seen.mem == mem);
  CHECK_EQ(ptrs_block_set_free(seen.block, see, &seen), PTRS_STATUS_STALE);
  // Without a function, nobody has to wait
  CHECK_EQ(ptrs_block_own(mem, 16, 1, NULL, NULL, &seen.block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_try_free(seen.block, 100, &would_block), PTRS_STATUS_SUCCESS);
  CHECK(!would_block);
  CHECK_EQ(ptrs_block_free(seen.block), PTRS_STATUS_STALE);
  CHECK_EQ(ptrs_block_zalloc(ptrs_system_allocator(), 8, 1, &seen.block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_set_free(seen.block, see, &seen), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_free(seen.block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(seen.n_calls, 1);
}

static void
wrong_memory_is_refused(void)
{
  _Alignas(16) char mem[64];
  PtrsBlock block = 5;
  CHECK_EQ(ptrs_block_own(NULL, 8, 1, NULL, NULL, &block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_own(mem + 1, 8, 2, NULL, NULL, &block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_own(mem, 8, 3, NULL, NULL, &block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_own(mem, PTRS_SIZE_MAX + 1, 1, NULL, NULL, &block), PTRS_STATUS_OVERFLOW);
  CHECK_EQ(ptrs_block_own((void *)(UINTPTR_MAX - 7), 9, 1, NULL, NULL, &block),
           PTRS_STATUS_OVERFLOW);
  CHECK_EQ(block, 5);
}

static uint64_t
system_blocks(void)
{
  PtrsStats stats;
  ptrs_allocator_stats(ptrs_system_allocator(), &stats);
  return stats.current_blocks;
}

static void
memory_is_given_away(void)
{
  const uint64_t before        = system_blocks();
  static const size_t aligns[] = {1, 16, 64, 4096};
  for (size_t i = 0; i < sizeof(aligns) / sizeof(*aligns); ++i) {
    PtrsBlock block = 0;
    void *mem       = NULL;
    CHECK_EQ(ptrs_block_zalloc(ptrs_system_allocator(), 1000, aligns[i], &block),
             PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_write(block, 0, 5, "text"), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_give(block, &mem), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_STALE);
    CHECK_EQ(ptrs_block_give(block, &mem), PTRS_STATUS_STALE);
    CHECK(!strcmp((const char *)mem, "text"));
    CHECK_EQ(system_blocks(), before);
    free(mem);
  }
}

static void
refuses(PtrsAllocator *allocator, size_t size, size_t align)
{
  PtrsBlock block = 0;
  void *mem       = NULL;
  CHECK_EQ(ptrs_block_zalloc(allocator, size, align, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_give(block, &mem), PTRS_STATUS_NOT_SUPPORTED);
  CHECK(!mem);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
}

static void
memory_that_free_does_not_know_is_kept(void)
{
  PtrsAllocator *pool  = NULL;
  PtrsAllocator *arena = NULL;
  PtrsAllocator *guard = NULL;
  CHECK_EQ(ptrs_pool_new(ptrs_system_allocator(), 64, 16, 8, &pool), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_arena_new(ptrs_system_allocator(), 4096, &arena), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_guard_new(0, 0, &guard), PTRS_STATUS_SUCCESS);
  refuses(pool, 64, 16);
  refuses(arena, 64, 16);
  refuses(guard, 64, 16);
  refuses(ptrs_system_allocator(), (size_t)1 << 20, 4096);
  ptrs_allocator_release(pool);
  ptrs_allocator_release(arena);
  ptrs_allocator_release(guard);
}

static void
owned_memory_goes_back_as_it_was(void)
{
  char mem[16];
  void *given = NULL;
  Seen seen   = {0};
  CHECK_EQ(ptrs_block_own(mem, 16, 1, see, &seen, &seen.block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_give(seen.block, &given), PTRS_STATUS_SUCCESS);
  CHECK(given == mem);
  CHECK_EQ(seen.n_calls, 0);
  CHECK_EQ(ptrs_block_free(seen.block), PTRS_STATUS_STALE);
  PtrsBlock adopted = 0;
  CHECK_EQ(ptrs_block_adopt(mem, 16, 1, PTRS_BLOCK_NOT_FREEABLE, &adopted), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_give(adopted, &given), PTRS_STATUS_NOT_FREEABLE);
  CHECK_EQ(ptrs_block_disown(adopted), PTRS_STATUS_SUCCESS);
}

int
main(void)
{
  TAP_RUN(memory_is_freed_with_its_block);
  TAP_RUN(a_pin_keeps_it);
  TAP_RUN(it_is_of_no_allocator);
  TAP_RUN(a_function_can_be_set_later);
  TAP_RUN(wrong_memory_is_refused);
  TAP_RUN(memory_is_given_away);
  TAP_RUN(memory_that_free_does_not_know_is_kept);
  TAP_RUN(owned_memory_goes_back_as_it_was);
  return tap_end();
}
