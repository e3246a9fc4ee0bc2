// SPDX-License-Identifier: MIT
#include "allocators/bump.h"

#include "allocators/lifecycle.h"

#define CHUNK_ALIGN PTRS_ALIGN_DEFAULT

static uint8_t *
chunk_bytes(PtrsChunk *chunk)
{
  return (uint8_t *)chunk;
}

// Put a chunk in which a block surely fits behind the current one
static PtrsChunk *
add_chunk(PtrsRegion *region, size_t size, size_t align)
{
  size_t wanted = 0;
  if (!ptrs_checked_add(size, sizeof(PtrsChunk) + align, &wanted) || wanted > PTRS_SIZE_MAX) {
    return NULL;
  }
  wanted       = ptrs_max(wanted, region->chunk_size);
  size_t clean = 0;
  PtrsChunk *const chunk =
      (PtrsChunk *)ptrs_owner_borrow(region->parent, wanted, CHUNK_ALIGN, &clean);
  if (!chunk) {
    return NULL;
  }
  chunk->size  = wanted;
  chunk->used  = sizeof(PtrsChunk);
  chunk->dirty = ptrs_max(wanted - clean, sizeof(PtrsChunk));
  if (region->current) {
    chunk->next           = region->current->next;
    region->current->next = chunk;
  } else {
    chunk->next   = region->first;
    region->first = chunk;
  }
  ptrs_chunks_insert(&region->by_address, chunk);
  return chunk;
}

PtrsChunk *
ptrs_region_next_chunk(PtrsRegion *region, size_t size, size_t align, size_t *start)
{
  // The next one may be there since before a reset
  PtrsChunk *chunk = region->current ? region->current->next : region->first;
  if (chunk) {
    chunk->used = sizeof(PtrsChunk);
  }
  if (!chunk || !ptrs_chunk_place(chunk, size, align, start)) {
    chunk = add_chunk(region, size, align);
    if (!chunk || !ptrs_chunk_place(chunk, size, align, start)) {
      return NULL;
    }
  }
  chunk->order    = region->current ? region->current->order + 1 : 0;
  region->current = chunk;
  return chunk;
}

bool
ptrs_region_is_behind(const PtrsRegion *region, const PtrsMark *mark, const void *mem)
{
  const PtrsChunk *const chunk = ptrs_chunks_find(region->by_address, mem);
  return chunk && ptrs_mark_is_before(mark, chunk, (uintptr_t)mem - (uintptr_t)chunk);
}

// The mark in whose account a block stands; NULL before the first mark
static PtrsMark *
mark_of(const PtrsRegion *region, const void *mem)
{
  if (!region->newest) {
    return NULL;
  }
  const PtrsChunk *const chunk = ptrs_chunks_find(region->by_address, mem);
  return chunk ? ptrs_marks_before(region->newest, chunk, (uintptr_t)mem - (uintptr_t)chunk) : NULL;
}

static void
count_in(const PtrsRegion *region, const PtrsMark *mark, size_t size)
{
  const PtrsAccount change = {size, 1};
  ptrs_marks_count(region->newest, mark, &change);
}

static void
count_out(const PtrsRegion *region, const PtrsMark *mark, size_t size)
{
  const PtrsAccount change = {0 - (uint64_t)size, 0 - (uint64_t)1};
  ptrs_marks_count(region->newest, mark, &change);
}

// Whether a block is the last one, with its end where the region goes on
static bool
is_last(const PtrsRegion *region, const uint8_t *mem, size_t size)
{
  const PtrsChunk *const chunk = region->current;
  return (uintptr_t)mem + (size ? size : 1) == (uintptr_t)chunk + chunk->used &&
         (uintptr_t)mem > (uintptr_t)chunk;
}

// Give back what lies behind the new end of the last block, or take more for it
static bool
resize_in_place(PtrsRegion *region, uint8_t *mem, size_t old_size, size_t new_size, size_t *clean)
{
  PtrsChunk *const chunk = region->current;
  const size_t start     = (size_t)(mem - chunk_bytes(chunk));
  const size_t taken     = new_size ? new_size : 1;
  if (!is_last(region, mem, old_size)) {
    *clean = 0;
    return new_size <= old_size;
  }
  if (!ptrs_checked_range(start, taken, chunk->size)) {
    return false;
  }
  chunk->used  = start + taken;
  *clean       = ptrs_min(chunk->used - ptrs_clamp(chunk->dirty, start, chunk->used), new_size);
  chunk->dirty = ptrs_max(chunk->dirty, chunk->used);
  return true;
}

void *
ptrs_region_place(
    PtrsRegion *region, void *mem, size_t old_size, size_t new_size, size_t align, size_t *clean)
{
  PtrsMark *const old_mark = mark_of(region, mem);
  PtrsMark *new_mark       = old_mark;
  void *new_mem            = mem;
  if (!resize_in_place(region, (uint8_t *)mem, old_size, new_size, clean)) {
    new_mark = region->newest;
    new_mem  = ptrs_region_take(region, new_size, align, clean);
  }
  if (new_mem) {
    ptrs_stats_resize(&region->stats, old_size, new_size);
    count_out(region, old_mark, old_size);
    count_in(region, new_mark, new_size);
  }
  return new_mem;
}

void
ptrs_region_free(PtrsRegion *region, void *mem, size_t size)
{
  ptrs_stats_free(&region->stats, size);
  count_out(region, mark_of(region, mem), size);
  if (is_last(region, (const uint8_t *)mem, size)) {
    region->current->used = (size_t)((uint8_t *)mem - chunk_bytes(region->current));
  }
}

PtrsMark *
ptrs_region_mark(PtrsRegion *region)
{
  size_t clean = 0;
  PtrsMark *const mark =
      (PtrsMark *)(void *)ptrs_region_take(region, sizeof(PtrsMark), _Alignof(PtrsMark), &clean);
  if (mark) {
    mark->number = ++region->n_marks;
    mark->chunk  = region->current;
    mark->used   = region->current->used;
    ptrs_marks_push(&region->newest, mark);
  }
  return mark;
}

PtrsMark *
ptrs_region_find_mark(const PtrsRegion *region, uint64_t number)
{
  return ptrs_marks_find(region->newest, number);
}

void
ptrs_region_rewind(PtrsRegion *region, PtrsMark *mark)
{
  if (!mark) {
    region->current = region->first;
    if (region->first) {
      region->first->used  = sizeof(PtrsChunk);
      region->first->order = 0;
    }
    region->newest               = NULL;
    region->stats.current_blocks = 0;
    region->stats.current_bytes  = 0;
    return;
  }
  const PtrsAccount gone = ptrs_marks_pop(&region->newest, mark);
  region->stats.current_blocks -= gone.blocks;
  region->stats.current_bytes -= gone.bytes;
  region->current       = mark->chunk;
  region->current->used = mark->used;
}

PtrsChunk *
ptrs_region_take_chunks(PtrsRegion *region)
{
  PtrsChunk *const chunks = region->first;
  region->first           = NULL;
  region->by_address      = NULL;
  region->current         = NULL;
  return chunks;
}

void
ptrs_region_give_back(const PtrsRegion *region, PtrsChunk *chunks)
{
  while (chunks) {
    PtrsChunk *const next = chunks->next;
    ptrs_owner_give_back(region->parent, chunks, chunks->size, CHUNK_ALIGN);
    chunks = next;
  }
}
