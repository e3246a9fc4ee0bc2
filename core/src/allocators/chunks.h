// SPDX-License-Identifier: MIT
// The chunks of an arena: in the order in which they are filled, and by address.
#ifndef PTRS_CHUNKS_H
#define PTRS_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

// At the start of each chunk; blocks follow
typedef struct PtrsChunk {
  struct PtrsChunk *next;  // filled after this one
  size_t size;             // bytes, this header included
  size_t used;             // bytes up to the end of the last block
  size_t dirty;            // bytes up to the last one ever written; the rest is zero
  uint64_t order;          // rises from chunk to chunk, among those that are filled
  struct PtrsChunk *left;  // chunks at lower addresses, in a treap, which is about as deep as a
  struct PtrsChunk *right; // balanced tree; and chunks at higher addresses
} PtrsChunk;

// Put a chunk into a tree; take it out; and find the chunk that an address lies in, or NULL.
// Each is O(log n), expected.
void ptrs_chunks_insert(PtrsChunk **root, PtrsChunk *chunk);
void ptrs_chunks_remove(PtrsChunk **root, PtrsChunk *chunk);
PtrsChunk *ptrs_chunks_find(PtrsChunk *root, const void *mem);

#endif
