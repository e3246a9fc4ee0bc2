// SPDX-License-Identifier: MIT
#include "life.h"

#include <string.h>

#include "checked.h"
#include "owner.h"

static PtrsOwner *
slot_owner(const PtrsSlot *slot)
{
  return slot->allocator ? slot->allocator->owner : NULL;
}

// Write down what memory a slot has
static void
set_memory(PtrsSlot *slot, void *mem, size_t size, size_t align)
{
  const size_t capacity = slot->allocator->capacity(slot->allocator, mem, size, align);
  const size_t slack    = ptrs_min(capacity - size, UINT32_MAX);

  slot->mem   = (uint8_t *)mem;
  slot->size  = size;
  slot->slack = (uint32_t)slack;
  // The block may grow into its capacity, and what it grows by is zero
  if (slack) {
    memset((uint8_t *)mem + size, 0, slack);
  }
}

// Get memory for a slot that has been claimed
static PtrsStatus
fill_slot(PtrsSlot *slot, PtrsAllocator *allocator, size_t size, size_t align, bool zeroed)
{
  void *const mem =
      zeroed ? allocator->zalloc(allocator, size, align) : allocator->alloc(allocator, size, align);
  if (!mem) {
    return PTRS_STATUS_NO_MEM;
  }
  slot->allocator  = allocator;
  slot->align_log2 = (uint8_t)ptrs_log2(align);
  slot->flags      = (uint8_t)allocator->block_flags;
  slot->on_stack   = false;
  set_memory(slot, mem, size, align);
  return PTRS_STATUS_SUCCESS;
}

// As fill_slot(), and make the slot live.  Under the owner's lock, so that
// nobody clears the allocator while it has memory that is in no chain.
static PtrsStatus
fill_owned_slot(PtrsSlot *slot,
                PtrsAllocator *allocator,
                size_t size,
                size_t align,
                bool zeroed,
                PtrsBlock *block)
{
  PtrsOwner *const owner = allocator->owner;
  PtrsStatus status      = ptrs_owner_enter(owner);
  if (status) {
    return status;
  }
  status = fill_slot(slot, allocator, size, align, zeroed);
  if (!status) {
    *block = ptrs_table_publish(slot);
    ptrs_owner_link(owner, slot, ptrs_block_index(*block));
  }
  ptrs_owner_unlock(owner);
  return status;
}

PtrsStatus
ptrs_life_begin(PtrsAllocator *allocator, size_t size, size_t align, bool zeroed, PtrsBlock *block)
{
  PtrsStatus status = ptrs_allocator_check(allocator, size, align);
  if (status) {
    return status;
  }
  PtrsSlot *const slot = ptrs_table_claim();
  if (!slot) {
    return PTRS_STATUS_NO_MEM;
  }
  if (allocator->owner) {
    status = fill_owned_slot(slot, allocator, size, align, zeroed, block);
  } else {
    status = fill_slot(slot, allocator, size, align, zeroed);
    if (!status) {
      *block = ptrs_table_publish(slot);
    }
  }
  if (status) {
    ptrs_table_unclaim(slot);
  }
  return status;
}

PtrsStatus
ptrs_life_adopt(
    void *mem, size_t size, size_t align, unsigned flags, bool on_stack, PtrsBlock *block)
{
  PtrsSlot *const slot = ptrs_table_claim();
  if (!slot) {
    return PTRS_STATUS_NO_MEM;
  }
  slot->mem        = (uint8_t *)mem;
  slot->size       = size;
  slot->slack      = 0;
  slot->allocator  = NULL;
  slot->align_log2 = (uint8_t)ptrs_log2(align);
  slot->flags      = (uint8_t)flags;
  slot->on_stack   = on_stack;
  *block           = ptrs_table_publish(slot);
  return PTRS_STATUS_SUCCESS;
}

void
ptrs_life_end(PtrsSlot *slot, PtrsBlock block)
{
  PtrsOwner *const owner = slot_owner(slot);
  if (owner) {
    ptrs_owner_lock(owner);
    ptrs_owner_unlink(owner, slot);
  }
  ptrs_table_lock(slot);
  if (slot->allocator) {
    slot->allocator->free(slot->allocator, slot->mem, slot->size, ptrs_slot_align(slot));
  }
  ptrs_table_retire(slot, ptrs_block_index(block));
  ptrs_table_unlock(slot);
  if (owner) {
    ptrs_owner_unlock(owner);
    ptrs_owner_settle(owner);
    ptrs_owner_release(owner);
  }
}

// Memory of another size.  Bytes that come do so from blocks that are gone: they
// are made zero, as those are that a smaller size leaves behind, in set_memory().
static void *
resize_memory(const PtrsSlot *slot, size_t size)
{
  PtrsAllocator *const allocator = slot->allocator;
  const size_t align             = ptrs_slot_align(slot);
  const size_t kept              = ptrs_min(ptrs_slot_capacity(slot), size);
  if (allocator->zrealloc) {
    return allocator->zrealloc(allocator, slot->mem, slot->size, kept, size, align);
  }
  void *const mem = allocator->realloc(allocator, slot->mem, slot->size, size, align);
  if (mem && kept < size) {
    memset((uint8_t *)mem + kept, 0, size - kept);
  }
  return mem;
}

static PtrsStatus
resize_locked(PtrsSlot *slot, size_t size)
{
  ptrs_table_lock(slot);
  void *const mem = resize_memory(slot, size);
  if (mem) {
    set_memory(slot, mem, size, ptrs_slot_align(slot));
  }
  ptrs_table_unlock(slot);
  return mem ? PTRS_STATUS_SUCCESS : PTRS_STATUS_NO_MEM;
}

PtrsStatus
ptrs_life_resize(PtrsSlot *slot, size_t size)
{
  PtrsStatus status = ptrs_allocator_check(slot->allocator, size, ptrs_slot_align(slot));
  if (status) {
    return status;
  }
  // Not by ptrs_owner_enter(): who is ending blocks may be waiting for this one
  PtrsOwner *const owner = slot_owner(slot);
  if (owner) {
    ptrs_owner_lock(owner);
  }
  status = resize_locked(slot, size);
  if (owner) {
    ptrs_owner_unlock(owner);
  }
  return status;
}
