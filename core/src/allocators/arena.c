// SPDX-License-Identifier: MIT
#include "ptrs/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "allocators/bump.h"
#include "allocators/lifecycle.h"
#include "base/checked.h"
#include "base/spin.h"
#include "blocks/invalidate.h"
#include "ptrs/block.h"

typedef struct {
  PtrsAllocator base;
  PtrsSpin lock; // of the next two fields
  PtrsBump bump;
  bool is_closed;
  PtrsLifecycle lifecycle;
} PtrsArena;

static void *
arena_take(PtrsAllocator *allocator, size_t size, size_t align, size_t *clean)
{
  PtrsArena *const arena = (PtrsArena *)allocator;
  ptrs_spin_lock(&arena->lock);
  void *const mem = arena->is_closed ? NULL : ptrs_bump_alloc(&arena->bump, size, align, clean);
  ptrs_spin_unlock(&arena->lock);
  return mem;
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
  ptrs_spin_lock(&arena->lock);
  void *const new_mem = ptrs_bump_place(&arena->bump, mem, old_size, new_size, align, clean);
  ptrs_spin_unlock(&arena->lock);
  return new_mem;
}

static void *
arena_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  size_t clean = 0;
  return arena_take(allocator, size, align, &clean);
}

static void *
arena_zalloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  size_t clean    = 0;
  void *const mem = arena_take(allocator, size, align, &clean);
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
  size_t clean = 0;
  uint8_t *const new_mem =
      (uint8_t *)arena_place(allocator, mem, old_size, new_size, align, &clean);
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
  void *const new_mem = arena_place(allocator, mem, old_size, new_size, align, &clean);
  if (new_mem && new_mem != mem) {
    memcpy(new_mem, mem, ptrs_min(old_size, new_size));
  }
  return new_mem;
}

static void
arena_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  PtrsArena *const arena = (PtrsArena *)allocator;
  (void)align;
  ptrs_spin_lock(&arena->lock);
  ptrs_bump_free(&arena->bump, mem, size);
  ptrs_spin_unlock(&arena->lock);
}

static void
arena_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  PtrsArena *const arena = (PtrsArena *)allocator;
  ptrs_spin_lock(&arena->lock);
  *stats = arena->bump.stats;
  ptrs_spin_unlock(&arena->lock);
}

static PtrsStatus
arena_clear(PtrsAllocator *allocator)
{
  PtrsArena *const arena = (PtrsArena *)allocator;
  ptrs_spin_lock(&arena->lock);
  if (ptrs_lifecycle_is_lending(&arena->lifecycle)) {
    ptrs_spin_unlock(&arena->lock);
    return PTRS_STATUS_PINNED;
  }
  arena->is_closed = true;
  ptrs_bump_rewind(&arena->bump, NULL);
  PtrsChunk *const chunks = ptrs_bump_take_chunks(&arena->bump);
  ptrs_spin_unlock(&arena->lock);
  ptrs_bump_give_back(&arena->bump, chunks);
  return PTRS_STATUS_SUCCESS;
}

static PtrsStatus
arena_limit(PtrsAllocator *allocator, size_t new_limit, size_t *limit)
{
  PtrsArena *const arena = (PtrsArena *)allocator;
  ptrs_spin_lock(&arena->lock);
  const PtrsStatus status =
      ptrs_budget_set(&arena->bump.limit, arena->bump.stats.current_bytes, new_limit, limit);
  ptrs_spin_unlock(&arena->lock);
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
  PtrsArena *const arena = (PtrsArena *)slot->allocator;
  ptrs_spin_lock(&arena->lock);
  const PtrsMark *const mark = find_mark(arena, (Rewind *)ctx);
  const bool behind          = mark && ptrs_bump_is_behind(&arena->bump, mark, slot->mem);
  ptrs_spin_unlock(&arena->lock);
  return behind;
}

static PtrsStatus
rewind_bump(PtrsAllocator *allocator, void *ctx)
{
  PtrsArena *const arena = (PtrsArena *)allocator;
  Rewind *const rewind   = (Rewind *)ctx;
  PtrsStatus status      = PTRS_STATUS_SUCCESS;
  ptrs_spin_lock(&arena->lock);
  if (!rewind->to_start && !find_mark(arena, rewind)) {
    status = PTRS_STATUS_STALE;
  } else if (ptrs_lifecycle_is_lending(&arena->lifecycle)) {
    status = PTRS_STATUS_PINNED;
  } else {
    ptrs_bump_rewind(&arena->bump, rewind->mark);
  }
  ptrs_spin_unlock(&arena->lock);
  return status;
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
  ptrs_lifecycle_init(&made->lifecycle, &made->base, parent, &made->lock, &ops);
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
  PtrsArena *const self = (PtrsArena *)arena;
  ptrs_spin_lock(&self->lock);
  const PtrsMark *const made = ptrs_bump_mark(&self->bump);
  if (made) {
    *mark = made->number;
  } else {
    status = PTRS_STATUS_NO_MEM;
  }
  ptrs_spin_unlock(&self->lock);
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
  PtrsArena *const self = (PtrsArena *)arena;
  ptrs_spin_lock(&self->lock);
  PtrsChunk *const unused = ptrs_bump_take_unused(&self->bump, size);
  ptrs_spin_unlock(&self->lock);
  ptrs_lifecycle_unlock(arena->lifecycle);
  ptrs_bump_give_back(&self->bump, unused);
  ptrs_lifecycle_settle(ptrs_lifecycle_above(arena->lifecycle));
  return PTRS_STATUS_SUCCESS;
}
