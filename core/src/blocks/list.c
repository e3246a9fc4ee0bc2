// SPDX-License-Identifier: MIT
// The blocks that are live, in the order of their slots.
#include "blocks/table.h"
#include "ptrs/block.h"

// Describe the block of a slot; false if it has none, or that is another allocator's
static bool
describe(uint32_t index, const PtrsAllocator *allocator, PtrsBlockRecord *record)
{
  const PtrsSlot *const slot = ptrs_table_slot(index);
  const uint64_t state       = slot ? ptrs_atomic_load(&slot->state) : 0;
  if (!(state & PTRS_STATE_LIVE)) {
    return false;
  }
  PtrsBlockRecord found = {.block = ptrs_state_block(state, index)};
  // A block that has ended since may have been followed by one that need not be listed
  if (ptrs_block_info(found.block, &found.info) ||
      (allocator && found.info.allocator != allocator)) {
    return false;
  }
  *record = found;
  return true;
}

size_t
ptrs_block_list(const PtrsAllocator *allocator,
                PtrsBlockCursor *cursor,
                size_t count,
                PtrsBlockRecord *records)
{
  if (!cursor->end) {
    cursor->end = ptrs_table_count();
  }
  size_t n_records = 0;
  while (n_records < count && cursor->next < cursor->end) {
    n_records += describe(cursor->next, allocator, &records[n_records]);
    cursor->next += 1;
  }
  return n_records;
}
