// SPDX-License-Identifier: MIT
// Memory that is lent knows its size, and pins its allocator.
#include <stdint.h>
#include <string.h>

#include "failing.h"
#include "os/pages.h"
#include "ptrs/arena.h"
#include "ptrs/guard.h"
#include "ptrs/lender.h"
#include "ptrs/pool.h"
#include "ptrs/system.h"
#include "tap.h"

#define BLOCK ((size_t)4096)

enum { SYSTEM, ARENA, POOL, GUARD, N_KINDS };

static PtrsAllocator *
make(int kind)
{
  PtrsAllocator *made = ptrs_system_allocator();
  if (kind == ARENA) {
    CHECK_EQ(ptrs_arena_new(made, 4 * BLOCK, &made), PTRS_STATUS_SUCCESS);
  } else if (kind == POOL) {
    CHECK_EQ(ptrs_pool_new(made, BLOCK, 16, 4, &made), PTRS_STATUS_SUCCESS);
  } else if (kind == GUARD) {
    CHECK_EQ(ptrs_guard_new(0, 1 << 20, &made), PTRS_STATUS_SUCCESS);
  }
  return made;
}

static PtrsStats
stats_of(PtrsAllocator *allocator)
{
  PtrsStats stats;
  ptrs_allocator_stats(allocator, &stats);
  return stats;
}

// The caller's use of the allocator goes to the lender
static PtrsLender
lender_of(PtrsAllocator *allocator)
{
  PtrsLender lender;
  ptrs_lender_init(&lender, allocator);
  ptrs_allocator_release(allocator);
  return lender;
}

static void
lend_and_resize(int kind)
{
  PtrsAllocator *const allocator = make(kind);
  const PtrsStats before         = stats_of(allocator);
  PtrsLender lender              = lender_of(allocator);
  uint8_t *mem                   = (uint8_t *)ptrs_lender_alloc(&lender, 100);
  if (!CHECK(mem)) {
    return;
  }
  CHECK_EQ((uintptr_t)mem % (kind == GUARD ? 4 : PTRS_ALIGN_DEFAULT), 0);
  CHECK_EQ(stats_of(allocator).current_bytes - before.current_bytes, 100 + PTRS_LENT_HEAD);
  memset(mem, 7, 100);
  static const size_t sizes[] = {101, 104, 1000, 3, 0, 50};
  size_t kept                 = 100;
  for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); ++i) {
    mem = (uint8_t *)ptrs_lender_realloc(&lender, mem, sizes[i]);
    if (!CHECK(mem)) {
      return;
    }
    kept = kept < sizes[i] ? kept : sizes[i];
    CHECK_FILLED(mem, kept, 7);
    memset(mem, 7, sizes[i]);
    kept = sizes[i];
  }
  ptrs_lender_free(&lender, mem);

  mem = (uint8_t *)ptrs_lender_zalloc(&lender, 77);
  CHECK_FILLED(mem, 77, 0);
  ptrs_lender_free(&lender, mem);
  ptrs_lender_free(&lender, NULL);
  mem = (uint8_t *)ptrs_lender_realloc(&lender, NULL, 0);
  CHECK(mem);
  ptrs_lender_free(&lender, mem);
  CHECK_EQ(stats_of(allocator).current_blocks, before.current_blocks);
  ptrs_lender_end(&lender);
}

static void
every_allocator_lends(void)
{
  for (int kind = 0; kind < N_KINDS; ++kind) {
    lend_and_resize(kind);
  }
}

static void
sizes_that_do_not_fit_are_refused(void)
{
  for (int kind = 0; kind < N_KINDS; ++kind) {
    PtrsLender lender = lender_of(make(kind));
    uint8_t *mem      = (uint8_t *)ptrs_lender_alloc(&lender, 8);
    CHECK(!ptrs_lender_alloc(&lender, SIZE_MAX));
    CHECK(!ptrs_lender_zalloc(&lender, SIZE_MAX - PTRS_LENT_HEAD));
    CHECK(!ptrs_lender_alloc(&lender, PTRS_SIZE_MAX - PTRS_LENT_HEAD + 1));
    CHECK(!ptrs_lender_realloc(&lender, mem, SIZE_MAX));
    ptrs_lender_free(&lender, mem);
    if (kind == POOL) {
      CHECK(!ptrs_lender_alloc(&lender, BLOCK));
      mem = (uint8_t *)ptrs_lender_alloc(&lender, BLOCK - PTRS_LENT_HEAD);
      CHECK(mem);
      ptrs_lender_free(&lender, mem);
    }
    // What was refused pins nothing
    CHECK_EQ(ptrs_allocator_close(lender.allocator),
             kind == SYSTEM ? PTRS_STATUS_NOT_SUPPORTED : PTRS_STATUS_SUCCESS);
    ptrs_lender_end(&lender);
  }
}

static void
lent_memory_pins_its_allocator(void)
{
  for (int kind = ARENA; kind < N_KINDS; ++kind) {
    PtrsAllocator *const allocator = make(kind);
    PtrsLender lender              = lender_of(allocator);
    uint8_t *const mem             = (uint8_t *)ptrs_lender_alloc(&lender, 8);
    CHECK_EQ(ptrs_allocator_close(allocator), PTRS_STATUS_PINNED);
    if (kind == ARENA) {
      CHECK_EQ(ptrs_arena_reset(allocator), PTRS_STATUS_PINNED);
    }
    CHECK(!ptrs_allocator_is_closed(allocator));
    ptrs_lender_free(&lender, mem);
    CHECK_EQ(ptrs_allocator_close(allocator), PTRS_STATUS_SUCCESS);
    CHECK(!ptrs_lender_alloc(&lender, 8));
    ptrs_lender_end(&lender);
  }
}

static void
a_dropped_allocator_goes_with_its_last_piece(void)
{
  for (int kind = ARENA; kind < N_KINDS; ++kind) {
    PtrsAllocator *const allocator = make(kind);
    PtrsLender lender              = lender_of(allocator);
    uint8_t *mem                   = (uint8_t *)ptrs_lender_alloc(&lender, 64);
    memset(mem, 7, 64);
    CHECK_EQ(ptrs_allocator_drop(allocator), PTRS_STATUS_SUCCESS);
    CHECK(!ptrs_lender_alloc(&lender, 8));
    CHECK(!ptrs_lender_realloc(&lender, mem, 65));
    CHECK_FILLED(mem, 64, 7);
    CHECK_EQ(ptrs_allocator_close(allocator), PTRS_STATUS_PINNED);
    ptrs_lender_free(&lender, mem);
    CHECK_EQ(stats_of(allocator).current_blocks, 0);
    // Cleared already
    CHECK_EQ(ptrs_allocator_close(allocator), PTRS_STATUS_SUCCESS);
    ptrs_lender_end(&lender);
  }
}

static void
the_end_of_guarded_memory_is_flush(void)
{
  PtrsLender lender = lender_of(make(GUARD));
  for (size_t size = 0; size < 70; ++size) {
    uint8_t *const mem = (uint8_t *)ptrs_lender_alloc(&lender, size);
    CHECK_EQ(((uintptr_t)mem + size) % ptrs_os_page_size(), 0);
    ptrs_lender_free(&lender, mem);
  }
  ptrs_lender_end(&lender);
}

static void
a_pool_of_low_alignment_lends(void)
{
  PtrsAllocator *pool = NULL;
  CHECK_EQ(ptrs_pool_new(ptrs_system_allocator(), 64, 8, 4, &pool), PTRS_STATUS_SUCCESS);
  PtrsLender lender  = lender_of(pool);
  uint8_t *const mem = (uint8_t *)ptrs_lender_alloc(&lender, 48);
  CHECK(mem);
  ptrs_lender_free(&lender, mem);
  ptrs_lender_end(&lender);
}

static void
lend_where_memory_fails(FailingAllocator *failing)
{
  PtrsLender lender;
  ptrs_lender_init(&lender, &failing->base);
  uint8_t *mem = (uint8_t *)ptrs_lender_zalloc(&lender, 32);
  if (mem) {
    memset(mem, 7, 32);
    uint8_t *const more = (uint8_t *)ptrs_lender_realloc(&lender, mem, 64);
    mem                 = more ? more : mem;
    CHECK_FILLED(mem, 32, 7);
  }
  ptrs_lender_free(&lender, mem);
  ptrs_lender_end(&lender);
}

static void
failures_change_nothing(void)
{
  CHECK(failing_sweep(lend_where_memory_fails) > 2);
}

int
main(void)
{
  TAP_RUN(every_allocator_lends);
  TAP_RUN(sizes_that_do_not_fit_are_refused);
  TAP_RUN(lent_memory_pins_its_allocator);
  TAP_RUN(a_dropped_allocator_goes_with_its_last_piece);
  TAP_RUN(the_end_of_guarded_memory_is_flush);
  TAP_RUN(a_pool_of_low_alignment_lends);
  TAP_RUN(failures_change_nothing);
  return tap_end();
}
