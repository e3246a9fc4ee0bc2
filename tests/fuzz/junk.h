// SPDX-License-Identifier: MIT
// An allocator for fuzzing: whatever an allocator leaves undefined is junk,
// every block has more bytes than were asked for and exactly as many as it
// says, every resize moves, and what it is given back must be what it gave.
#ifndef JUNK_H
#define JUNK_H

#include <stdbool.h>
#include <stddef.h>

#include "ptrs/allocator.h"

#define JUNK_MAX_BLOCKS 64

// Requests beyond this have no memory
#define JUNK_MAX_SIZE ((size_t)1 << 16)

typedef struct {
  void *mem;
  size_t size;
  size_t align;
} JunkBlock;

typedef struct {
  PtrsAllocator base;
  bool fails; // as if there were no memory
  size_t n_blocks;
  JunkBlock blocks[JUNK_MAX_BLOCKS];
} JunkAllocator;

void junk_init(JunkAllocator *junk);

// Bytes that a block of `size` requested bytes has
size_t junk_capacity(size_t size);

#endif
