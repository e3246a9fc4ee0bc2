// SPDX-License-Identifier: MIT
// Bump allocation for arenas: chunks, the blocks in them, and marks.  Without a lock.  Each
// function is O(log n) in chunks and marks, unless its comment says more.
#ifndef PTRS_BUMP_H
#define PTRS_BUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allocators/chunks.h"
#include "allocators/marks.h"
#include "base/budget.h"
#include "base/checked.h"
#include "base/stats.h"
#include "ptrs/allocator.h"

typedef struct {
  PtrsAllocator *parent; // of the chunks
  size_t chunk_size;
  size_t limit; // of the bytes that live; 0 without one
  PtrsChunk *first;
  PtrsChunk *by_address; // root of the tree of all chunks
  PtrsChunk *current;    // that takes the next block
  PtrsMark *newest;
  uint64_t n_marks; // ever made
  PtrsStats stats;
} PtrsBump;

// Where in a chunk a block would start; false if the block does not fit
static inline bool
ptrs_chunk_place(const PtrsChunk *chunk, size_t size, size_t align, size_t *start)
{
  const uintptr_t base = (uintptr_t)chunk;
  size_t address       = 0;
  size_t end           = 0;
  if (!ptrs_checked_round_up(base + chunk->used, align, &address) ||
      !ptrs_checked_add(address - base, size, &end) || end > chunk->size) {
    return false;
  }
  *start = address - base;
  return true;
}

// Go on to a chunk in which a block fits; NULL if there is no memory for a chunk
PtrsChunk *ptrs_bump_next_chunk(PtrsBump *bump, size_t size, size_t align, size_t *start);

// Take bytes of the current chunk or the next one.  A block of no bytes takes one byte, so that
// its address is unique.  *clean is how many bytes at the end were never written.
static inline uint8_t *
ptrs_bump_take(PtrsBump *bump, size_t size, size_t align, size_t *clean)
{
  const size_t taken = size ? size : 1;
  size_t start       = 0;
  PtrsChunk *chunk   = bump->current;
  if (size > PTRS_SIZE_MAX) {
    return NULL;
  }
  if (!chunk || !ptrs_chunk_place(chunk, taken, align, &start)) {
    chunk = ptrs_bump_next_chunk(bump, taken, align, &start);
    if (!chunk) {
      return NULL;
    }
  }
  chunk->used  = start + taken;
  *clean       = ptrs_min(chunk->used - ptrs_clamp(chunk->dirty, start, chunk->used), size);
  chunk->dirty = ptrs_max(chunk->dirty, chunk->used);
  return (uint8_t *)chunk + start;
}

// Make a block, of which the last *clean bytes are zero.  NULL if there is no memory.
static inline void *
ptrs_bump_alloc(PtrsBump *bump, size_t size, size_t align, size_t *clean)
{
  uint8_t *const mem = ptrs_budget_allows(bump->limit, bump->stats.current_bytes, size)
                           ? ptrs_bump_take(bump, size, align, clean)
                           : NULL;
  if (mem) {
    ptrs_stats_alloc(&bump->stats, size);
    if (bump->newest) {
      bump->newest->all.bytes += size;
      bump->newest->all.blocks += 1;
    }
  }
  return mem;
}

// Resize a block.  If the result is another address, the old bytes stay as they are, and the
// caller copies them.  Of the added bytes, the last *clean are zero.  NULL without memory.
void *ptrs_bump_place(
    PtrsBump *bump, void *mem, size_t old_size, size_t new_size, size_t align, size_t *clean);

void ptrs_bump_free(PtrsBump *bump, void *mem, size_t size);

// Make a mark; NULL if there is no memory.
PtrsMark *ptrs_bump_mark(PtrsBump *bump);

// The mark with a number; NULL if no valid mark has it.
PtrsMark *ptrs_bump_find_mark(const PtrsBump *bump, uint64_t number);

// Whether memory lies behind a mark.
bool ptrs_bump_is_behind(const PtrsBump *bump, const PtrsMark *mark, const void *mem);

// Go back to a mark, or for NULL to the start of the first chunk.
void ptrs_bump_rewind(PtrsBump *bump, PtrsMark *mark);

// Take the chunks out that hold no block nor mark: O(n log n) in chunks.  Tells their bytes.
PtrsChunk *ptrs_bump_take_unused(PtrsBump *bump, size_t *bytes);

// Take all chunks out of an arena without blocks, and give them back to the parent: O(n).
PtrsChunk *ptrs_bump_take_chunks(PtrsBump *bump);
void ptrs_bump_give_back(const PtrsBump *bump, PtrsChunk *chunks);

#endif
