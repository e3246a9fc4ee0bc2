// SPDX-License-Identifier: MIT
// The marks of an arena: a stack, in which each mark accounts for the live blocks between
// itself and the next newer mark.
//
// The stack is a skew-binary list (Myers 1983).  Each mark is the head of a group: itself
// alone, or itself and the two groups of equal size below it.  `older` is the next mark, `far`
// the first mark behind the group.  By these, the way from the newest mark down to any other
// is O(log n) steps.  A head accounts for all blocks of its group.
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

// Lies among the blocks of the arena
typedef struct PtrsMark {
  struct PtrsMark *older;
  struct PtrsMark *far; // the next mark behind the group whose head this is
  uint64_t depth;       // number of marks from the oldest one up to this one
  uint64_t number;
  PtrsChunk *chunk;
  size_t used;     // bytes of the chunk in use, this mark included
  PtrsAccount all; // of the group
} PtrsMark;

// Push a mark, whose number, chunk and used have been set.
void ptrs_marks_push(PtrsMark **newest, PtrsMark *mark);

// The mark with a number; NULL if no valid mark has it.
PtrsMark *ptrs_marks_find(PtrsMark *newest, uint64_t number);

// Whether a place, which is in use, lies behind a mark.
static inline bool
ptrs_mark_is_before(const PtrsMark *mark, const PtrsChunk *chunk, size_t offset)
{
  return mark->chunk == chunk ? mark->used <= offset : mark->chunk->order < chunk->order;
}

// The newest mark that lies before a place; NULL if there is none.
PtrsMark *ptrs_marks_before(PtrsMark *newest, const PtrsChunk *chunk, size_t offset);

// Change the account of a mark, by numbers that may be negative; NULL: of none.
void ptrs_marks_count(PtrsMark *newest, const PtrsMark *mark, const PtrsAccount *change);

// Take all marks off that are newer than one, and empty its account; returns what
// stood in all of these.
PtrsAccount ptrs_marks_pop(PtrsMark **newest, PtrsMark *mark);

#endif
