// SPDX-License-Identifier: MIT
// Small blocks whose memory stays with their slots: the next block has nothing of the one before.
#include <string.h>

#include "ptrs/block.h"
#include "ptrs/system.h"
#include "tap.h"
#include "threads.h"

#define N_THREADS 4
#define N_BURST 1000

static PtrsBlock
make(size_t size, size_t align)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_zalloc(ptrs_system_allocator(), size, align, &block), PTRS_STATUS_SUCCESS);
  return block;
}

static PtrsBlockInfo
info_of(PtrsBlock block)
{
  PtrsBlockInfo info = {.size = 0};
  CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
  return info;
}

static PtrsStats
stats(void)
{
  PtrsStats now;
  ptrs_allocator_stats(ptrs_system_allocator(), &now);
  return now;
}

// Each size after each other one, with all bytes of the capacity dirty
static void
nothing_is_left_of_the_block_before(void)
{
  for (size_t before = 0; before <= 160; ++before) {
    for (size_t size = 0; size <= 160; size += 7) {
      const PtrsBlock old      = make(before, PTRS_ALIGN_DEFAULT);
      const PtrsBlockInfo full = info_of(old);
      memset(full.mem, 0xEE, full.capacity);
      CHECK_EQ(ptrs_block_free(old), PTRS_STATUS_SUCCESS);
      const PtrsBlock block    = make(size, PTRS_ALIGN_DEFAULT);
      const PtrsBlockInfo info = info_of(block);
      CHECK_EQ(info.size, size);
      CHECK(info.capacity >= size);
      CHECK_FILLED(info.mem, info.capacity, 0);
      CHECK_EQ(ptrs_block_free(old), PTRS_STATUS_STALE);
      CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
      CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_STALE);
    }
  }
}

static void
bytes_behind_the_size_are_zero_without_zalloc_too(void)
{
  const PtrsBlock old      = make(28, PTRS_ALIGN_DEFAULT);
  const PtrsBlockInfo full = info_of(old);
  memset(full.mem, 0xEE, full.capacity);
  CHECK_EQ(ptrs_block_free(old), PTRS_STATUS_SUCCESS);
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_alloc(ptrs_system_allocator(), 26, PTRS_ALIGN_DEFAULT, &block),
           PTRS_STATUS_SUCCESS);
  const PtrsBlockInfo info = info_of(block);
  CHECK_FILLED((uint8_t *)info.mem + 26, info.capacity - 26, 0);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
}

static void
other_alignments_are_as_asked(void)
{
  for (size_t align = 1; align <= 256; align *= 2) {
    CHECK_EQ(ptrs_block_free(make(64, PTRS_ALIGN_DEFAULT)), PTRS_STATUS_SUCCESS);
    const PtrsBlock block    = make(64, align);
    const PtrsBlockInfo info = info_of(block);
    CHECK_EQ(info.align, align);
    CHECK_EQ((uintptr_t)info.mem % align, 0);
    CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  }
}

static void
statistics_count_each_block(void)
{
  const PtrsStats before = stats();
  for (size_t i = 1; i <= 50; ++i) {
    const PtrsBlock block = make(28, PTRS_ALIGN_DEFAULT);
    CHECK_EQ(stats().current_blocks, before.current_blocks + 1);
    CHECK_EQ(stats().current_bytes, before.current_bytes + 28);
    CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
    CHECK_EQ(stats().current_blocks, before.current_blocks);
    CHECK_EQ(stats().current_bytes, before.current_bytes);
    CHECK_EQ(stats().total_blocks, before.total_blocks + i);
    CHECK_EQ(stats().total_bytes, before.total_bytes + 28 * i);
  }
}

static void
a_pinned_block_stays(void)
{
  const PtrsBlock block = make(28, PTRS_ALIGN_DEFAULT);
  void *mem             = NULL;
  bool would_block      = false;
  CHECK_EQ(ptrs_block_pin(block, &mem), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_try_free(block, 4096, &would_block), PTRS_STATUS_PINNED);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_PINNED);
  CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_try_free(block, 4096, &would_block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_try_free(block, 4096, &would_block), PTRS_STATUS_STALE);
  CHECK(!would_block);
}

// Where a block of a region alone would be freed
static void
a_block_of_no_region_stays(void)
{
  const PtrsBlock block = make(28, PTRS_ALIGN_DEFAULT);
  bool would_block      = false;
  CHECK_EQ(ptrs_block_try_free_in_region(block, 4096, &would_block), PTRS_STATUS_SUCCESS);
  CHECK(would_block);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
}

// All of a burst are apart from each other, before and after
static void
blocks_of_a_burst_are_apart(void)
{
  static PtrsBlock blocks[N_BURST];
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < N_BURST; ++i) {
      blocks[i] = make(28, PTRS_ALIGN_DEFAULT);
      memcpy(info_of(blocks[i]).mem, &blocks[i], sizeof(PtrsBlock));
    }
    for (size_t i = 0; i < N_BURST; ++i) {
      CHECK(!memcmp(info_of(blocks[i]).mem, &blocks[i], sizeof(PtrsBlock)));
    }
    for (size_t i = 0; i < N_BURST; ++i) {
      CHECK_EQ(ptrs_block_free(blocks[i]), PTRS_STATUS_SUCCESS);
    }
  }
}

// Threads free what others have made; what a thread has made is nobody else's
static void
make_and_exchange(size_t index, void *ctx)
{
  _Atomic PtrsBlock *const place = (_Atomic PtrsBlock *)ctx;
  const double end               = clock_seconds() + CASE_SECONDS;
  while (clock_seconds() < end) {
    for (size_t i = 0; i < 100; ++i) {
      const PtrsBlock block    = make(24 + 16 * (i % 3), PTRS_ALIGN_DEFAULT);
      const PtrsBlockInfo info = info_of(block);
      CHECK_FILLED(info.mem, info.capacity, 0);
      memset(info.mem, (int)index + 1, info.capacity);
      CHECK_FILLED(info.mem, info.capacity, (int)index + 1);
      const PtrsBlock other = atomic_exchange(place, block);
      if (other) {
        CHECK_EQ(ptrs_block_free(other), PTRS_STATUS_SUCCESS);
        CHECK_EQ(ptrs_block_free(other), PTRS_STATUS_STALE);
      }
    }
  }
}

static void
threads_have_memory_apart_from_each_other(void)
{
  const uint64_t before = stats().current_blocks;
  _Atomic PtrsBlock place;
  atomic_init(&place, 0);
  crew_run(N_THREADS, make_and_exchange, &place);
  CHECK_EQ(ptrs_block_free(atomic_load(&place)), PTRS_STATUS_SUCCESS);
  CHECK_EQ(stats().current_blocks, before);
}

int
main(void)
{
  TAP_RUN(nothing_is_left_of_the_block_before);
  TAP_RUN(bytes_behind_the_size_are_zero_without_zalloc_too);
  TAP_RUN(other_alignments_are_as_asked);
  TAP_RUN(statistics_count_each_block);
  TAP_RUN(a_pinned_block_stays);
  TAP_RUN(a_block_of_no_region_stays);
  TAP_RUN(blocks_of_a_burst_are_apart);
  TAP_RUN(threads_have_memory_apart_from_each_other);
  return tap_end();
}
