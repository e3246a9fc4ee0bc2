// SPDX-License-Identifier: MIT
// Large blocks: pages that were never written are zero and take no memory, whatever
// the alignment, also after a resize.
#define _GNU_SOURCE
#include <unistd.h>

#include "environment.h"
#include "mappings.h"
#include "operations.h"
#include "ptrs/block.h"
#include "ptrs/foreign.h"
#include "ptrs/guard.h"
#include "ptrs/system.h"
#include "tap.h"

#define MIB ((size_t)1 << 20)
#define LARGE (32 * MIB)

// Bytes that a few written pages may take, also where the system's pages are larger
#define FEW (3 * MIB)

static const size_t aligns[] = {16, 32, 64, 4096, 65536, PTRS_ALIGN_MAX};

#define N_ALIGNS (sizeof(aligns) / sizeof(aligns[0]))

// Bytes of a block that are in memory
static size_t
resident(const uint8_t *mem, size_t size)
{
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t n_resident = 0;
  for (size_t offset = 0; offset < size; offset += page) {
    n_resident += is_resident(mem + offset);
  }
  return n_resident * page;
}

static const uint8_t *
mem_of(PtrsBlock block)
{
  PtrsBlockInfo info = {0};
  CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
  CHECK_EQ((uintptr_t)info.mem % info.align, 0);
  CHECK(info.capacity >= info.size);
  return (const uint8_t *)info.mem;
}

static void
check_byte(PtrsBlock block, size_t offset, int expected)
{
  uint8_t byte = 0x5C;
  CHECK_EQ(ptrs_block_read(block, offset, 1, &byte), PTRS_STATUS_SUCCESS);
  CHECK_EQ(byte, expected);
}

static void
resize(PtrsBlock block, size_t size)
{
  CHECK_EQ(ptrs_block_realloc(block, size), PTRS_STATUS_SUCCESS);
}

// With `moves`, the allocator resizes by copying the bytes
static void
use_large(PtrsAllocator *allocator, size_t align, bool moves)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_zalloc(allocator, LARGE, align, &block), PTRS_STATUS_SUCCESS);
  CHECK(resident(mem_of(block), LARGE) <= FEW);
  check_byte(block, 0, 0);
  check_byte(block, LARGE / 2 + 1, 0);
  check_byte(block, LARGE - 1, 0);
  CHECK_EQ(ptrs_block_write(block, 5, 1, "a"), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_write(block, LARGE - 1, 1, "z"), PTRS_STATUS_SUCCESS);

  resize(block, 4 * LARGE);
  CHECK(resident(mem_of(block), 4 * LARGE) <= FEW + (moves ? LARGE : 0));
  check_byte(block, 5, 'a');
  check_byte(block, LARGE - 1, 'z');
  check_byte(block, LARGE, 0);
  check_byte(block, 4 * LARGE - 1, 0);

  // Bytes that a shrink cut off do not come back
  CHECK_EQ(ptrs_block_fill(block, 0, 3 * MIB, 'x'), PTRS_STATUS_SUCCESS);
  resize(block, MIB + 1);
  resize(block, 4 * MIB);
  check_byte(block, MIB, 'x');
  check_byte(block, MIB + 1, 0);
  check_byte(block, 3 * MIB - 1, 0);
  resize(block, 100);
  check_block(block, 100, 0, 'x');
  resize(block, LARGE);
  CHECK(resident(mem_of(block), LARGE) <= FEW);
  check_byte(block, 99, 'x');
  check_byte(block, 100, 0);
  check_byte(block, MIB, 0);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
}

static PtrsStats
stats_of(PtrsAllocator *allocator)
{
  PtrsStats stats;
  ptrs_allocator_stats(allocator, &stats);
  return stats;
}

static void
use_all_alignments(PtrsAllocator *allocator, bool moves)
{
  const PtrsStats before = stats_of(allocator);
  for (size_t i = 0; i < N_ALIGNS; ++i) {
    use_large(allocator, aligns[i], moves || aligns[i] <= PTRS_ALIGN_DEFAULT);
  }
  const PtrsStats after = stats_of(allocator);
  CHECK_EQ(after.current_blocks, before.current_blocks);
  CHECK_EQ(after.current_bytes, before.current_bytes);
}

static bool
is_eager(void)
{
  if (UNDER_SANITIZER || under_valgrind()) {
    tap_skip("the allocator that stands in for the C library's touches all pages");
    return true;
  }
  return false;
}

static void
of_the_system(void)
{
  if (!is_eager()) {
    use_all_alignments(ptrs_system_allocator(), false);
  }
}

static void
of_a_library(void)
{
  PtrsAllocator *library = NULL;
  char message[200];
  if (is_eager()) {
    return;
  }
  if (ptrs_foreign_new("libc.so.6", "", message, sizeof(message), &library)) {
    tap_skip("no C library of that name");
    return;
  }
  use_all_alignments(library, true);
  ptrs_allocator_release(library);
}

static void
of_a_guard(void)
{
  PtrsAllocator *guard = NULL;
  CHECK_EQ(ptrs_guard_new(0, MIB, &guard), PTRS_STATUS_SUCCESS);
  use_all_alignments(guard, true);
  ptrs_allocator_release(guard);
}

static uint32_t
next_random(uint32_t *state)
{
  *state = *state * 1664525U + 1013904223U;
  return *state >> 8;
}

// Resizes over the size from which blocks are mappings of their own, by every way
static void
any_sizes_after_each_other(void)
{
  PtrsAllocator *const system = ptrs_system_allocator();
  const PtrsStats before      = stats_of(system);
  uint32_t state              = 1;
  for (size_t i = 0; i < N_ALIGNS; ++i) {
    PtrsBlock block = 0;
    size_t size     = MIB;
    CHECK_EQ(ptrs_block_zalloc(system, size, aligns[i], &block), PTRS_STATUS_SUCCESS);
    for (int step = 0; step < 60; ++step) {
      const size_t sizes[] = {MIB - 1, MIB, MIB + 1, next_random(&state) % (3 * MIB)};
      const size_t next    = sizes[next_random(&state) % 4];
      const int byte       = 1 + step;
      CHECK_EQ(ptrs_block_fill(block, 0, size, byte), PTRS_STATUS_SUCCESS);
      resize(block, next);
      const uint8_t *const mem = mem_of(block);
      const size_t kept        = next < size ? next : size;
      CHECK_FILLED(mem, kept, byte);
      CHECK_FILLED(mem + kept, next - kept, 0);
      size = next;
    }
    CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  }
  CHECK_EQ(stats_of(system).current_bytes, before.current_bytes);
}

// A resize to more memory than there is fails, and leaves the block unchanged
static void
too_large_is_refused(void)
{
  PtrsAllocator *const system = ptrs_system_allocator();
  for (size_t i = 0; i < N_ALIGNS; ++i) {
    PtrsBlock block = 0;
    PtrsBlock other = 0;
    CHECK_EQ(ptrs_block_zalloc(system, PTRS_SIZE_MAX, aligns[i], &other), PTRS_STATUS_NO_MEM);
    CHECK_EQ(ptrs_block_zalloc(system, 2 * MIB, aligns[i], &block), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_fill(block, 0, 2 * MIB, 7), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_realloc(block, PTRS_SIZE_MAX), PTRS_STATUS_NO_MEM);
    CHECK_FILLED(mem_of(block), 2 * MIB, 7);
    CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  }
}

int
main(void)
{
  forbid_huge_blocks();
  TAP_RUN(of_the_system);
  TAP_RUN(of_a_library);
  TAP_RUN(of_a_guard);
  TAP_RUN(any_sizes_after_each_other);
  TAP_RUN(too_large_is_refused);
  return tap_end();
}
