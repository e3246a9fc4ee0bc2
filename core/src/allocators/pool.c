// SPDX-License-Identifier: MIT
#include "ptrs/pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "allocators/lifecycle.h"
#include "base/budget.h"
#include "base/checked.h"
#include "base/stats.h"

// Bytes of a slab, and its fewest blocks, if the caller leaves the number to the pool
#define SLAB_SIZE ((size_t)64 << 10)
#define SLAB_BLOCKS_MIN ((size_t)8)

// The first bytes of a free block
typedef struct FreeBlock {
  struct FreeBlock *next;
} FreeBlock;

// At the end of each slab, behind its blocks
typedef struct Slab {
  struct Slab *older;
  uint8_t *mem;
} Slab;

typedef struct {
  PtrsAllocator base;
  FreeBlock *free_blocks; // this and what follows down to `slabs`: under the lifecycle's lock
  uint8_t *fresh;         // first block of the newest slab that was never used
  size_t n_fresh;
  PtrsStats stats;
  Slab *slabs; // newest first
  size_t stride;
  size_t align;
  size_t slab_blocks;
  size_t slab_size; // bytes, with the Slab
  size_t limit;     // of the bytes that live; 0 without one
  PtrsAllocator *parent;
  PtrsLifecycle lifecycle;
} PtrsPool;

// Get a slab: locked
static bool
add_slab(PtrsPool *pool)
{
  size_t clean = 0;
  uint8_t *const mem =
      (uint8_t *)ptrs_lifecycle_borrow(pool->parent, pool->slab_size, pool->align, &clean);
  if (!mem) {
    return false;
  }
  Slab *const slab = (Slab *)(void *)(mem + pool->slab_size - sizeof(Slab));
  slab->older      = pool->slabs;
  slab->mem        = mem;
  pool->slabs      = slab;
  pool->fresh      = mem;
  pool->n_fresh    = pool->slab_blocks;
  return true;
}

// Functions for checked blocks, which hold the lock

static inline void *
pool_take(PtrsAllocator *allocator, size_t size, size_t align, size_t *clean)
{
  PtrsPool *const pool = (PtrsPool *)allocator;
  if (size > pool->base.max_size || align > pool->align || pool->lifecycle.is_closed) {
    return NULL;
  }
  void *mem = pool->free_blocks;
  if (!ptrs_budget_allows(pool->limit, pool->stats.current_bytes, size)) {
    mem = NULL;
  } else if (mem) {
    pool->free_blocks = pool->free_blocks->next;
  } else if (pool->n_fresh || add_slab(pool)) {
    mem = pool->fresh;
    pool->fresh += pool->stride;
    pool->n_fresh -= 1;
  }
  if (mem) {
    ptrs_stats_alloc(&pool->stats, size);
  }
  *clean = 0;
  return mem;
}

static inline void *
pool_place(PtrsAllocator *allocator,
           void *mem,
           size_t old_size,
           size_t new_size,
           size_t align,
           size_t *clean)
{
  PtrsPool *const pool = (PtrsPool *)allocator;
  (void)align;
  if (new_size > pool->base.max_size) {
    return NULL;
  }
  if (new_size > old_size &&
      !ptrs_budget_allows(pool->limit, pool->stats.current_bytes, new_size - old_size)) {
    return NULL;
  }
  ptrs_stats_resize(&pool->stats, old_size, new_size);
  *clean = 0;
  return mem;
}

static inline void
pool_put_back(PtrsAllocator *allocator, void *mem, size_t size)
{
  PtrsPool *const pool   = (PtrsPool *)allocator;
  FreeBlock *const block = (FreeBlock *)mem;
  block->next            = pool->free_blocks;
  pool->free_blocks      = block;
  ptrs_stats_free(&pool->stats, size);
}

// Functions of the allocator

static void *
pool_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  size_t clean = 0;
  ptrs_lifecycle_lock(allocator->lifecycle);
  void *const mem = pool_take(allocator, size, align, &clean);
  ptrs_lifecycle_unlock(allocator->lifecycle);
  return mem;
}

static void *
pool_zalloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  void *const mem = pool_alloc(allocator, size, align);
  if (mem) {
    memset(mem, 0, size);
  }
  return mem;
}

static void *
pool_realloc(PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align)
{
  size_t clean = 0;
  ptrs_lifecycle_lock(allocator->lifecycle);
  void *const new_mem = pool_place(allocator, mem, old_size, new_size, align, &clean);
  ptrs_lifecycle_unlock(allocator->lifecycle);
  return new_mem;
}

static void
pool_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  (void)align;
  ptrs_lifecycle_lock(allocator->lifecycle);
  pool_put_back(allocator, mem, size);
  ptrs_lifecycle_unlock(allocator->lifecycle);
}

static size_t
pool_capacity(PtrsAllocator *allocator, const void *mem, size_t size, size_t align)
{
  (void)align;
  (void)mem;
  (void)size;
  return allocator->max_size;
}

static void
pool_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  ptrs_lifecycle_lock(allocator->lifecycle);
  *stats = ((PtrsPool *)allocator)->stats;
  ptrs_lifecycle_unlock(allocator->lifecycle);
}

static PtrsStatus
pool_limit(PtrsAllocator *allocator, size_t new_limit, size_t *limit)
{
  PtrsPool *const pool = (PtrsPool *)allocator;
  ptrs_lifecycle_lock(&pool->lifecycle);
  const PtrsStatus status =
      ptrs_budget_set(&pool->limit, pool->stats.current_bytes, new_limit, limit);
  ptrs_lifecycle_unlock(&pool->lifecycle);
  return status;
}

static void
give_back(const PtrsPool *pool, Slab *slab)
{
  while (slab) {
    Slab *const older = slab->older;
    ptrs_lifecycle_give_back(pool->parent, slab->mem, pool->slab_size, pool->align);
    slab = older;
  }
}

static PtrsStatus
pool_clear(PtrsAllocator *allocator)
{
  PtrsPool *const pool = (PtrsPool *)allocator;
  if (ptrs_lifecycle_is_lending(&pool->lifecycle)) {
    return PTRS_STATUS_PINNED;
  }
  Slab *const slabs          = pool->slabs;
  pool->slabs                = NULL;
  pool->free_blocks          = NULL;
  pool->n_fresh              = 0;
  pool->stats.current_blocks = 0;
  pool->stats.current_bytes  = 0;
  give_back(pool, slabs);
  return PTRS_STATUS_SUCCESS;
}

// Bytes from one block to the next, blocks of a slab, and bytes of a slab
static PtrsStatus
lay_out(PtrsPool *pool, size_t block_size, size_t slab_blocks)
{
  // Each block has room for a FreeBlock, and its alignment
  const size_t align  = ptrs_max(pool->align, _Alignof(FreeBlock));
  const size_t wanted = ptrs_max(block_size, sizeof(FreeBlock));
  size_t size         = 0;
  if (!ptrs_checked_round_up(wanted, align, &pool->stride)) {
    return PTRS_STATUS_OVERFLOW;
  }
  pool->align = align;
  pool->slab_blocks =
      slab_blocks ? slab_blocks : ptrs_max(SLAB_SIZE / pool->stride, SLAB_BLOCKS_MIN);
  if (!ptrs_checked_mul(pool->stride, pool->slab_blocks, &size) ||
      !ptrs_checked_add(size, sizeof(Slab), &pool->slab_size) || pool->slab_size > PTRS_SIZE_MAX) {
    return PTRS_STATUS_OVERFLOW;
  }
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_pool_new(PtrsAllocator *parent,
              size_t block_size,
              size_t align,
              size_t slab_blocks,
              PtrsAllocator **pool)
{
  static const PtrsLifecycleOps ops = {
      .object_size  = sizeof(PtrsPool),
      .object_align = PTRS_ALIGN_DEFAULT,
      .clear        = pool_clear,
      .take         = pool_take,
      .place        = pool_place,
      .put_back     = pool_put_back,
  };
  if (!parent || !block_size || !ptrs_align_is_valid(align)) {
    return PTRS_STATUS_BAD_ARG;
  }
  PtrsPool plan = {
      .base =
          {
              .alloc     = pool_alloc,
              .zalloc    = pool_zalloc,
              .realloc   = pool_realloc,
              .free      = pool_free,
              .capacity  = pool_capacity,
              .name      = "pool",
              .stats     = pool_stats,
              .limit     = pool_limit,
              .max_size  = block_size,
              .max_align = align,
          },
      .align  = align,
      .parent = parent,
  };
  PtrsStatus status = lay_out(&plan, block_size, slab_blocks);
  if (status) {
    return status;
  }
  status = ptrs_lifecycle_check_parent(parent, plan.slab_size, plan.align);
  if (status) {
    return status;
  }
  PtrsPool *const made = (PtrsPool *)ptrs_os_malloc(sizeof(PtrsPool), PTRS_ALIGN_DEFAULT);
  if (!made) {
    return PTRS_STATUS_NO_MEM;
  }
  *made = plan;
  ptrs_lifecycle_init(&made->lifecycle, &made->base, parent, &ops);
  *pool = &made->base;
  return PTRS_STATUS_SUCCESS;
}

size_t
ptrs_pool_block_size(const PtrsAllocator *pool)
{
  return pool->alloc == pool_alloc ? pool->max_size : 0;
}

// Sort a list, whose items begin with the address of the next one, by addresses
static void *
sorted(void *list, size_t count)
{
  void **const first = (void **)list;
  if (count < 2) {
    if (count) {
      *first = NULL;
    }
    return count ? list : NULL;
  }
  void *second = list;
  for (size_t i = 0; i < count / 2; ++i) {
    second = *(void **)second;
  }
  void *b      = sorted(second, count - count / 2);
  void *a      = sorted(list, count / 2);
  void *merged = NULL;
  for (void **end = &merged; a || b;) {
    void **const from = !b || (a && (uintptr_t)a < (uintptr_t)b) ? &a : &b;
    void *const item  = *from;
    *from             = *(void **)item;
    *end              = item;
    end               = (void **)item;
    *end              = NULL;
  }
  return merged;
}

static size_t
length(const void *list)
{
  size_t count = 0;
  for (; list; list = *(void *const *)list) {
    count += 1;
  }
  return count;
}

// Take the slabs out that have no block in use.  Slabs and free blocks are brought into the order
// of their addresses, in which those of a slab follow each other.  Locked.
static Slab *
take_unused(PtrsPool *pool)
{
  Slab *unused      = NULL;
  Slab **slab_link  = &pool->slabs;
  FreeBlock **start = &pool->free_blocks;
  pool->slabs       = (Slab *)sorted(pool->slabs, length(pool->slabs));
  pool->free_blocks = (FreeBlock *)sorted(pool->free_blocks, length(pool->free_blocks));
  while (*slab_link) {
    Slab *const slab     = *slab_link;
    const uintptr_t from = (uintptr_t)slab->mem;
    const bool is_fresh  = pool->n_fresh && (uintptr_t)pool->fresh - from < pool->slab_size;
    size_t n_free        = is_fresh ? pool->n_fresh : 0;
    FreeBlock **end      = start;
    for (; *end && (uintptr_t)*end - from < pool->slab_size; end = &(*end)->next) {
      n_free += 1;
    }
    if (n_free < pool->slab_blocks) {
      start     = end;
      slab_link = &slab->older;
      continue;
    }
    *start      = *end;
    *slab_link  = slab->older;
    slab->older = unused;
    unused      = slab;
    if (is_fresh) {
      pool->n_fresh = 0;
    }
  }
  return unused;
}

PtrsStatus
ptrs_pool_release_unused(PtrsAllocator *allocator, size_t *size)
{
  if (!ptrs_pool_block_size(allocator)) {
    return PTRS_STATUS_BAD_ARG;
  }
  const PtrsStatus status = ptrs_lifecycle_enter(allocator->lifecycle);
  if (status) {
    return status;
  }
  PtrsPool *const pool = (PtrsPool *)allocator;
  Slab *const unused   = take_unused(pool);
  ptrs_lifecycle_unlock(allocator->lifecycle);
  *size = length(unused) * pool->slab_size;
  give_back(pool, unused);
  ptrs_lifecycle_settle(ptrs_lifecycle_above(allocator->lifecycle));
  return PTRS_STATUS_SUCCESS;
}
