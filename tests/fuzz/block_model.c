// SPDX-License-Identifier: MIT
#include "block_model.h"

// The fields of a handle, as ptrs/block.h draws them
#define GENERATION_SHIFT 31

// Enough slots: the table fills densely, and few blocks are live at a time
#define MAX_SLOTS 256

bool
model_expect(PtrsStatus status, Answers answers)
{
  REQUIRE(answers ? (answers & ANSWER(status)) : !status);
  return !status;
}

// The greatest generation issued for each slot; slots outlive runs
static uint64_t generations[MAX_SLOTS];

static size_t
slot_of(PtrsBlock handle)
{
  return (size_t)((uint64_t)handle & (((uint64_t)1 << GENERATION_SHIFT) - 1));
}

static uint64_t
generation_of(PtrsBlock handle)
{
  return (uint64_t)handle >> GENERATION_SHIFT;
}

void
model_issued(PtrsBlock handle)
{
  REQUIRE(handle > 0);
  const size_t slot = slot_of(handle);
  REQUIRE(slot < MAX_SLOTS);
  REQUIRE(generation_of(handle) == generations[slot] + 1);
  generations[slot] = generation_of(handle);
}

Answers
model_refusals(const Model *model, PtrsBlock handle)
{
  for (size_t i = 0; i < MODEL_MAX_BLOCKS; ++i) {
    const ModelBlock *const block = &model->blocks[i];
    if (block->state == MODEL_LIVE && block->handle == handle) {
      return 0;
    }
  }
  const bool issued = handle > 0 && slot_of(handle) < MAX_SLOTS && generation_of(handle) &&
                      generation_of(handle) <= generations[slot_of(handle)];
  return ANSWER(issued ? PTRS_STATUS_STALE : PTRS_STATUS_BAD_HANDLE);
}

ModelBlock *
model_find(Model *model, PtrsBlock handle)
{
  for (size_t i = 0; i < MODEL_MAX_BLOCKS; ++i) {
    ModelBlock *const block = &model->blocks[i];
    if (block->state == MODEL_LIVE && block->handle == handle) {
      return block;
    }
  }
  return NULL;
}

ModelBlock *
model_place(Model *model, size_t start)
{
  for (size_t i = 0; i < MODEL_MAX_BLOCKS; ++i) {
    ModelBlock *const block = &model->blocks[(start + i) % MODEL_MAX_BLOCKS];
    if (block->state != MODEL_LIVE) {
      return block;
    }
  }
  return NULL;
}

void
model_born(ModelBlock *block, size_t capacity, bool zeroed)
{
  PtrsBlockInfo info;
  REQUIRE(!ptrs_block_info(block->handle, &info));
  REQUIRE(info.capacity == capacity);
  block->state    = MODEL_LIVE;
  block->pins     = 0;
  block->dropped  = false;
  block->capacity = capacity;
  block->shadow   = (uint8_t *)calloc(capacity ? capacity : 1, 1);
  REQUIRE(block->shadow);
  if (!zeroed) {
    // The bytes of malloc() are undefined, but the slack behind them is not
    memcpy(block->shadow, info.mem, block->size);
  }
}

void
model_died(ModelBlock *block)
{
  PtrsBlockInfo info;
  REQUIRE(ptrs_block_info(block->handle, &info) == PTRS_STATUS_STALE);
  if (block->lent) {
    // The memory must equal the model in every byte
    REQUIRE(!memcmp(block->lent, block->shadow, block->size));
  }
  free(block->shadow);
  free(block->lent);
  block->shadow = NULL;
  block->lent   = NULL;
  block->state  = MODEL_DEAD;
}

void
model_resized(ModelBlock *block, size_t size)
{
  const size_t capacity = junk_capacity(size);
  const size_t kept     = block->capacity < size ? block->capacity : size;
  uint8_t *const shadow = (uint8_t *)calloc(capacity ? capacity : 1, 1);
  REQUIRE(shadow);
  memcpy(shadow, block->shadow, kept);
  free(block->shadow);
  block->shadow   = shadow;
  block->size     = size;
  block->capacity = capacity;
}

void
model_check(Model *model, const ModelBlock *block)
{
  PtrsBlockInfo info;
  REQUIRE(!ptrs_block_info(block->handle, &info));
  REQUIRE(info.mem);
  REQUIRE(!((uintptr_t)info.mem & (block->align - 1)));
  REQUIRE(info.size == block->size);
  REQUIRE(info.capacity == block->capacity);
  REQUIRE(info.align == block->align);
  REQUIRE(info.allocator == (block->flags ? NULL : &model->junk.base));
  REQUIRE(info.flags == block->flags);
  REQUIRE(info.pins == block->pins);
  REQUIRE(!memcmp(info.mem, block->shadow, block->capacity));
}

void
model_check_all(Model *model)
{
  size_t n_owned = 0;
  for (size_t i = 0; i < MODEL_MAX_BLOCKS; ++i) {
    const ModelBlock *const block = &model->blocks[i];
    if (block->state == MODEL_LIVE) {
      model_check(model, block);
      n_owned += !block->flags;
    } else if (block->state == MODEL_DEAD) {
      PtrsBlockInfo info;
      REQUIRE(ptrs_block_info(block->handle, &info) == PTRS_STATUS_STALE);
    }
  }
  REQUIRE(model->junk.n_blocks == n_owned);
}

void
model_end(Model *model)
{
  for (size_t i = 0; i < MODEL_MAX_BLOCKS; ++i) {
    ModelBlock *const block = &model->blocks[i];
    if (block->state != MODEL_LIVE) {
      continue;
    }
    const bool goes_with_its_pins = block->dropped;
    for (; block->pins; --block->pins) {
      REQUIRE(!ptrs_block_unpin(block->handle));
    }
    if (block->flags) {
      REQUIRE(!ptrs_block_disown(block->handle));
    } else if (!goes_with_its_pins) {
      REQUIRE(!ptrs_block_free(block->handle));
    }
    model_died(block);
  }
  model_check_all(model);
  REQUIRE(!model->junk.n_blocks);
}
