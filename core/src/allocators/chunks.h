// SPDX-License-Identifier: MIT
// The chunks of a region: in the order in which they are filled, and by address.
#ifndef PTRS_CHUNKS_H
#define PTRS_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

// At the start of each chunk; blocks follow
typedef struct PtrsChunk {
  struct PtrsChunk *next;  // filled after this one
  size_t size;             // bytes, with this
  size_t used;             // bytes up to the end of the last block
  size_t dirty;            // bytes beyond which nobody has ever written: they are zero
  uint64_t order;          // of those that are filled, each has a greater one than the one before
  struct PtrsChunk *left;  // those at lower addresses, and at higher ones: a treap, which is
  struct PtrsChunk *right; // about as deep as a balanced tree
} PtrsChunk;

// Put a chunk into a tree, and find the one in which an address lies, or NULL:
// O(log n), expected.
void ptrs_chunks_insert(PtrsChunk **root, PtrsChunk *chunk);
PtrsChunk *ptrs_chunks_find(PtrsChunk *root, const void *mem);

#endif
