// SPDX-License-Identifier: MIT
#include "allocators/chunks.h"

// A number unrelated to the order of addresses: in the treap, chunks with greater numbers
// stand above those with smaller ones
static uint64_t
priority(const PtrsChunk *chunk)
{
  uint64_t mixed = (uint64_t)(uintptr_t)chunk;
  mixed          = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  mixed          = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
  return mixed ^ (mixed >> 31);
}

void
ptrs_chunks_insert(PtrsChunk **root, PtrsChunk *chunk)
{
  const uint64_t own = priority(chunk);
  PtrsChunk **link   = root;
  while (*link && priority(*link) > own) {
    link = (uintptr_t)*link < (uintptr_t)chunk ? &(*link)->right : &(*link)->left;
  }
  // Divide the subtree that stood there: lower addresses to the left, higher to the right
  PtrsChunk *rest   = *link;
  PtrsChunk **left  = &chunk->left;
  PtrsChunk **right = &chunk->right;
  *link             = chunk;
  while (rest) {
    if ((uintptr_t)rest < (uintptr_t)chunk) {
      *left = rest;
      left  = &rest->right;
      rest  = rest->right;
    } else {
      *right = rest;
      right  = &rest->left;
      rest   = rest->left;
    }
  }
  *left  = NULL;
  *right = NULL;
}

void
ptrs_chunks_remove(PtrsChunk **root, PtrsChunk *chunk)
{
  PtrsChunk **link = root;
  while (*link != chunk) {
    link = (uintptr_t)*link < (uintptr_t)chunk ? &(*link)->right : &(*link)->left;
  }
  // Join the two subtrees below, the one with the greater number above
  PtrsChunk *left  = chunk->left;
  PtrsChunk *right = chunk->right;
  while (left && right) {
    if (priority(left) > priority(right)) {
      *link = left;
      link  = &left->right;
      left  = left->right;
    } else {
      *link = right;
      link  = &right->left;
      right = right->left;
    }
  }
  *link = left ? left : right;
}

PtrsChunk *
ptrs_chunks_find(PtrsChunk *root, const void *mem)
{
  const uintptr_t where = (uintptr_t)mem;
  while (root) {
    if (where < (uintptr_t)root) {
      root = root->left;
    } else if (where - (uintptr_t)root < root->size) {
      return root;
    } else {
      root = root->right;
    }
  }
  return NULL;
}
