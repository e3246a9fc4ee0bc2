// SPDX-License-Identifier: MIT
#include "ptrs/pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "allocators/lifecycle.h"
#include "base/checked.h"
#include "base/spin.h"
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
  PtrsSpin lock; // of the fields down to `slabs`
  FreeBlock *free_blocks;
  uint8_t *fresh; // first block of the newest slab that was never used
  size_t n_fresh;
  PtrsStats stats;
  bool is_closed;
  Slab *slabs; // newest first
  size_t stride;
  size_t align;
  size_t slab_blocks;
  size_t slab_size; // bytes, with the Slab
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

static void *
pool_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  PtrsPool *const pool = (PtrsPool *)allocator;
  if (size > pool->base.max_size || align > pool->align) {
    return NULL;
  }
  ptrs_spin_lock(&pool->lock);
  void *mem = pool->free_blocks;
  if (mem) {
    pool->free_blocks = pool->free_blocks->next;
  } else if (!pool->is_closed && (pool->n_fresh || add_slab(pool))) {
    mem = pool->fresh;
    pool->fresh += pool->stride;
    pool->n_fresh -= 1;
  }
  if (mem) {
    ptrs_stats_alloc(&pool->stats, size);
  }
  ptrs_spin_unlock(&pool->lock);
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
  PtrsPool *const pool = (PtrsPool *)allocator;
  (void)align;
  if (new_size > pool->base.max_size) {
    return NULL;
  }
  ptrs_spin_lock(&pool->lock);
  ptrs_stats_resize(&pool->stats, old_size, new_size);
  ptrs_spin_unlock(&pool->lock);
  return mem;
}

static void *
pool_take(PtrsAllocator *allocator, size_t size, size_t align, size_t *clean)
{
  *clean = 0;
  return pool_alloc(allocator, size, align);
}

static void *
pool_place(PtrsAllocator *allocator,
           void *mem,
           size_t old_size,
           size_t new_size,
           size_t align,
           size_t *clean)
{
  *clean = 0;
  return pool_realloc(allocator, mem, old_size, new_size, align);
}

static void
pool_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  PtrsPool *const pool   = (PtrsPool *)allocator;
  FreeBlock *const block = (FreeBlock *)mem;
  (void)align;
  ptrs_spin_lock(&pool->lock);
  block->next       = pool->free_blocks;
  pool->free_blocks = block;
  ptrs_stats_free(&pool->stats, size);
  ptrs_spin_unlock(&pool->lock);
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
  PtrsPool *const pool = (PtrsPool *)allocator;
  ptrs_spin_lock(&pool->lock);
  *stats = pool->stats;
  ptrs_spin_unlock(&pool->lock);
}

static PtrsStatus
pool_clear(PtrsAllocator *allocator)
{
  PtrsPool *const pool = (PtrsPool *)allocator;
  ptrs_spin_lock(&pool->lock);
  if (ptrs_lifecycle_is_lending(&pool->lifecycle)) {
    ptrs_spin_unlock(&pool->lock);
    return PTRS_STATUS_PINNED;
  }
  Slab *slab                 = pool->slabs;
  pool->slabs                = NULL;
  pool->free_blocks          = NULL;
  pool->n_fresh              = 0;
  pool->is_closed            = true;
  pool->stats.current_blocks = 0;
  pool->stats.current_bytes  = 0;
  ptrs_spin_unlock(&pool->lock);

  while (slab) {
    Slab *const older = slab->older;
    ptrs_lifecycle_give_back(pool->parent, slab->mem, pool->slab_size, pool->align);
    slab = older;
  }
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
  ptrs_lifecycle_init(&made->lifecycle, &made->base, parent, &made->lock, &ops);
  *pool = &made->base;
  return PTRS_STATUS_SUCCESS;
}

size_t
ptrs_pool_block_size(const PtrsAllocator *pool)
{
  return pool->alloc == pool_alloc ? pool->max_size : 0;
}
