// SPDX-License-Identifier: MIT
#include "region.h"

#include "owner.h"

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
  wanted = ptrs_max(wanted, region->chunk_size);
  PtrsChunk *const chunk =
      (PtrsChunk *)ptrs_owner_borrow(region->parent, wanted, CHUNK_ALIGN, true);
  if (!chunk) {
    return NULL;
  }
  chunk->size  = wanted;
  chunk->used  = sizeof(PtrsChunk);
  chunk->dirty = sizeof(PtrsChunk);
  if (region->current) {
    chunk->next           = region->current->next;
    region->current->next = chunk;
  } else {
    chunk->next   = region->first;
    region->first = chunk;
  }
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
  region->current = chunk;
  return chunk;
}

bool
ptrs_region_is_behind(const PtrsMark *mark, const void *mem)
{
  const PtrsChunk *chunk = mark->chunk;
  const uintptr_t where  = (uintptr_t)mem;
  if (where >= (uintptr_t)chunk && where - (uintptr_t)chunk < chunk->size) {
    return where - (uintptr_t)chunk >= mark->used;
  }
  for (chunk = chunk->next; chunk; chunk = chunk->next) {
    if (where >= (uintptr_t)chunk && where - (uintptr_t)chunk < chunk->size) {
      return true;
    }
  }
  return false;
}

// The mark whose account a block stands in; NULL before the first mark
static PtrsMark *
mark_of(const PtrsRegion *region, const void *mem)
{
  PtrsMark *mark = region->newest;
  while (mark && !ptrs_region_is_behind(mark, mem)) {
    mark = mark->older;
  }
  return mark;
}

static void
count_out(PtrsMark *mark, size_t size)
{
  if (mark) {
    mark->bytes -= size;
    mark->blocks -= 1;
  }
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
resize_in_place(PtrsRegion *region, uint8_t *mem, size_t old_size, size_t new_size)
{
  PtrsChunk *const chunk = region->current;
  const size_t start     = (size_t)(mem - chunk_bytes(chunk));
  const size_t taken     = new_size ? new_size : 1;
  if (!is_last(region, mem, old_size)) {
    return new_size <= old_size;
  }
  if (!ptrs_checked_range(start, taken, chunk->size)) {
    return false;
  }
  chunk->used  = start + taken;
  chunk->dirty = ptrs_max(chunk->dirty, chunk->used);
  return true;
}

void *
ptrs_region_realloc(PtrsRegion *region, void *mem, size_t old_size, size_t new_size, size_t align)
{
  PtrsMark *const old_mark = mark_of(region, mem);
  PtrsMark *new_mark       = old_mark;
  void *new_mem            = mem;
  if (!resize_in_place(region, (uint8_t *)mem, old_size, new_size)) {
    size_t clean = 0;
    new_mark     = region->newest;
    new_mem      = ptrs_region_take(region, new_size, align, &clean);
  }
  if (new_mem) {
    ptrs_stats_resize(&region->stats, old_size, new_size);
    count_out(old_mark, old_size);
    ptrs_mark_count_in(new_mark, new_size);
  }
  return new_mem;
}

void
ptrs_region_free(PtrsRegion *region, void *mem, size_t size)
{
  ptrs_stats_free(&region->stats, size);
  count_out(mark_of(region, mem), size);
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
    const PtrsMark fresh = {
        .older  = region->newest,
        .number = ++region->n_marks,
        .chunk  = region->current,
        .used   = region->current->used,
    };
    *mark          = fresh;
    region->newest = mark;
  }
  return mark;
}

PtrsMark *
ptrs_region_find_mark(const PtrsRegion *region, uint64_t number)
{
  PtrsMark *mark = region->newest;
  while (mark && mark->number != number) {
    mark = mark->older;
  }
  return mark;
}

void
ptrs_region_rewind(PtrsRegion *region, PtrsMark *mark)
{
  if (!mark) {
    region->current = region->first;
    if (region->first) {
      region->first->used = sizeof(PtrsChunk);
    }
    region->newest               = NULL;
    region->stats.current_blocks = 0;
    region->stats.current_bytes  = 0;
    return;
  }
  for (const PtrsMark *newer = region->newest;; newer = newer->older) {
    region->stats.current_blocks -= newer->blocks;
    region->stats.current_bytes -= newer->bytes;
    if (newer == mark) {
      break;
    }
  }
  region->newest        = mark;
  region->current       = mark->chunk;
  region->current->used = mark->used;
  mark->blocks          = 0;
  mark->bytes           = 0;
}

PtrsChunk *
ptrs_region_take_chunks(PtrsRegion *region)
{
  PtrsChunk *const chunks = region->first;
  region->first           = NULL;
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
