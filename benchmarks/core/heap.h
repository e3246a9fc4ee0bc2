// SPDX-License-Identifier: MIT
// What workloads allocate from: an allocator, plain or by checked blocks, or
// the C library without anything between.  What is written into each piece is
// looked at again when it is freed.
#ifndef HEAP_H
#define HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ptrs/allocator.h"
#include "ptrs/block.h"

typedef struct {
  PtrsAllocator *allocator; // NULL: malloc(3) itself
  bool checked;
  bool is_arena;
} Heap;

typedef struct {
  void *mem;       // plain
  PtrsBlock block; // checked
  size_t size;
} Piece;

// Make the heap that a specification names: direct, system, arena[:CHUNK],
// pool[:BLOCK], guard, foreign:PATH[:PREFIX].
//
// `max_size` is the largest size that will be asked for.  On failure the reason
// is in `message`; *unusable tells a specification that makes no sense from an
// allocator that is not there or cannot serve this.
bool heap_open(Heap *heap,
               const char *spec,
               bool checked,
               size_t max_size,
               char *message,
               size_t message_size,
               bool *unusable);

void heap_close(Heap *heap);

// False if there is no memory.
bool heap_alloc(Heap *heap, size_t size, Piece *piece);
bool heap_resize(Heap *heap, Piece *piece, size_t size);

// False if the contents are not what was written: the allocator is broken.
bool heap_free(Heap *heap, Piece *piece);

// Free everything that was ever allocated, which `pieces` are: at once if the
// allocator can.
bool heap_free_all(Heap *heap, Piece *pieces, size_t count);

#endif
