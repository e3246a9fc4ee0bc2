// SPDX-License-Identifier: MIT
// The allocator interface, and the failing allocator of the other tests.
#include "ptrs/allocator.h"

#include "failing.h"
#include "ptrs/system.h"
#include "tap.h"

static void
valid_alignments(void)
{
  for (size_t align = 1; align <= PTRS_ALIGN_MAX; align *= 2) {
    CHECK(ptrs_align_is_valid(align));
    CHECK(align < 3 || !ptrs_align_is_valid(align - 1));
    CHECK(align < 2 || !ptrs_align_is_valid(align + 1));
  }
  CHECK(!ptrs_align_is_valid(0));
  CHECK(!ptrs_align_is_valid(PTRS_ALIGN_MAX * 2));
  CHECK(!ptrs_align_is_valid(SIZE_MAX));
  CHECK(!ptrs_align_is_valid(SIZE_MAX / 2 + 1));
}

static void
constants(void)
{
  CHECK_EQ(PTRS_ALIGN_MAX, 2 * 1024 * 1024);
  CHECK(PTRS_ALIGN_DEFAULT >= _Alignof(max_align_t));
  CHECK_EQ(PTRS_SIZE_MAX, PTRDIFF_MAX);
}

// A fault of the failing allocator would let every sweep pass
static void
failing_allocator_fails_as_told(void)
{
  FailingAllocator failing;
  PtrsAllocator *const allocator = &failing.base;
  failing_init(&failing, ptrs_system_allocator());
  failing.fail_at = 2;

  void *const a = allocator->alloc(allocator, 8, 8);
  CHECK(a);
  CHECK_PTR(allocator->zalloc(allocator, 8, 8), NULL);
  void *const b = allocator->zalloc(allocator, 9, 8);
  CHECK(b);
  CHECK_EQ(failing.n_blocks, 2);
  CHECK_EQ(failing.n_bytes, 17);

  failing.fail_at      = failing.n_calls + 1;
  failing.fail_onwards = true;
  CHECK_PTR(allocator->realloc(allocator, a, 8, 100, 8), NULL);
  CHECK_PTR(allocator->alloc(allocator, 1, 1), NULL);
  CHECK_EQ(failing.n_failed, 3);
  CHECK_EQ(failing.n_bytes, 17);

  allocator->free(allocator, a, 8, 8);
  CHECK_EQ(failing.n_mistakes, 0);
  allocator->free(allocator, b, 8, 8); // a wrong size: the block has 9 bytes
  CHECK_EQ(failing.n_mistakes, 1);
  CHECK_EQ(failing.n_blocks, 0);
  CHECK_EQ(failing.n_bytes, 0);
}

int
main(void)
{
  TAP_RUN(valid_alignments);
  TAP_RUN(constants);
  TAP_RUN(failing_allocator_fails_as_told);
  return tap_end();
}
