// SPDX-License-Identifier: MIT
// A model of blocks: the simplest code that behaves as ptrs/block.h says.
#ifndef BLOCK_MODEL_H
#define BLOCK_MODEL_H

#include "fuzz.h"
#include "junk.h"
#include "ptrs/block.h"

#define MODEL_MAX_BLOCKS 24

typedef enum { MODEL_NONE, MODEL_LIVE, MODEL_DEAD } ModelState;

// A block, live or freed.  The shadow has every byte of its capacity.
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

// The set of statuses that a call may return, as the order of checks is not promised;
// the empty set means SUCCESS.
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

// Record a new handle
void model_issued(PtrsBlock handle);

// The statuses of any function for a handle that names no live block
Answers model_refusals(const Model *model, PtrsBlock handle);

// The live block with this handle, or NULL
ModelBlock *model_find(Model *model, PtrsBlock handle);

// A place for a block, unused or of a freed block; NULL if all are live
ModelBlock *model_place(Model *model, size_t start);

// Record a new live block, whose bytes are zero, or, with `zeroed` false, are read
// from its memory
void model_born(ModelBlock *block, size_t capacity, bool zeroed);

// Record that a block was freed
void model_died(ModelBlock *block);

// Record a new size
void model_resized(ModelBlock *block, size_t size);

// Compare a live block with its model through every function that reads it
void model_check(Model *model, const ModelBlock *block);

// Compare every live block
void model_check_all(Model *model);

// Free all blocks, and check that the allocators have none left
void model_end(Model *model);

#endif
