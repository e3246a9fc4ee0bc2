// SPDX-License-Identifier: MIT
// The core's calls and the blocks' properties, reshaped for an interpreter.
#include "access/access.h"

int64_t
ptrs_access_new_block(PtrsAllocator *allocator, size_t size, size_t align)
{
  PtrsBlock block         = 0;
  const PtrsStatus status = ptrs_block_zalloc(allocator, size, align, &block);
  return status ? -(int64_t)status : block;
}

void
ptrs_access_free_cell(PtrsBlock *cell)
{
  if (*cell) {
    (void)ptrs_block_free(*cell);
    *cell = 0;
  }
}

void
ptrs_access_release_cell(PtrsAllocator **cell)
{
  if (*cell) {
    ptrs_allocator_release(*cell);
    *cell = NULL;
  }
}

int
ptrs_access_pin_guard_begin(PtrsAccessPinGuard *guard, PtrsBlock block)
{
  const PtrsStatus status = ptrs_block_pin(block, &guard->mem);
  if (!status) {
    guard->block = block;
  }
  return (int)status;
}

void
ptrs_access_pin_guard_end(PtrsAccessPinGuard *guard)
{
  if (guard->block) {
    (void)ptrs_block_unpin(guard->block);
    guard->block = 0;
  }
}

void
ptrs_access_pin_guard_end_with(PtrsAccessPinGuard *guard, const void *mem)
{
  (void)mem;
  ptrs_access_pin_guard_end(guard);
}

int64_t
ptrs_access_new_key(void)
{
  static int64_t last;
  return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

int64_t
ptrs_access_drop_leaked(PtrsBlock block)
{
  PtrsBlockInfo info;
  PtrsStatus status = ptrs_block_info(block, &info);
  if (!status) {
    status = ptrs_block_drop(block);
  }
  // With a pin, the memory has an owner still; an arena frees all its blocks
  const bool told = !status && !info.pins && !(info.flags & PTRS_BLOCK_IN_REGION);
  return told ? (int64_t)info.size : -1;
}

// A property of a block as a number.  Addresses are unsigned: where they have
// 32 bits, the upper half of them would else be negative, as a status is.
#define PROPERTY(name, value)                                                                      \
  int64_t ptrs_access_##name##_of(PtrsBlock block)                                                 \
  {                                                                                                \
    PtrsBlockInfo info;                                                                            \
    const PtrsStatus status = ptrs_block_info(block, &info);                                       \
    return status ? -(int64_t)status : (int64_t)(value);                                           \
  }

PROPERTY(size, info.size)
PROPERTY(capacity, info.capacity)
PROPERTY(address, (uintptr_t)info.mem)
PROPERTY(align, info.align)
PROPERTY(pins, info.pins)
PROPERTY(allocator, (uintptr_t)info.allocator)

int
ptrs_access_compare(PtrsBlock a, size_t a_offset, PtrsBlock b, size_t b_offset, size_t size)
{
  int order               = 0;
  const PtrsStatus status = ptrs_block_compare(a, a_offset, b, b_offset, size, &order);
  return status ? -(int)status : order + 1;
}
