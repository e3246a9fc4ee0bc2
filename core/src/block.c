// SPDX-License-Identifier: MIT
#include "ptrs/block.h"

#include <string.h>

#include "checked.h"
#include "table.h"

static PtrsStatus
check_request(size_t size, size_t align)
{
  return !ptrs_align_is_valid(align) ? PTRS_STATUS_BAD_ARG
         : size > PTRS_SIZE_MAX      ? PTRS_STATUS_OVERFLOW
                                     : PTRS_STATUS_SUCCESS;
}

static PtrsBlock
publish(PtrsSlot *slot,
        void *mem,
        size_t size,
        size_t capacity,
        size_t align,
        PtrsAllocator *allocator,
        unsigned flags)
{
  slot->mem        = (uint8_t *)mem;
  slot->size       = size;
  slot->capacity   = capacity;
  slot->allocator  = allocator;
  slot->align_log2 = (uint8_t)ptrs_log2(align);
  slot->flags      = (uint8_t)flags;
  return ptrs_table_publish(slot);
}

static size_t
slot_align(const PtrsSlot *slot)
{
  return (size_t)1 << slot->align_log2;
}

static PtrsStatus
make_block(PtrsAllocator *allocator, size_t size, size_t align, bool zeroed, PtrsBlock *block)
{
  const PtrsStatus status = check_request(size, align);
  if (status) {
    return status;
  }
  PtrsSlot *const slot = ptrs_table_claim();
  if (!slot) {
    return PTRS_STATUS_NO_MEM;
  }
  void *const mem =
      zeroed ? allocator->zalloc(allocator, size, align) : allocator->alloc(allocator, size, align);
  if (!mem) {
    ptrs_table_unclaim(slot);
    return PTRS_STATUS_NO_MEM;
  }
  const size_t capacity = allocator->capacity(allocator, mem, size);
  if (capacity > size) {
    // The block may grow into it, and what it grows by is zero
    memset((uint8_t *)mem + size, 0, capacity - size);
  }
  *block = publish(slot, mem, size, capacity, align, allocator, 0);
  return PTRS_STATUS_SUCCESS;
}

// End a block that is held exclusively, and give its memory back
static void
end_block(PtrsSlot *slot)
{
  ptrs_table_lock(slot);
  if (slot->allocator) {
    slot->allocator->free(slot->allocator, slot->mem, slot->size, slot_align(slot));
  }
  ptrs_table_retire(slot);
  ptrs_table_unlock(slot);
}

// Resize a block that is held exclusively
static PtrsStatus
resize(PtrsSlot *slot, size_t size)
{
  PtrsAllocator *const allocator = slot->allocator;
  const size_t old_capacity      = slot->capacity;

  ptrs_table_lock(slot);
  void *const mem = allocator->realloc(allocator, slot->mem, slot->size, size, slot_align(slot));
  if (!mem) {
    ptrs_table_unlock(slot);
    return PTRS_STATUS_NO_MEM;
  }
  const size_t capacity = allocator->capacity(allocator, mem, size);

  // Bytes that were added come from blocks that are gone, and bytes beyond a
  // smaller size must not come back when the block grows again
  const size_t kept = ptrs_min(old_capacity, size);
  memset((uint8_t *)mem + kept, 0, capacity - kept);

  slot->mem      = (uint8_t *)mem;
  slot->size     = size;
  slot->capacity = capacity;
  ptrs_table_unlock(slot);
  return PTRS_STATUS_SUCCESS;
}

static PtrsStatus
enter(PtrsBlock block, PtrsAccess access, PtrsSlot **slot)
{
  return access == PTRS_ACCESS_SHARED ? ptrs_slot_enter_shared(block, slot)
                                      : ptrs_slot_enter_exclusive(block, false, slot);
}

static void
leave(PtrsSlot *slot, PtrsAccess access)
{
  if (access == PTRS_ACCESS_SHARED) {
    ptrs_slot_leave_shared(slot);
  } else {
    ptrs_slot_leave_exclusive(slot);
  }
}

PtrsStatus
ptrs_block_alloc(PtrsAllocator *allocator, size_t size, size_t align, PtrsBlock *block)
{
  return make_block(allocator, size, align, false, block);
}

PtrsStatus
ptrs_block_zalloc(PtrsAllocator *allocator, size_t size, size_t align, PtrsBlock *block)
{
  return make_block(allocator, size, align, true, block);
}

PtrsStatus
ptrs_block_adopt(void *mem, size_t size, size_t align, unsigned flags, PtrsBlock *block)
{
  const unsigned known    = PTRS_BLOCK_NOT_FREEABLE | PTRS_BLOCK_NOT_PINNABLE;
  const PtrsStatus status = check_request(size, align);
  if (status) {
    return status;
  }
  if (!mem || ((uintptr_t)mem & (align - 1)) || !(flags & PTRS_BLOCK_NOT_FREEABLE) ||
      (flags & ~known)) {
    return PTRS_STATUS_BAD_ARG;
  }
  PtrsSlot *const slot = ptrs_table_claim();
  if (!slot) {
    return PTRS_STATUS_NO_MEM;
  }
  *block = publish(slot, mem, size, size, align, NULL, flags);
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_block_disown(PtrsBlock block)
{
  PtrsSlot *slot          = NULL;
  const PtrsStatus status = ptrs_slot_enter_exclusive(block, true, &slot);
  if (status) {
    return status;
  }
  if (slot->allocator) {
    ptrs_slot_leave_exclusive(slot);
    return PTRS_STATUS_BAD_ARG;
  }
  end_block(slot);
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_block_realloc_if(PtrsBlock block, size_t size, PtrsResizeCheck check, void *ctx)
{
  if (size > PTRS_SIZE_MAX) {
    return PTRS_STATUS_OVERFLOW;
  }
  PtrsSlot *slot    = NULL;
  PtrsStatus status = ptrs_slot_enter_exclusive(block, true, &slot);
  if (status) {
    return status;
  }
  if (slot->flags & PTRS_BLOCK_NOT_FREEABLE) {
    status = PTRS_STATUS_NOT_FREEABLE;
  } else {
    status = check ? check(slot->mem, slot->capacity, size, ctx) : PTRS_STATUS_SUCCESS;
  }
  if (!status) {
    status = resize(slot, size);
  }
  ptrs_slot_leave_exclusive(slot);
  return status;
}

PtrsStatus
ptrs_block_realloc(PtrsBlock block, size_t size)
{
  return ptrs_block_realloc_if(block, size, NULL, NULL);
}

PtrsStatus
ptrs_block_free(PtrsBlock block)
{
  PtrsSlot *slot          = NULL;
  const PtrsStatus status = ptrs_slot_enter_exclusive(block, true, &slot);
  if (status) {
    return status;
  }
  if (slot->flags & PTRS_BLOCK_NOT_FREEABLE) {
    ptrs_slot_leave_exclusive(slot);
    return PTRS_STATUS_NOT_FREEABLE;
  }
  end_block(slot);
  return PTRS_STATUS_SUCCESS;
}

// The slot and the flags of a live block; these never change during its life
static PtrsStatus
look_up(PtrsBlock block, PtrsSlot **slot, unsigned *flags)
{
  const PtrsStatus status = ptrs_slot_enter_shared(block, slot);
  if (!status) {
    *flags = (*slot)->flags;
    ptrs_slot_leave_shared(*slot);
  }
  return status;
}

PtrsStatus
ptrs_block_drop(PtrsBlock block)
{
  PtrsSlot *slot    = NULL;
  unsigned flags    = 0;
  PtrsStatus status = look_up(block, &slot, &flags);
  if (status) {
    return status;
  }
  if (flags & PTRS_BLOCK_NOT_FREEABLE) {
    return PTRS_STATUS_NOT_FREEABLE;
  }
  bool last = false;
  status    = ptrs_slot_drop(slot, block, &last);
  if (!status && last) {
    end_block(slot);
  }
  return status;
}

PtrsStatus
ptrs_block_pin(PtrsBlock block, void **mem)
{
  PtrsSlot *slot    = NULL;
  unsigned flags    = 0;
  PtrsStatus status = look_up(block, &slot, &flags);
  if (status) {
    return status;
  }
  if (flags & PTRS_BLOCK_NOT_PINNABLE) {
    return PTRS_STATUS_NOT_SUPPORTED;
  }
  status = ptrs_slot_pin(slot, block);
  if (!status) {
    // Pinned, it can neither move nor go
    *mem = slot->mem;
  }
  return status;
}

PtrsStatus
ptrs_block_unpin(PtrsBlock block)
{
  PtrsSlot *const slot = ptrs_table_find(block);
  if (!slot) {
    return PTRS_STATUS_BAD_HANDLE;
  }
  bool last               = false;
  const PtrsStatus status = ptrs_slot_unpin(slot, block, &last);
  if (!status && last) {
    end_block(slot);
  }
  return status;
}

PtrsStatus
ptrs_block_info(PtrsBlock block, PtrsBlockInfo *info)
{
  PtrsSlot *slot          = NULL;
  const PtrsStatus status = ptrs_slot_enter_shared(block, &slot);
  if (!status) {
    info->mem       = slot->mem;
    info->size      = slot->size;
    info->capacity  = slot->capacity;
    info->align     = slot_align(slot);
    info->allocator = slot->allocator;
    info->flags     = slot->flags;
    info->pins      = (unsigned)(ptrs_atomic_load(&slot->state) & PTRS_STATE_PINS);
    ptrs_slot_leave_shared(slot);
  }
  return status;
}

PtrsStatus
ptrs_block_enter(PtrsBlock block, PtrsAccess access, PtrsEntry *entry)
{
  PtrsSlot *slot          = NULL;
  const PtrsStatus status = enter(block, access, &slot);
  if (!status) {
    entry->mem      = slot->mem;
    entry->size     = slot->size;
    entry->capacity = slot->capacity;
    entry->slot     = slot;
    entry->access   = access;
  }
  return status;
}

void
ptrs_block_leave(const PtrsEntry *entry)
{
  leave((PtrsSlot *)entry->slot, entry->access);
}
