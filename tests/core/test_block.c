// SPDX-License-Identifier: MIT
// The lifetime of a block: allocated, described, resized, freed.
#include "ptrs/block.h"

#include <string.h>

#include "failing.h"
#include "mappings.h"
#include "operations.h"
#include "ptrs/system.h"
#include "tap.h"

static PtrsAllocator *
heap(void)
{
  return ptrs_system_allocator();
}

static void
alloc_describes_itself(void)
{
  static const size_t sizes[] = {0, 1, 28, 4096, 1 << 20};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i) {
    for (size_t align = 1; align <= PTRS_ALIGN_MAX; align *= 2) {
      PtrsBlock block    = 0;
      PtrsBlockInfo info = {0};
      CHECK_EQ(ptrs_block_alloc(heap(), sizes[i], align, &block), PTRS_STATUS_SUCCESS);
      CHECK(block > 0);
      CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
      CHECK(info.mem);
      CHECK_EQ((uintptr_t)info.mem % align, 0);
      CHECK_EQ(info.size, sizes[i]);
      CHECK(info.capacity >= info.size);
      CHECK_EQ(info.align, align);
      PtrsEntry entry;
      CHECK_EQ(ptrs_block_enter(block, PTRS_ACCESS_SHARED, &entry), PTRS_STATUS_SUCCESS);
      CHECK_EQ(ptrs_entry_align(&entry), align);
      ptrs_block_leave(&entry);
      CHECK_PTR(info.allocator, heap());
      CHECK_EQ(info.flags, 0);
      CHECK_EQ(info.pins, 0);
      CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
    }
  }
}

static void
requests_are_checked(void)
{
  static const size_t bad_aligns[] = {0, 3, 24, PTRS_ALIGN_MAX + 1, PTRS_ALIGN_MAX * 2, SIZE_MAX};
  static const size_t bad_sizes[]  = {PTRS_SIZE_MAX + 1, SIZE_MAX - 1, SIZE_MAX};
  PtrsBlock block                  = 77;
  for (size_t i = 0; i < sizeof(bad_aligns) / sizeof(bad_aligns[0]); ++i) {
    CHECK_EQ(ptrs_block_alloc(heap(), 8, bad_aligns[i], &block), PTRS_STATUS_BAD_ARG);
    CHECK_EQ(ptrs_block_zalloc(heap(), 8, bad_aligns[i], &block), PTRS_STATUS_BAD_ARG);
  }
  for (size_t i = 0; i < sizeof(bad_sizes) / sizeof(bad_sizes[0]); ++i) {
    CHECK_EQ(ptrs_block_alloc(heap(), bad_sizes[i], 8, &block), PTRS_STATUS_OVERFLOW);
    CHECK_EQ(ptrs_block_zalloc(heap(), bad_sizes[i], 8, &block), PTRS_STATUS_OVERFLOW);
  }
  CHECK_EQ(ptrs_block_alloc(heap(), PTRS_SIZE_MAX, 8, &block), PTRS_STATUS_NO_MEM);
  CHECK_EQ(ptrs_block_zalloc(heap(), PTRS_SIZE_MAX, 4096, &block), PTRS_STATUS_NO_MEM);
  CHECK_EQ(block, 77);
}

// The failing allocator filled the memory with junk, also behind the requested size
static void
zalloc_zeroes_the_capacity(void)
{
  FailingAllocator dirty;
  failing_init(&dirty, heap());
  for (size_t size = 0; size < 3000; size += 1 + size / 8) {
    PtrsBlock block    = 0;
    PtrsBlockInfo info = {0};
    CHECK_EQ(ptrs_block_zalloc(&dirty.base, size, 16, &block), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
    CHECK_FILLED(info.mem, info.capacity, 0);
    CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  }
  CHECK_EQ(dirty.n_blocks, 0);
}

static void
free_makes_stale(void)
{
  PtrsBlock old = 0;
  CHECK_EQ(ptrs_block_zalloc(heap(), 8, 8, &old), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(old), PTRS_STATUS_SUCCESS);
  check_all_refuse(old, PTRS_STATUS_STALE);

  // A stale handle stays stale while another block uses its slot
  PtrsBlock others[100];
  for (size_t i = 0; i < 100; ++i) {
    CHECK_EQ(ptrs_block_zalloc(heap(), 8, 8, &others[i]), PTRS_STATUS_SUCCESS);
    CHECK(others[i] != old);
  }
  check_all_refuse(old, PTRS_STATUS_STALE);
  for (size_t i = 0; i < 100; ++i) {
    check_block(others[i], 8, 0, 0);
    CHECK_EQ(ptrs_block_free(others[i]), PTRS_STATUS_SUCCESS);
  }
}

static void
forged_handles_are_refused(void)
{
  PtrsBlock live = 0;
  CHECK_EQ(ptrs_block_zalloc(heap(), 8, 8, &live), PTRS_STATUS_SUCCESS);

  // Index in the low 31 bits, generation above
  const PtrsBlock generation = (PtrsBlock)1 << 31;
  const PtrsBlock index      = live % generation;
  const PtrsBlock forged[]   = {
        0,
        -1,
        INT64_MIN,
        -live,
        INT64_MAX,
        index,                                       // generation 0
        live + generation,                           // the next generation
        index + INT64_MAX / generation * generation, // the last generation
        live + 1000,                                 // a slot that was never used
        generation + 900, // a slot that was never used, in a generation that others have
        generation + 100 * 1000 * 1000,
        generation + generation - 1, // the last slot of all
  };
  for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); ++i) {
    check_all_refuse(forged[i], PTRS_STATUS_BAD_HANDLE);
  }
  check_block(live, 8, 0, 0);
  CHECK_EQ(ptrs_block_free(live), PTRS_STATUS_SUCCESS);

  // The next generation of a slot is stale until it is issued
  CHECK_EQ(ptrs_block_fill(live + generation, 0, 0, 0), PTRS_STATUS_BAD_HANDLE);
  CHECK_EQ(ptrs_block_unpin(live + generation), PTRS_STATUS_BAD_HANDLE);
  CHECK_EQ(ptrs_block_free(live + generation), PTRS_STATUS_BAD_HANDLE);
}

// From each size to each: old bytes are kept, and the rest is zero
static void
realloc_keeps_and_zeroes(void)
{
  static const size_t sizes[]  = {0, 1, 24, 25, 100, 5000, 200 * 1000};
  static const size_t aligns[] = {1, 16, 256};
  const size_t n_sizes         = sizeof(sizes) / sizeof(sizes[0]);
  FailingAllocator dirty;
  failing_init(&dirty, heap());
  for (size_t i = 0; i < n_sizes * n_sizes * 3; ++i) {
    const size_t from  = sizes[i % n_sizes];
    const size_t to    = sizes[i / n_sizes % n_sizes];
    const size_t align = aligns[i / n_sizes / n_sizes];
    const size_t kept  = from < to ? from : to;
    PtrsBlock block    = 0;
    PtrsBlockInfo info = {0};
    CHECK_EQ(ptrs_block_zalloc(&dirty.base, from, align, &block), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_fill(block, 0, from, 0x11), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_realloc(block, to), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
    CHECK_EQ(info.size, to);
    CHECK_EQ(info.align, align);
    CHECK_EQ((uintptr_t)info.mem % align, 0);
    CHECK_FILLED(info.mem, kept, 0x11);
    CHECK_FILLED((uint8_t *)info.mem + kept, to - kept, 0);

    // Bytes behind the end were zero as well, and growth shows zeros
    CHECK_EQ(ptrs_block_realloc(block, to + 20), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
    CHECK_FILLED((uint8_t *)info.mem + kept, to + 20 - kept, 0);
    CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  }
  CHECK_EQ(dirty.n_blocks, 0);
  CHECK_EQ(dirty.n_mistakes, 0);
}

// Bytes that a shrink cut off do not come back
static void
shrunk_and_grown_is_zero(void)
{
  for (size_t size = 1; size < 4096; size += 1 + size / 3) {
    for (size_t cut = 0; cut < size; cut += 1 + cut / 2) {
      PtrsBlock block    = 0;
      PtrsBlockInfo info = {0};
      CHECK_EQ(ptrs_block_alloc(heap(), size, 16, &block), PTRS_STATUS_SUCCESS);
      CHECK_EQ(ptrs_block_fill(block, 0, size, 0x22), PTRS_STATUS_SUCCESS);
      CHECK_EQ(ptrs_block_realloc(block, cut), PTRS_STATUS_SUCCESS);
      CHECK_EQ(ptrs_block_realloc(block, size), PTRS_STATUS_SUCCESS);
      CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
      CHECK_FILLED(info.mem, cut, 0x22);
      CHECK_FILLED((uint8_t *)info.mem + cut, size - cut, 0);
      CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
    }
  }
}

// Added bytes are zero, also those that lay within the capacity before
static void
alloc_then_grow_is_zero(void)
{
  FailingAllocator dirty;
  failing_init(&dirty, heap());
  for (size_t size = 1; size < 200; ++size) {
    PtrsBlock block    = 0;
    PtrsBlockInfo info = {0};
    CHECK_EQ(ptrs_block_alloc(&dirty.base, size, 16, &block), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_fill(block, 0, size, 0x44), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_realloc(block, size + 8), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
    CHECK_FILLED(info.mem, size, 0x44);
    CHECK_FILLED((uint8_t *)info.mem + size, 8, 0);
    CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  }
}

static void
realloc_checks_the_size(void)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_zalloc(heap(), 8, 8, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_realloc(block, PTRS_SIZE_MAX + 1), PTRS_STATUS_OVERFLOW);
  CHECK_EQ(ptrs_block_realloc(block, SIZE_MAX), PTRS_STATUS_OVERFLOW);
  CHECK_EQ(ptrs_block_realloc(block, PTRS_SIZE_MAX), PTRS_STATUS_NO_MEM);
  check_block(block, 8, 0, 0);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
}

typedef struct {
  PtrsStatus answer;
  size_t n_calls;
  size_t capacity;
  size_t new_size;
  int first;
  size_t n_changes;
  size_t kept;
} Check;

static PtrsStatus
answer_check(const uint8_t *mem, size_t capacity, size_t new_size, void *ctx)
{
  Check *const check = (Check *)ctx;
  ++check->n_calls;
  check->capacity = capacity;
  check->new_size = new_size;
  check->first    = mem[0];
  return check->answer;
}

static void
note_change(uint8_t *mem, size_t kept, size_t capacity, void *ctx)
{
  Check *const check = (Check *)ctx;
  ++check->n_changes;
  check->kept = kept;
  CHECK_EQ(mem[0], 0x66);
  CHECK_FILLED(mem + kept, capacity - kept, 0);
  mem[0] = 0x67;
}

static void
realloc_if_asks_first_and_tells_afterwards(void)
{
  FailingAllocator failing;
  failing_init(&failing, heap());
  PtrsBlock block    = 0;
  PtrsBlockInfo info = {0};
  CHECK_EQ(ptrs_block_zalloc(&failing.base, 40, 8, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_fill(block, 0, 40, 0x66), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);

  // A rule's refusal is returned as it is, before the allocator is called
  Check check                 = {.answer = PTRS_STATUS_CORRUPT};
  const PtrsResizeRules rules = {.check = answer_check, .changed = note_change, .ctx = &check};
  const size_t n_calls        = failing.n_calls;
  CHECK_EQ(ptrs_block_realloc_if(block, 20, &rules), PTRS_STATUS_CORRUPT);
  CHECK_EQ(check.n_calls, 1);
  CHECK_EQ(check.capacity, info.capacity);
  CHECK_EQ(check.new_size, 20);
  CHECK_EQ(check.first, 0x66);
  CHECK_EQ(failing.n_calls, n_calls);
  check_block(block, 40, 0, 0x66);

  // The rule is not called for a resize that is refused anyway
  void *mem = NULL;
  CHECK_EQ(ptrs_block_realloc_if(block, SIZE_MAX, &rules), PTRS_STATUS_OVERFLOW);
  CHECK_EQ(ptrs_block_pin(block, &mem), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_realloc_if(block, 20, &rules), PTRS_STATUS_PINNED);
  CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(check.n_calls, 1);

  // Nor is it told of a change where the allocation failed
  check.answer    = PTRS_STATUS_SUCCESS;
  failing.fail_at = failing.n_calls + 1;
  CHECK_EQ(ptrs_block_realloc_if(block, 20, &rules), PTRS_STATUS_NO_MEM);
  CHECK_EQ(check.n_changes, 0);
  check_block(block, 40, 0, 0x66);

  CHECK_EQ(ptrs_block_realloc_if(block, 20, &rules), PTRS_STATUS_SUCCESS);
  CHECK_EQ(check.n_changes, 1);
  CHECK_EQ(check.kept, 20);
  CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
  CHECK_EQ(((uint8_t *)info.mem)[0], 0x67);
  CHECK_EQ(ptrs_block_fill(block, 0, info.size, 0x66), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_realloc_if(block, 400, &rules), PTRS_STATUS_SUCCESS);
  CHECK_EQ(check.kept, info.capacity);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(failing.n_blocks, 0);
}

int
main(void)
{
  forbid_huge_blocks();
  TAP_RUN(alloc_describes_itself);
  TAP_RUN(requests_are_checked);
  TAP_RUN(zalloc_zeroes_the_capacity);
  TAP_RUN(free_makes_stale);
  TAP_RUN(forged_handles_are_refused);
  TAP_RUN(realloc_keeps_and_zeroes);
  TAP_RUN(shrunk_and_grown_is_zero);
  TAP_RUN(alloc_then_grow_is_zero);
  TAP_RUN(realloc_checks_the_size);
  TAP_RUN(realloc_if_asks_first_and_tells_afterwards);
  return tap_end();
}
