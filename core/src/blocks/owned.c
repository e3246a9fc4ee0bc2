// SPDX-License-Identifier: MIT
// Blocks of memory that somebody else has allocated and that is freed with the block.  Each has an
// allocator of its own, which knows how to free that memory and can do nothing else.  Those whose
// memory is not freed share one.
#include "base/checked.h"
#include "blocks/lifetime.h"
#include "os/os.h"
#include "ptrs/block.h"

typedef struct {
  PtrsAllocator base;
  PtrsFree free;
  void *ctx;
} Owner;

static void *
owner_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  (void)allocator;
  (void)size;
  (void)align;
  return NULL;
}

static void *
owner_realloc(PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align)
{
  (void)allocator;
  (void)mem;
  (void)old_size;
  (void)new_size;
  (void)align;
  return NULL;
}

static bool
owner_give(PtrsAllocator *allocator, const void *mem, size_t size, size_t align)
{
  (void)mem;
  (void)size;
  (void)align;
  ptrs_os_free(allocator, sizeof(Owner), PTRS_ALIGN_DEFAULT);
  return true;
}

static void
owner_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  const Owner owner = *(Owner *)allocator;
  // Before the caller's function, which may do anything
  (void)owner_give(allocator, mem, size, align);
  owner.free(mem, owner.ctx);
}

static bool
nobody_gives(PtrsAllocator *allocator, const void *mem, size_t size, size_t align)
{
  (void)allocator;
  (void)mem;
  (void)size;
  (void)align;
  return true;
}

static void
nobody_frees(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  (void)allocator;
  (void)mem;
  (void)size;
  (void)align;
}

static size_t
owner_capacity(PtrsAllocator *allocator, const void *mem, size_t size, size_t align)
{
  (void)allocator;
  (void)mem;
  (void)align;
  return size;
}

static void
owner_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  (void)allocator;
  const PtrsStats none = {0};
  *stats               = none;
}

static const PtrsAllocator vtable = {
    .alloc       = owner_alloc,
    .zalloc      = owner_alloc,
    .realloc     = owner_realloc,
    .free        = owner_free,
    .give        = owner_give,
    .capacity    = owner_capacity,
    .stats       = owner_stats,
    .name        = "owned",
    .block_flags = PTRS_BLOCK_OWNED,
};

// Of all blocks whose memory is not freed
static PtrsAllocator nobody = {
    .alloc       = owner_alloc,
    .zalloc      = owner_alloc,
    .realloc     = owner_realloc,
    .free        = nobody_frees,
    .give        = nobody_gives,
    .capacity    = owner_capacity,
    .stats       = owner_stats,
    .name        = "owned",
    .block_flags = PTRS_BLOCK_OWNED,
};

bool
ptrs_lifetime_calls_nobody(const PtrsSlot *slot)
{
  return slot->allocator == &nobody;
}

static Owner *
new_owner(PtrsFree free, void *ctx)
{
  Owner *const owner = (Owner *)ptrs_os_malloc(sizeof(Owner), PTRS_ALIGN_DEFAULT);
  if (owner) {
    owner->base = vtable;
    owner->free = free;
    owner->ctx  = ctx;
  }
  return owner;
}

PtrsStatus
ptrs_block_own(void *mem, size_t size, size_t align, PtrsFree free, void *ctx, PtrsBlock *block)
{
  size_t end = 0;
  if (!ptrs_align_is_valid(align) || !mem || ((uintptr_t)mem & (align - 1))) {
    return PTRS_STATUS_BAD_ARG;
  }
  if (size > PTRS_SIZE_MAX || !ptrs_checked_add((size_t)(uintptr_t)mem, size, &end)) {
    return PTRS_STATUS_OVERFLOW;
  }
  if (!free) {
    return ptrs_lifetime_own(mem, size, align, &nobody, block);
  }
  Owner *const owner = new_owner(free, ctx);
  if (!owner) {
    return PTRS_STATUS_NO_MEM;
  }
  const PtrsStatus status = ptrs_lifetime_own(mem, size, align, &owner->base, block);
  if (status) {
    ptrs_os_free(owner, sizeof(Owner), PTRS_ALIGN_DEFAULT);
  }
  return status;
}

PtrsStatus
ptrs_block_set_free(PtrsBlock block, PtrsFree free, void *ctx)
{
  Owner *const owner = new_owner(free, ctx);
  PtrsSlot *slot     = NULL;
  PtrsStatus status  = ptrs_slot_enter_exclusive(block, false, &slot);
  if (!status) {
    status = !ptrs_lifetime_calls_nobody(slot) ? PTRS_STATUS_BAD_ARG
             : owner                           ? PTRS_STATUS_SUCCESS
                                               : PTRS_STATUS_NO_MEM;
    if (!status) {
      slot->allocator = &owner->base;
    }
    ptrs_slot_leave_exclusive(slot);
  }
  if (status && owner) {
    ptrs_os_free(owner, sizeof(Owner), PTRS_ALIGN_DEFAULT);
  }
  return status;
}
