// SPDX-License-Identifier: MIT
// Every allocation fails in turn: blocks from before are unharmed.
#include <string.h>

#include "failing.h"
#include "operations.h"
#include "ptrs/block.h"
#include "tap.h"

#define UNTOUCHED ((PtrsBlock)-77)

// Expect NO_MEM if the allocator failed the call, else SUCCESS
static bool
check_outcome(const FailingAllocator *failing, size_t n_failed_before, PtrsStatus status)
{
  const bool failed = failing->n_failed > n_failed_before;
  CHECK_EQ(status, failed ? PTRS_STATUS_NO_MEM : PTRS_STATUS_SUCCESS);
  return !failed;
}

static bool
make(FailingAllocator *failing, size_t size, size_t align, bool zeroed, PtrsBlock *block)
{
  const size_t n_failed   = failing->n_failed;
  const PtrsStatus status = zeroed ? ptrs_block_zalloc(&failing->base, size, align, block)
                                   : ptrs_block_alloc(&failing->base, size, align, block);
  const bool made         = check_outcome(failing, n_failed, status);
  CHECK_EQ(*block == UNTOUCHED, !made);
  return made;
}

static void
allocate_and_free(FailingAllocator *failing)
{
  PtrsBlock blocks[6];
  bool made[6];
  for (size_t i = 0; i < 6; ++i) {
    blocks[i] = UNTOUCHED;
    made[i]   = make(failing, i * 100, (size_t)1 << (2 * i), i % 2, &blocks[i]);
    if (made[i]) {
      CHECK_EQ(ptrs_block_fill(blocks[i], 0, i * 100, (int)i), PTRS_STATUS_SUCCESS);
    }
    for (size_t j = 0; j <= i; ++j) {
      if (made[j]) {
        check_block(blocks[j], j * 100, 0, (int)j);
      }
    }
  }
  for (size_t i = 0; i < 6; ++i) {
    if (made[i]) {
      CHECK_EQ(ptrs_block_free(blocks[i]), PTRS_STATUS_SUCCESS);
      CHECK_EQ(ptrs_block_free(blocks[i]), PTRS_STATUS_STALE);
    }
  }
}

static void
resize(FailingAllocator *failing)
{
  static const size_t sizes[]  = {100, 10, 5000, 5000, 0, 64};
  static const size_t aligns[] = {8, 512};
  for (size_t a = 0; a < 2; ++a) {
    PtrsBlock block = UNTOUCHED;
    size_t size     = 40;
    if (!make(failing, size, aligns[a], false, &block)) {
      continue;
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i) {
      CHECK_EQ(ptrs_block_fill(block, 0, size, (int)i), PTRS_STATUS_SUCCESS);
      PtrsBlockInfo before;
      PtrsBlockInfo after;
      CHECK_EQ(ptrs_block_info(block, &before), PTRS_STATUS_SUCCESS);
      const size_t n_failed   = failing->n_failed;
      const PtrsStatus status = ptrs_block_realloc(block, sizes[i]);
      if (check_outcome(failing, n_failed, status)) {
        size = sizes[i];
      } else {
        CHECK_EQ(ptrs_block_info(block, &after), PTRS_STATUS_SUCCESS);
        CHECK_PTR(after.mem, before.mem);
        CHECK_EQ(after.capacity, before.capacity);
        check_block(block, size, 0, (int)i);
      }
    }
    CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  }
}

static void
copy_and_drop(FailingAllocator *failing)
{
  PtrsBlock a = UNTOUCHED;
  PtrsBlock b = UNTOUCHED;
  int order   = 9;
  void *mem   = NULL;
  if (!make(failing, 300, 16, true, &a)) {
    return;
  }
  CHECK_EQ(ptrs_block_pin(a, &mem), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_drop(a), PTRS_STATUS_SUCCESS); // freed at the unpin
  if (make(failing, 300, 16, false, &b)) {
    CHECK_EQ(ptrs_block_copy(b, 0, a, 0, 300), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_compare(a, 0, b, 0, 300, &order), PTRS_STATUS_SUCCESS);
    CHECK_EQ(order, 0);
    CHECK_EQ(ptrs_block_drop(b), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_drop(b), PTRS_STATUS_STALE);
  }
  check_block(a, 300, 1, 0);
  CHECK_EQ(ptrs_block_unpin(a), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_unpin(a), PTRS_STATUS_STALE);
}

static void
allocations_fail_in_turn(void)
{
  CHECK_EQ(failing_sweep(allocate_and_free), 13);
}

static void
resizes_fail_in_turn(void)
{
  CHECK(failing_sweep(resize) > 20);
}

static void
mixed_work_fails_in_turn(void)
{
  CHECK_EQ(failing_sweep(copy_and_drop), 5);
}

int
main(void)
{
  TAP_RUN(allocations_fail_in_turn);
  TAP_RUN(resizes_fail_in_turn);
  TAP_RUN(mixed_work_fails_in_turn);
  return tap_end();
}
