// SPDX-License-Identifier: MIT
#include "allocators/bump.h"

#include "allocators/lifecycle.h"

#define CHUNK_ALIGN PTRS_ALIGN_DEFAULT

static uint8_t *
chunk_bytes(PtrsChunk *chunk)
{
  return (uint8_t *)chunk;
}

// Add a chunk, in which such a block fits, behind the current one
static PtrsChunk *
add_chunk(PtrsBump *bump, size_t size, size_t align)
{
  size_t wanted = 0;
  if (!ptrs_checked_add(size, sizeof(PtrsChunk) + align, &wanted) || wanted > PTRS_SIZE_MAX) {
    return NULL;
  }
  wanted       = ptrs_max(wanted, bump->chunk_size);
  size_t clean = 0;
  PtrsChunk *const chunk =
      (PtrsChunk *)ptrs_lifecycle_borrow(bump->parent, wanted, CHUNK_ALIGN, &clean);
  if (!chunk) {
    return NULL;
  }
  chunk->size  = wanted;
  chunk->used  = sizeof(PtrsChunk);
  chunk->dirty = ptrs_max(wanted - clean, sizeof(PtrsChunk));
  if (bump->current) {
    chunk->next         = bump->current->next;
    bump->current->next = chunk;
  } else {
    chunk->next = bump->first;
    bump->first = chunk;
  }
  ptrs_chunks_insert(&bump->by_address, chunk);
  return chunk;
}

PtrsChunk *
ptrs_bump_next_chunk(PtrsBump *bump, size_t size, size_t align, size_t *start)
{
  // A reset keeps chunks, so that there may be a next one
  PtrsChunk *chunk = bump->current ? bump->current->next : bump->first;
  if (chunk) {
    chunk->used = sizeof(PtrsChunk);
  }
  if (!chunk || !ptrs_chunk_place(chunk, size, align, start)) {
    chunk = add_chunk(bump, size, align);
    if (!chunk || !ptrs_chunk_place(chunk, size, align, start)) {
      return NULL;
    }
  }
  chunk->order  = bump->current ? bump->current->order + 1 : 0;
  bump->current = chunk;
  return chunk;
}

bool
ptrs_bump_is_behind(const PtrsBump *bump, const PtrsMark *mark, const void *mem)
{
  const PtrsChunk *const chunk = ptrs_chunks_find(bump->by_address, mem);
  return chunk && ptrs_mark_is_before(mark, chunk, (uintptr_t)mem - (uintptr_t)chunk);
}

// The mark whose account counts a block; NULL before the first mark
static PtrsMark *
mark_of(const PtrsBump *bump, const void *mem)
{
  if (!bump->newest) {
    return NULL;
  }
  const PtrsChunk *const chunk = ptrs_chunks_find(bump->by_address, mem);
  return chunk ? ptrs_marks_before(bump->newest, chunk, (uintptr_t)mem - (uintptr_t)chunk) : NULL;
}

static void
count_in(const PtrsBump *bump, const PtrsMark *mark, size_t size)
{
  const PtrsAccount change = {size, 1};
  ptrs_marks_count(bump->newest, mark, &change);
}

static void
count_out(const PtrsBump *bump, const PtrsMark *mark, size_t size)
{
  const PtrsAccount change = {0 - (uint64_t)size, 0 - (uint64_t)1};
  ptrs_marks_count(bump->newest, mark, &change);
}

// Whether a block is the last one: the next block would start at its end
static bool
is_last(const PtrsBump *bump, const uint8_t *mem, size_t size)
{
  const PtrsChunk *const chunk = bump->current;
  return (uintptr_t)mem + (size ? size : 1) == (uintptr_t)chunk + chunk->used &&
         (uintptr_t)mem > (uintptr_t)chunk;
}

// Resize a block where it is: the last one, or any one to a smaller size; false if not possible
static bool
resize_in_place(PtrsBump *bump, uint8_t *mem, size_t old_size, size_t new_size, size_t *clean)
{
  PtrsChunk *const chunk = bump->current;
  const size_t start     = (size_t)(mem - chunk_bytes(chunk));
  const size_t taken     = new_size ? new_size : 1;
  if (!is_last(bump, mem, old_size)) {
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
ptrs_bump_place(
    PtrsBump *bump, void *mem, size_t old_size, size_t new_size, size_t align, size_t *clean)
{
  PtrsMark *const old_mark = mark_of(bump, mem);
  PtrsMark *new_mark       = old_mark;
  void *new_mem            = mem;
  if (new_size > old_size &&
      !ptrs_budget_allows(bump->limit, bump->stats.current_bytes, new_size - old_size)) {
    return NULL;
  }
  if (!resize_in_place(bump, (uint8_t *)mem, old_size, new_size, clean)) {
    new_mark = bump->newest;
    new_mem  = ptrs_bump_take(bump, new_size, align, clean);
  }
  if (new_mem) {
    ptrs_stats_resize(&bump->stats, old_size, new_size);
    count_out(bump, old_mark, old_size);
    count_in(bump, new_mark, new_size);
  }
  return new_mem;
}

void
ptrs_bump_free(PtrsBump *bump, void *mem, size_t size)
{
  ptrs_stats_free(&bump->stats, size);
  count_out(bump, mark_of(bump, mem), size);
  if (is_last(bump, (const uint8_t *)mem, size)) {
    bump->current->used = (size_t)((uint8_t *)mem - chunk_bytes(bump->current));
  }
}

PtrsMark *
ptrs_bump_mark(PtrsBump *bump)
{
  size_t clean = 0;
  PtrsMark *const mark =
      (PtrsMark *)(void *)ptrs_bump_take(bump, sizeof(PtrsMark), _Alignof(PtrsMark), &clean);
  if (mark) {
    mark->number = ++bump->n_marks;
    mark->chunk  = bump->current;
    mark->used   = bump->current->used;
    ptrs_marks_push(&bump->newest, mark);
  }
  return mark;
}

PtrsMark *
ptrs_bump_find_mark(const PtrsBump *bump, uint64_t number)
{
  return ptrs_marks_find(bump->newest, number);
}

void
ptrs_bump_rewind(PtrsBump *bump, PtrsMark *mark)
{
  if (!mark) {
    bump->current = bump->first;
    if (bump->first) {
      bump->first->used  = sizeof(PtrsChunk);
      bump->first->order = 0;
    }
    bump->newest               = NULL;
    bump->stats.current_blocks = 0;
    bump->stats.current_bytes  = 0;
    return;
  }
  const PtrsAccount gone = ptrs_marks_pop(&bump->newest, mark);
  bump->stats.current_blocks -= gone.blocks;
  bump->stats.current_bytes -= gone.bytes;
  bump->current       = mark->chunk;
  bump->current->used = mark->used;
}

PtrsChunk *
ptrs_bump_take_unused(PtrsBump *bump, size_t *bytes)
{
  // Blocks that were freed one by one have left the arena as it was
  if (!bump->stats.current_blocks && !bump->newest) {
    bump->current = NULL;
  }
  PtrsChunk **const rest  = bump->current ? &bump->current->next : &bump->first;
  PtrsChunk *const unused = *rest;
  *rest                   = NULL;
  *bytes                  = 0;
  for (PtrsChunk *chunk = unused; chunk; chunk = chunk->next) {
    ptrs_chunks_remove(&bump->by_address, chunk);
    *bytes += chunk->size;
  }
  return unused;
}

PtrsChunk *
ptrs_bump_take_chunks(PtrsBump *bump)
{
  PtrsChunk *const chunks = bump->first;
  bump->first             = NULL;
  bump->by_address        = NULL;
  bump->current           = NULL;
  return chunks;
}

void
ptrs_bump_give_back(const PtrsBump *bump, PtrsChunk *chunks)
{
  while (chunks) {
    PtrsChunk *const next = chunks->next;
    ptrs_lifecycle_give_back(bump->parent, chunks, chunks->size, CHUNK_ALIGN);
    chunks = next;
  }
}
