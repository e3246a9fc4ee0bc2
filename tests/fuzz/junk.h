// SPDX-License-Identifier: MIT
// An allocator for fuzzing: undefined bytes are junk, a block may have more bytes than
// were asked for but no byte behind its capacity, every resize moves, and each free
// must name a block that it gave, with the right size.
#ifndef JUNK_H
#define JUNK_H

#include <stdbool.h>
#include <stddef.h>

#include "ptrs/allocator.h"

#define JUNK_MAX_BLOCKS 64

// Larger requests fail
#define JUNK_MAX_SIZE ((size_t)1 << 16)

typedef struct {
  void *mem;
  size_t size;
  size_t align;
} JunkBlock;

typedef struct {
  PtrsAllocator base;
  bool fails; // every request, as if memory had run out
  size_t n_blocks;
  JunkBlock blocks[JUNK_MAX_BLOCKS];
} JunkAllocator;

void junk_init(JunkAllocator *junk);

// The capacity of a block of `size` requested bytes
size_t junk_capacity(size_t size);

#endif
