// SPDX-License-Identifier: MIT
// The marks of a region: a stack of which each one lies behind the one before, with
// an account of the live blocks behind it, up to the next newer one.
//
// Beside the next older mark each knows one far below, so that those between the two
// are its own and two groups of the same size, of which the next older mark and the
// one behind that group are the heads (a skew-binary list: Myers 1983).  The way from
// the newest mark down to any one is O(log n) steps, and what is noted at the heads
// on it is the sum of all that is below.
#ifndef PTRS_MARKS_H
#define PTRS_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allocators/chunks.h"

typedef struct {
  uint64_t bytes;
  uint64_t blocks;
} PtrsAccount;

// In the region itself
typedef struct PtrsMark {
  struct PtrsMark *older;
  struct PtrsMark *far; // the next one that is not of the group of which this is the head
  uint64_t depth;       // marks from the oldest one on, with this
  uint64_t number;
  PtrsChunk *chunk;
  size_t used;     // bytes of the chunk, with this
  PtrsAccount all; // of the group
} PtrsMark;

// Put a mark, of which number, chunk and bytes have been set, above the newest one.
void ptrs_marks_push(PtrsMark **newest, PtrsMark *mark);

// The mark with a number; NULL if it is not valid.
PtrsMark *ptrs_marks_find(PtrsMark *newest, uint64_t number);

// Whether a place, which is in use, lies behind a mark.
static inline bool
ptrs_mark_is_before(const PtrsMark *mark, const PtrsChunk *chunk, size_t offset)
{
  return mark->chunk == chunk ? mark->used <= offset : mark->chunk->order < chunk->order;
}

// The newest mark that a place lies behind; NULL before the first one.
PtrsMark *ptrs_marks_before(PtrsMark *newest, const PtrsChunk *chunk, size_t offset);

// Change the account of a mark, by numbers that may be negative; NULL: of none.
void ptrs_marks_count(PtrsMark *newest, const PtrsMark *mark, const PtrsAccount *change);

// Take all marks off that are newer than one, and empty its account; returns what
// stood in all of these.
PtrsAccount ptrs_marks_pop(PtrsMark **newest, PtrsMark *mark);

#endif
