// SPDX-License-Identifier: MIT
// What workloads allocate from: an allocator, plain or by checked blocks, or
// the C library without anything between.
//
// What is written into a piece depends on the piece's number, and is looked at
// again when it is freed: an allocator whose blocks overlap is found.
#ifndef HEAP_H
#define HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counts.h"
#include "ptrs/allocator.h"
#include "ptrs/block.h"

// What a workload writes into each piece beside its first and last bytes
typedef enum {
  TOUCH_ENDS,  // nothing
  TOUCH_HEAD,  // the first 128 bytes
  TOUCH_PAGES, // a byte in every page
  TOUCH_ALL,   // all
  TOUCH_CHECK, // all, and looks at all of it when it is freed
} Touch;

typedef struct {
  PtrsAllocator *allocator; // NULL: malloc(3) itself
  bool checked;
  bool is_arena;
  Touch touch;
  Counts *counts; // NULL: nothing is counted
} Heap;

typedef struct {
  void *mem;       // plain
  PtrsBlock block; // checked
  size_t size;     // 0: there is none
  size_t align;
  uint64_t number; // its maker in the upper bits
} Piece;

#define PIECE_MAKER_SHIFT 40

// Make the heap that a specification names: direct, system, system+stats,
// arena[:CHUNK], pool[:BLOCK], guard, foreign:PATH[:PREFIX].
//
// `max_size` is the largest size that will be asked for.  On failure the reason
// is in `message`; *unusable tells a specification that makes no sense or a
// library that does not load from an allocator that cannot serve this.
bool heap_open(Heap *heap,
               const char *spec,
               bool checked,
               size_t max_size,
               char *message,
               size_t message_size,
               bool *unusable);

void heap_close(Heap *heap);

// False if there is no memory.
bool heap_alloc(Heap *heap, size_t size, size_t align, uint64_t number, Piece *piece);

// *whole tells whether what was in it came along.
bool heap_resize(Heap *heap, Piece *piece, size_t size, bool *whole);

// False if the contents are not what was written: the allocator is broken.
bool heap_free(Heap *heap, Piece *piece, uint64_t maker);

// Free everything that was ever allocated, which `pieces` are: at once if the
// allocator can.
bool heap_free_all(Heap *heap, Piece *pieces, size_t count, uint64_t maker);

// The same functions of a library (handle NULL: of the C library) as a vtable that
// counts nothing.
PtrsAllocator *plain_allocator(void *library, const char *prefix);

#endif
