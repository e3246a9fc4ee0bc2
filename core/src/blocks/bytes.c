// SPDX-License-Identifier: MIT
// Raw bytes in and out of checked blocks.
#include <string.h>

#include "base/checked.h"
#include "blocks/table.h"
#include "os/os.h"
#include "ptrs/block.h"

// Enter a block if the bytes [offset, offset + size) lie inside of it
static PtrsStatus
enter_range(PtrsBlock block, PtrsAccess access, size_t offset, size_t size, PtrsEntry *entry)
{
  PtrsStatus status = ptrs_block_enter(block, access, entry);
  if (!status && !ptrs_checked_range(offset, size, entry->size)) {
    ptrs_block_leave(entry);
    status = PTRS_STATUS_OUT_OF_BOUNDS;
  }
  return status;
}

// As memmove(3), but with `size` 0 an address may be NULL.  memmove(3), since the caller's
// memory may overlap the block: it may be a view of the block.
static void
copy_bytes(void *to, const void *from, size_t size)
{
  if (size) {
    memmove(to, from, size);
  }
}

typedef struct {
  PtrsBlock block;
  size_t offset;
  PtrsAccess access;
  PtrsEntry entry;
} Side;

// Check the range of a block that has been entered
static PtrsStatus
check_side(const Side *side, size_t size)
{
  return ptrs_checked_range(side->offset, size, side->entry.size) ? PTRS_STATUS_SUCCESS
                                                                  : PTRS_STATUS_OUT_OF_BOUNDS;
}

// Enter two different blocks for `size` bytes each.  A thread inside of one block must not
// wait for a second one: the thread inside of that may be waiting for the first.  If the
// second block is not free, leave the first and wait for the second one next.
static PtrsStatus
enter_both(Side *a, Side *b, size_t size)
{
  Side *first  = a;
  Side *second = b;
  for (unsigned round = 0;; ++round) {
    PtrsStatus status = ptrs_block_enter(first->block, first->access, &first->entry);
    if (status) {
      return status;
    }
    bool would_block = false;
    status = ptrs_block_try_enter(second->block, second->access, &second->entry, &would_block);
    if (status || would_block) {
      ptrs_block_leave(&first->entry);
      if (status) {
        return status;
      }
      ptrs_os_backoff(round);
      Side *const other = first;
      first             = second;
      second            = other;
      continue;
    }
    status = check_side(a, size);
    if (!status) {
      status = check_side(b, size);
    }
    if (status) {
      ptrs_block_leave(&first->entry);
      ptrs_block_leave(&second->entry);
    }
    return status;
  }
}

static void
leave_both(const Side *a, const Side *b)
{
  ptrs_block_leave(&a->entry);
  ptrs_block_leave(&b->entry);
}

static int
order_of(const uint8_t *a, const uint8_t *b, size_t size)
{
  const int order = size ? memcmp(a, b, size) : 0;
  return (order > 0) - (order < 0);
}

PtrsStatus
ptrs_block_read(PtrsBlock block, size_t offset, size_t size, void *data)
{
  PtrsEntry entry;
  const PtrsStatus status = enter_range(block, PTRS_ACCESS_SHARED, offset, size, &entry);
  if (!status) {
    copy_bytes(data, entry.mem + offset, size);
    ptrs_block_leave(&entry);
  }
  return status;
}

PtrsStatus
ptrs_block_write(PtrsBlock block, size_t offset, size_t size, const void *data)
{
  PtrsEntry entry;
  const PtrsStatus status = enter_range(block, PTRS_ACCESS_EXCLUSIVE, offset, size, &entry);
  if (!status) {
    copy_bytes(entry.mem + offset, data, size);
    ptrs_block_leave(&entry);
  }
  return status;
}

PtrsStatus
ptrs_block_fill(PtrsBlock block, size_t offset, size_t size, int byte)
{
  PtrsEntry entry;
  const PtrsStatus status = enter_range(block, PTRS_ACCESS_EXCLUSIVE, offset, size, &entry);
  if (!status) {
    memset(entry.mem + offset, byte, size);
    ptrs_block_leave(&entry);
  }
  return status;
}

PtrsStatus
ptrs_block_copy(PtrsBlock dst, size_t dst_offset, PtrsBlock src, size_t src_offset, size_t size)
{
  if (dst == src) {
    PtrsEntry entry;
    PtrsStatus status = enter_range(dst, PTRS_ACCESS_EXCLUSIVE, dst_offset, size, &entry);
    if (status) {
      return status;
    }
    if (ptrs_checked_range(src_offset, size, entry.size)) {
      memmove(entry.mem + dst_offset, entry.mem + src_offset, size);
    } else {
      status = PTRS_STATUS_OUT_OF_BOUNDS;
    }
    ptrs_block_leave(&entry);
    return status;
  }

  Side to                 = {.block = dst, .offset = dst_offset, .access = PTRS_ACCESS_EXCLUSIVE};
  Side from               = {.block = src, .offset = src_offset, .access = PTRS_ACCESS_SHARED};
  const PtrsStatus status = enter_both(&to, &from, size);
  if (!status) {
    // An adopted block may lie over another one
    memmove(to.entry.mem + dst_offset, from.entry.mem + src_offset, size);
    leave_both(&to, &from);
  }
  return status;
}

PtrsStatus
ptrs_block_compare(
    PtrsBlock a, size_t a_offset, PtrsBlock b, size_t b_offset, size_t size, int *order)
{
  if (a == b) {
    PtrsEntry entry;
    PtrsStatus status = enter_range(a, PTRS_ACCESS_SHARED, a_offset, size, &entry);
    if (status) {
      return status;
    }
    if (ptrs_checked_range(b_offset, size, entry.size)) {
      *order = order_of(entry.mem + a_offset, entry.mem + b_offset, size);
    } else {
      status = PTRS_STATUS_OUT_OF_BOUNDS;
    }
    ptrs_block_leave(&entry);
    return status;
  }

  Side left               = {.block = a, .offset = a_offset, .access = PTRS_ACCESS_SHARED};
  Side right              = {.block = b, .offset = b_offset, .access = PTRS_ACCESS_SHARED};
  const PtrsStatus status = enter_both(&left, &right, size);
  if (!status) {
    *order = order_of(left.entry.mem + a_offset, right.entry.mem + b_offset, size);
    leave_both(&left, &right);
  }
  return status;
}

PtrsStatus
ptrs_block_write_unsafe(PtrsBlock block, size_t offset, size_t size, const void *data)
{
  size_t end = 0;
  if (!ptrs_checked_add(offset, size, &end) || end > PTRS_SIZE_MAX) {
    return PTRS_STATUS_OVERFLOW;
  }
  PtrsEntry entry;
  const PtrsStatus status = ptrs_block_enter(block, PTRS_ACCESS_EXCLUSIVE, &entry);
  if (!status) {
    copy_bytes(entry.mem + offset, data, size);
    ptrs_block_leave(&entry);
  }
  return status;
}
