// SPDX-License-Identifier: MIT
// What blocks should be: the simplest thing that behaves like ptrs/block.h.
#ifndef BLOCK_MODEL_H
#define BLOCK_MODEL_H

#include "fuzz.h"
#include "junk.h"
#include "ptrs/block.h"

#define MODEL_MAX_BLOCKS 24

typedef enum { MODEL_NONE, MODEL_LIVE, MODEL_DEAD } ModelState;

// A block that is, or was.  The shadow has every byte of its capacity.
typedef struct {
  ModelState state;
  PtrsBlock handle;
  size_t size;
  size_t capacity;
  size_t align;
  unsigned flags; // 0 unless adopted
  unsigned pins;
  bool dropped;
  uint8_t *shadow;
  void *lent; // the memory of an adopted block
} ModelBlock;

typedef struct {
  JunkAllocator junk;
  ModelBlock blocks[MODEL_MAX_BLOCKS];
} Model;

// A set of statuses, any of which may be the answer; none: SUCCESS is.  Which
// of several errors comes first is not promised.
typedef unsigned Answers;

#define ANSWER(status) (1U << (status))

// Whether to `add` an answer, as an expression
static inline Answers
answer_if(bool add, PtrsStatus status)
{
  return add ? ANSWER(status) : 0;
}

// Fail unless `status` is among the answers; whether it is SUCCESS
bool model_expect(PtrsStatus status, Answers answers);

// Take note of a handle that is new
void model_issued(PtrsBlock handle);

// What every function answers to a handle that is no live block
Answers model_refusals(const Model *model, PtrsBlock handle);

// The live block with this handle, or NULL
ModelBlock *model_find(Model *model, PtrsBlock handle);

// A place for a block: unused, or that of a dead one; NULL if all are live
ModelBlock *model_place(Model *model, size_t start);

// Take note of a new live block whose bytes are zero, or, with `zeroed` false,
// of one whose bytes are to be taken as they are
void model_born(ModelBlock *block, size_t capacity, bool zeroed);

// Take note that a block has gone
void model_died(ModelBlock *block);

// Take note of a new size
void model_resized(ModelBlock *block, size_t size);

// Compare a live block with what it should be, through every way to see it
void model_check(Model *model, const ModelBlock *block);

// Compare everything
void model_check_all(Model *model);

// Let everything go, and check that nothing is left
void model_end(Model *model);

#endif
