// SPDX-License-Identifier: MIT
#include "ptrs/block.h"

#include "base/checked.h"
#include "blocks/lifetime.h"
#include "blocks/refcount.h"
#include "blocks/table.h"
#include "os/os.h"

static PtrsStatus
check_request(size_t size, size_t align)
{
  return !ptrs_align_is_valid(align) ? PTRS_STATUS_BAD_ARG
         : size > PTRS_SIZE_MAX      ? PTRS_STATUS_OVERFLOW
                                     : PTRS_STATUS_SUCCESS;
}

static PtrsStatus
make_block(PtrsAllocator *allocator,
           size_t size,
           size_t align,
           bool zeroed,
           bool *would_block,
           PtrsBlock *block)
{
  if (ptrs_lifetime_reuse(allocator, size, align, zeroed, block)) {
    return PTRS_STATUS_SUCCESS;
  }
  const PtrsStatus status = check_request(size, align);
  return status ? status : ptrs_lifetime_begin(allocator, size, align, zeroed, would_block, block);
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
  return make_block(allocator, size, align, false, NULL, block);
}

PtrsStatus
ptrs_block_zalloc(PtrsAllocator *allocator, size_t size, size_t align, PtrsBlock *block)
{
  return make_block(allocator, size, align, true, NULL, block);
}

PtrsStatus
ptrs_block_try_zalloc(
    PtrsAllocator *allocator, size_t size, size_t align, bool *would_block, PtrsBlock *block)
{
  return make_block(allocator, size, align, true, would_block, block);
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
  return ptrs_lifetime_adopt(mem, size, align, flags, false, block);
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
  ptrs_lifetime_end(slot, block);
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_block_give(PtrsBlock block, void **mem)
{
  PtrsSlot *slot    = NULL;
  PtrsStatus status = ptrs_slot_enter_exclusive(block, true, &slot);
  if (status) {
    return status;
  }
  uint8_t *const given = slot->mem;
  status               = slot->flags & PTRS_BLOCK_NOT_FREEABLE ? PTRS_STATUS_NOT_FREEABLE
                                                               : ptrs_lifetime_give(slot, block);
  if (status) {
    ptrs_slot_leave_exclusive(slot);
    return status;
  }
  *mem = given;
  return PTRS_STATUS_SUCCESS;
}

static PtrsStatus
resize_once(PtrsBlock block, size_t size, const PtrsResizeRules *rules, bool *would_block)
{
  PtrsSlot *slot    = NULL;
  PtrsStatus status = ptrs_slot_enter_exclusive(block, true, &slot);
  if (status) {
    return status;
  }
  if (slot->flags & PTRS_BLOCK_NOT_FREEABLE) {
    status = PTRS_STATUS_NOT_FREEABLE;
  } else if (slot->flags & PTRS_BLOCK_OWNED) {
    status = PTRS_STATUS_NOT_SUPPORTED;
  } else if (rules->check) {
    status = rules->check(slot->mem, ptrs_slot_capacity(slot), size, rules->ctx);
  }
  if (!status) {
    status = ptrs_lifetime_resize(slot, block, size, rules, would_block);
  }
  ptrs_slot_leave_exclusive(slot);
  return status;
}

PtrsStatus
ptrs_block_realloc_if(PtrsBlock block, size_t size, const PtrsResizeRules *rules)
{
  if (size > PTRS_SIZE_MAX) {
    return PTRS_STATUS_OVERFLOW;
  }
  for (unsigned round = 0;; ++round) {
    bool would_block        = false;
    const PtrsStatus status = resize_once(block, size, rules, &would_block);
    if (status || !would_block) {
      return status;
    }
    ptrs_os_backoff(round);
  }
}

PtrsStatus
ptrs_block_realloc(PtrsBlock block, size_t size)
{
  const PtrsResizeRules none = {.check = NULL};
  return ptrs_block_realloc_if(block, size, &none);
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
  if (!ptrs_table_keep(slot)) {
    ptrs_lifetime_end(slot, block);
  }
  return PTRS_STATUS_SUCCESS;
}

// As ptrs_block_try_free(), for blocks that have all of some flags
static PtrsStatus
try_free(PtrsBlock block, size_t limit, unsigned flags, bool *would_block)
{
  PtrsSlot *slot    = NULL;
  PtrsStatus status = PTRS_STATUS_SUCCESS;
  // Memory is kept of blocks without flags alone
  const bool may_keep = !flags && limit >= PTRS_KEPT_SIZE;
  if (may_keep && ptrs_slot_enter_idle(block, &slot)) {
    if (ptrs_table_keep(slot)) {
      return PTRS_STATUS_SUCCESS;
    }
  } else {
    status = ptrs_slot_try_enter(block, false, &slot, would_block);
  }
  if (status || *would_block) {
    return status;
  }
  // A block that is held exclusively gets no more pins
  if (ptrs_atomic_load(&slot->state) & PTRS_STATE_PINS) {
    status = PTRS_STATUS_PINNED;
  } else if (slot->flags & PTRS_BLOCK_NOT_FREEABLE) {
    status = PTRS_STATUS_NOT_FREEABLE;
  } else if (ptrs_slot_capacity(slot) > limit || (slot->flags & flags) != flags) {
    *would_block = true;
  }
  if (!status && !*would_block) {
    *would_block = !ptrs_lifetime_try_end(slot, block);
  }
  if (status || *would_block) {
    ptrs_slot_leave_exclusive(slot);
  }
  return status;
}

PtrsStatus
ptrs_block_try_free(PtrsBlock block, size_t limit, bool *would_block)
{
  return try_free(block, limit, 0, would_block);
}

PtrsStatus
ptrs_block_try_free_in_region(PtrsBlock block, size_t limit, bool *would_block)
{
  return try_free(block, limit, PTRS_BLOCK_IN_REGION, would_block);
}

// Find the slot and the flags of a live block; the flags never change during its lifetime
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
    ptrs_lifetime_end(slot, block);
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
    // A pinned block can neither move nor end
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
    ptrs_lifetime_end(slot, block);
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
    info->capacity  = ptrs_slot_capacity(slot);
    info->align     = ptrs_slot_align(slot);
    info->allocator = ptrs_slot_source(slot);
    info->flags     = slot->flags;
    info->pins      = (unsigned)(ptrs_atomic_load(&slot->state) & PTRS_STATE_PINS);
    ptrs_slot_leave_shared(slot);
  }
  return status;
}

PtrsStatus
ptrs_block_allocator(PtrsBlock block, PtrsAllocator **allocator)
{
  PtrsSlot *slot          = NULL;
  const PtrsStatus status = ptrs_slot_enter_shared(block, &slot);
  if (!status) {
    // The block is a user of the allocator, at least until this thread leaves it
    PtrsAllocator *const source = ptrs_slot_source(slot);
    if (source && source->lifecycle) {
      ptrs_lifecycle_retain(source->lifecycle);
    }
    *allocator = source;
    ptrs_slot_leave_shared(slot);
  }
  return status;
}

static void
describe_entry(PtrsSlot *slot, PtrsAccess access, PtrsEntry *entry)
{
  entry->mem      = slot->mem;
  entry->size     = slot->size;
  entry->capacity = ptrs_slot_capacity(slot);
  entry->slot     = slot;
  entry->access   = access;
}

PtrsStatus
ptrs_block_enter(PtrsBlock block, PtrsAccess access, PtrsEntry *entry)
{
  PtrsSlot *slot          = NULL;
  const PtrsStatus status = enter(block, access, &slot);
  if (!status) {
    describe_entry(slot, access, entry);
  }
  return status;
}

PtrsStatus
ptrs_block_try_enter(PtrsBlock block, PtrsAccess access, PtrsEntry *entry, bool *would_block)
{
  PtrsSlot *slot          = NULL;
  const bool shared       = access == PTRS_ACCESS_SHARED;
  const PtrsStatus status = ptrs_slot_try_enter(block, shared, &slot, would_block);
  if (!status && !*would_block) {
    describe_entry(slot, access, entry);
  }
  return status;
}

size_t
ptrs_entry_align(const PtrsEntry *entry)
{
  return ptrs_slot_align((const PtrsSlot *)entry->slot);
}

void
ptrs_block_leave(const PtrsEntry *entry)
{
  leave((PtrsSlot *)entry->slot, entry->access);
}
