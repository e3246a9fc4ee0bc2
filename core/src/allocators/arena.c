// SPDX-License-Identifier: MIT
#include "ptrs/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "allocators/bump.h"
#include "allocators/lifecycle.h"
#include "base/checked.h"
#include "blocks/invalidate.h"
#include "ptrs/block.h"

typedef struct {
  PtrsAllocator base;
  PtrsBump bump; // under the lock of the lifecycle
  PtrsLifecycle lifecycle;
} PtrsArena;

// Functions for checked blocks, which hold the lock

static void *
arena_take(PtrsAllocator *allocator, size_t size, size_t align, size_t *clean)
{
  PtrsArena *const arena = (PtrsArena *)allocator;
  return arena->lifecycle.is_closed ? NULL : ptrs_bump_alloc(&arena->bump, size, align, clean);
}

static void *
arena_place(PtrsAllocator *allocator,
            void *mem,
            size_t old_size,
            size_t new_size,
            size_t align,
            size_t *clean)
{
  PtrsArena *const arena = (PtrsArena *)allocator;
  return ptrs_bump_place(&arena->bump, mem, old_size, new_size, align, clean);
}

static void
arena_put_back(PtrsAllocator *allocator, void *mem, size_t size)
{
  ptrs_bump_free(&((PtrsArena *)allocator)->bump, mem, size);
}

// Functions of the allocator

static void *
take(PtrsAllocator *allocator, size_t size, size_t align, size_t *clean)
{
  ptrs_lifecycle_lock(allocator->lifecycle);
  void *const mem = arena_take(allocator, size, align, clean);
  ptrs_lifecycle_unlock(allocator->lifecycle);
  return mem;
}

static void *
place(PtrsAllocator *allocator,
      void *mem,
      size_t old_size,
      size_t new_size,
      size_t align,
      size_t *clean)
{
  ptrs_lifecycle_lock(allocator->lifecycle);
  void *const new_mem = arena_place(allocator, mem, old_size, new_size, align, clean);
  ptrs_lifecycle_unlock(allocator->lifecycle);
  return new_mem;
}

static void *
arena_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  size_t clean = 0;
  return take(allocator, size, align, &clean);
}

static void *
arena_zalloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  size_t clean    = 0;
  void *const mem = take(allocator, size, align, &clean);
  if (mem && clean < size) {
    memset(mem, 0, size - clean);
  }
  return mem;
}

static void *
arena_zrealloc(PtrsAllocator *allocator,
               void *mem,
               size_t old_size,
               size_t kept,
               size_t new_size,
               size_t align)
{
  size_t clean           = 0;
  uint8_t *const new_mem = (uint8_t *)place(allocator, mem, old_size, new_size, align, &clean);
  if (new_mem && new_mem != mem) {
    // No other block has taken the old bytes meanwhile: only the end of the last block goes
    // back to the chunk, and a block that was moved is not the last one any more
    memcpy(new_mem, mem, kept);
  }
  if (new_mem && kept < new_size - clean) {
    memset(new_mem + kept, 0, new_size - clean - kept);
  }
  return new_mem;
}

static void *
arena_realloc(PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align)
{
  size_t clean        = 0;
  void *const new_mem = place(allocator, mem, old_size, new_size, align, &clean);
  if (new_mem && new_mem != mem) {
    memcpy(new_mem, mem, ptrs_min(old_size, new_size));
  }
  return new_mem;
}

static void
arena_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  (void)align;
  ptrs_lifecycle_lock(allocator->lifecycle);
  arena_put_back(allocator, mem, size);
  ptrs_lifecycle_unlock(allocator->lifecycle);
}

static void
arena_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  ptrs_lifecycle_lock(allocator->lifecycle);
  *stats = ((PtrsArena *)allocator)->bump.stats;
  ptrs_lifecycle_unlock(allocator->lifecycle);
}

static PtrsStatus
arena_clear(PtrsAllocator *allocator)
{
  PtrsArena *const arena = (PtrsArena *)allocator;
  if (ptrs_lifecycle_is_lending(&arena->lifecycle)) {
    return PTRS_STATUS_PINNED;
  }
  ptrs_bump_rewind(&arena->bump, NULL);
  ptrs_bump_give_back(&arena->bump, ptrs_bump_take_chunks(&arena->bump));
  return PTRS_STATUS_SUCCESS;
}

static PtrsStatus
arena_limit(PtrsAllocator *allocator, size_t new_limit, size_t *limit)
{
  PtrsArena *const arena = (PtrsArena *)allocator;
  ptrs_lifecycle_lock(&arena->lifecycle);
  const PtrsStatus status =
      ptrs_budget_set(&arena->bump.limit, arena->bump.stats.current_bytes, new_limit, limit);
  ptrs_lifecycle_unlock(&arena->lifecycle);
  return status;
}

static bool
is_arena(const PtrsAllocator *allocator)
{
  return allocator && allocator->alloc == arena_alloc;
}

// Where to go back to: the start, or a mark
typedef struct {
  bool to_start;
  uint64_t number; // of the mark
  PtrsMark *mark;  // NULL until it has been looked up; stays valid until the rewind ends
} Rewind;

static PtrsMark *
find_mark(PtrsArena *arena, Rewind *rewind)
{
  if (!rewind->mark) {
    rewind->mark = ptrs_bump_find_mark(&arena->bump, rewind->number);
  }
  return rewind->mark;
}

static bool
lies_behind(const PtrsSlot *slot, void *ctx)
{
  PtrsArena *const arena     = (PtrsArena *)slot->allocator;
  const PtrsMark *const mark = find_mark(arena, (Rewind *)ctx);
  return mark && ptrs_bump_is_behind(&arena->bump, mark, slot->mem);
}

static PtrsStatus
rewind_bump(PtrsAllocator *allocator, void *ctx)
{
  PtrsArena *const arena = (PtrsArena *)allocator;
  Rewind *const rewind   = (Rewind *)ctx;
  if (!rewind->to_start && !find_mark(arena, rewind)) {
    return PTRS_STATUS_STALE;
  }
  if (ptrs_lifecycle_is_lending(&arena->lifecycle)) {
    return PTRS_STATUS_PINNED;
  }
  ptrs_bump_rewind(&arena->bump, rewind->mark);
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_arena_new(PtrsAllocator *parent, size_t chunk_size, PtrsAllocator **arena)
{
  static const PtrsLifecycleOps ops = {
      .object_size  = sizeof(PtrsArena),
      .object_align = PTRS_ALIGN_DEFAULT,
      .clear        = arena_clear,
      .take         = arena_take,
      .place        = arena_place,
      .put_back     = arena_put_back,
  };
  if (!parent || !chunk_size || chunk_size > PTRS_SIZE_MAX) {
    return PTRS_STATUS_BAD_ARG;
  }
  const PtrsStatus status = ptrs_lifecycle_check_parent(parent, chunk_size, PTRS_ALIGN_DEFAULT);
  if (status) {
    return status;
  }
  PtrsArena *const made = (PtrsArena *)ptrs_os_malloc(sizeof(PtrsArena), PTRS_ALIGN_DEFAULT);
  if (!made) {
    return PTRS_STATUS_NO_MEM;
  }
  const PtrsArena fresh = {
      .base =
          {
              .alloc       = arena_alloc,
              .zalloc      = arena_zalloc,
              .realloc     = arena_realloc,
              .zrealloc    = arena_zrealloc,
              .free        = arena_free,
              .capacity    = ptrs_exact_capacity,
              .name        = "arena",
              .stats       = arena_stats,
              .limit       = arena_limit,
              .block_flags = PTRS_BLOCK_IN_REGION,
          },
      .bump = {.parent = parent, .chunk_size = chunk_size},
  };
  *made = fresh;
  ptrs_lifecycle_init(&made->lifecycle, &made->base, parent, &ops);
  *arena = &made->base;
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_arena_reset(PtrsAllocator *arena)
{
  Rewind rewind                       = {.to_start = true};
  const PtrsInvalidation invalidation = {.clear = rewind_bump, .ctx = &rewind};
  return is_arena(arena) ? ptrs_invalidate(arena->lifecycle, &invalidation) : PTRS_STATUS_BAD_ARG;
}

PtrsStatus
ptrs_arena_mark(PtrsAllocator *arena, uint64_t *mark)
{
  if (!is_arena(arena)) {
    return PTRS_STATUS_BAD_ARG;
  }
  // Not while the arena is being rewound
  PtrsStatus status = ptrs_lifecycle_enter(arena->lifecycle);
  if (status) {
    return status;
  }
  const PtrsMark *const made = ptrs_bump_mark(&((PtrsArena *)arena)->bump);
  if (made) {
    *mark = made->number;
  } else {
    status = PTRS_STATUS_NO_MEM;
  }
  ptrs_lifecycle_unlock(arena->lifecycle);
  return status;
}

PtrsStatus
ptrs_arena_rewind(PtrsAllocator *arena, uint64_t mark)
{
  Rewind rewind                       = {.number = mark};
  const PtrsInvalidation invalidation = {
      .selects = lies_behind, .clear = rewind_bump, .ctx = &rewind};
  return is_arena(arena) ? ptrs_invalidate(arena->lifecycle, &invalidation) : PTRS_STATUS_BAD_ARG;
}

PtrsStatus
ptrs_arena_release_unused(PtrsAllocator *arena, size_t *size)
{
  if (!is_arena(arena)) {
    return PTRS_STATUS_BAD_ARG;
  }
  // Not while the arena is being rewound
  const PtrsStatus status = ptrs_lifecycle_enter(arena->lifecycle);
  if (status) {
    return status;
  }
  PtrsArena *const self   = (PtrsArena *)arena;
  PtrsChunk *const unused = ptrs_bump_take_unused(&self->bump, size);
  ptrs_lifecycle_unlock(arena->lifecycle);
  ptrs_bump_give_back(&self->bump, unused);
  ptrs_lifecycle_settle(ptrs_lifecycle_above(arena->lifecycle));
  return PTRS_STATUS_SUCCESS;
}
