// SPDX-License-Identifier: MIT
// Blocks of memory that somebody else has allocated and that is freed with the block.  Each has an
// allocator of its own, which knows how to free that memory and can do nothing else.
#include "base/checked.h"
#include "blocks/lifetime.h"
#include "os/os.h"
#include "ptrs/block.h"

typedef struct {
  PtrsAllocator base;
  PtrsFree free; // NULL: nothing has to be done
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
  if (owner.free) {
    owner.free(mem, owner.ctx);
  }
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
  Owner *const owner = (Owner *)ptrs_os_malloc(sizeof(Owner), PTRS_ALIGN_DEFAULT);
  if (!owner) {
    return PTRS_STATUS_NO_MEM;
  }
  owner->base             = vtable;
  owner->free             = free;
  owner->ctx              = ctx;
  const PtrsStatus status = ptrs_lifetime_own(mem, size, align, &owner->base, block);
  if (status) {
    ptrs_os_free(owner, sizeof(Owner), PTRS_ALIGN_DEFAULT);
  }
  return status;
}
