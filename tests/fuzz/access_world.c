// SPDX-License-Identifier: MIT
#include "access_world.h"

void
world_allocate(Input *input, World *world)
{
  Model *const model      = &world->blocks;
  ModelBlock *const block = model_place(model, (size_t)take(input, 1));
  const size_t size       = take_size(input);
  const size_t align      = take_align(input);
  model->junk.fails       = take(input, 1) >= 240;
  if (!block) {
    return;
  }
  Answers wrong = answer_if(!ptrs_align_is_valid(align), PTRS_STATUS_BAD_ARG) |
                  answer_if(size > PTRS_SIZE_MAX, PTRS_STATUS_OVERFLOW);
  if (!wrong) {
    wrong = answer_if(model->junk.fails || size > JUNK_MAX_SIZE, PTRS_STATUS_NO_MEM);
  }
  const int64_t result = ptrs_access_new_block(&model->junk.base, size, align);
  if (model_expect(status_of(result), wrong)) {
    model_issued(result);
    *block = (ModelBlock){.handle = result, .size = size, .align = align};
    model_born(block, junk_capacity(size), true);
  }
}

// A block over memory of the harness, with the flags of a stack block
void
world_adopt(Input *input, World *world)
{
  ModelBlock *const block = model_place(&world->blocks, (size_t)take(input, 1));
  const size_t size       = (size_t)take(input, 1);
  const unsigned flags    = take(input, 1) & 1 ? 3 : 1;
  if (!block) {
    return;
  }
  PtrsBlock handle = 0;
  void *const lent = calloc(size + 1, 1);
  REQUIRE(lent && !ptrs_block_adopt(lent, size, 8, flags, &handle));
  model_issued(handle);
  *block = (ModelBlock){.handle = handle, .size = size, .align = 8, .flags = flags, .lent = lent};
  model_born(block, size, true);
}

// Whether a resize to `size` bytes would cut an image that starts within them
static bool
is_cut(const ModelBlock *block, size_t size)
{
  bool cut = false;
  for (size_t at = 0; at < (size ? size : 1) && at < block->capacity; ++at) {
    PtrsCodecShape shape;
    cut |= !ptrs_codec_shape(block->shadow + at, block->capacity - at, &shape) &&
           shape.kind != PTRS_CODEC_EMPTY && at + shape.size > size;
  }
  return cut;
}

// A cut image that zeros behind the first `kept` bytes would complete has no type word
static void
end_cut(ModelBlock *block, size_t kept)
{
  for (size_t at = 0; at + PTRS_CODEC_HEADER <= kept; ++at) {
    uint8_t prefix[PTRS_CODEC_PREFIX_MAX] = {0};
    PtrsCodecShape shape;
    for (size_t i = 0; i < sizeof(prefix) && at + i < kept; ++i) {
      prefix[i] = block->shadow[at + i];
    }
    if (!ptrs_codec_shape(prefix, SIZE_MAX, &shape) && shape.size > kept - at) {
      memset(block->shadow + at + 8, 0, 8);
    }
  }
}

void
world_resize(Input *input, World *world)
{
  Model *const model      = &world->blocks;
  const PtrsBlock handle  = take_handle(input, model);
  const size_t size       = take_size(input);
  model->junk.fails       = take(input, 1) >= 240;
  ModelBlock *const block = model_find(model, handle);
  Answers wrong =
      model_refusals(model, handle) | answer_if(size > PTRS_SIZE_MAX, PTRS_STATUS_OVERFLOW);
  if (block) {
    wrong |= answer_if(block->pins, PTRS_STATUS_PINNED) |
             answer_if(block->flags, PTRS_STATUS_NOT_FREEABLE);
  }
  if (!wrong && size < block->capacity) {
    wrong = answer_if(is_cut(block, size), PTRS_STATUS_OUT_OF_BOUNDS);
  }
  if (!wrong) {
    wrong = answer_if(model->junk.fails || size > JUNK_MAX_SIZE, PTRS_STATUS_NO_MEM);
  }
  if (model_expect(status_of(ptrs_access_resize(handle, size)), wrong)) {
    const size_t kept = size < block->capacity ? size : block->capacity;
    model_resized(block, size);
    end_cut(block, kept);
  }
}

void
world_end(Input *input, World *world, bool forgotten)
{
  Model *const model      = &world->blocks;
  const PtrsBlock handle  = take_handle(input, model);
  ModelBlock *const block = model_find(model, handle);
  if (forgotten) {
    const bool goes = block && !block->flags;
    const bool told = goes && !block->pins;
    REQUIRE(ptrs_access_drop_leaked(handle) == (told ? (int64_t)block->size : -1));
    if (told) {
      model_died(block);
    } else if (goes) {
      block->dropped = true;
    }
    return;
  }
  Answers wrong = model_refusals(model, handle);
  if (block) {
    wrong |= answer_if(block->pins, PTRS_STATUS_PINNED) |
             answer_if(block->flags, PTRS_STATUS_NOT_FREEABLE);
  }
  if (model_expect(ptrs_block_free(handle), wrong)) {
    model_died(block);
  }
}

static void
end_guard(World *world, PtrsAccessPinGuard *guard)
{
  ModelBlock *const block = model_find(&world->blocks, guard->block);
  ptrs_access_pin_guard_end(guard);
  REQUIRE(!guard->block);
  if (block && !--block->pins && block->dropped) {
    model_died(block);
  }
}

void
world_begin_guard(Input *input, World *world)
{
  PtrsAccessPinGuard *const guard = &world->guards[take(input, 1) % N_GUARDS];
  const PtrsBlock handle          = take_handle(input, &world->blocks);
  ModelBlock *const block         = model_find(&world->blocks, handle);
  if (guard->block) {
    end_guard(world, guard);
    return;
  }
  const bool refused = block && block->flags & PTRS_BLOCK_NOT_PINNABLE;
  const Answers wrong =
      model_refusals(&world->blocks, handle) | answer_if(refused, PTRS_STATUS_NOT_SUPPORTED);
  if (model_expect((PtrsStatus)ptrs_access_pin_guard_begin(guard, handle), wrong)) {
    ++block->pins;
    REQUIRE(guard->block == handle && !memcmp(guard->mem, block->shadow, block->capacity));
  } else {
    REQUIRE(!guard->block);
  }
}

void
world_properties(Input *input, World *world)
{
  const PtrsBlock handle        = take_handle(input, &world->blocks);
  const ModelBlock *const block = model_find(&world->blocks, handle);
  PtrsBlockInfo info            = {0};
  const PtrsStatus status       = ptrs_block_info(handle, &info);
  (void)model_expect(status, model_refusals(&world->blocks, handle));
  const int64_t refused = -(int64_t)status;
  REQUIRE(ptrs_access_size_of(handle) == (block ? (int64_t)block->size : refused));
  REQUIRE(ptrs_access_capacity_of(handle) == (block ? (int64_t)block->capacity : refused));
  REQUIRE(ptrs_access_align_of(handle) == (block ? (int64_t)block->align : refused));
  REQUIRE(ptrs_access_pins_of(handle) == (block ? (int64_t)block->pins : refused));
  REQUIRE(ptrs_access_address_of(handle) == (block ? (int64_t)(uintptr_t)info.mem : refused));
  const uintptr_t source = block && !block->flags ? (uintptr_t)&world->blocks.junk.base : 0;
  REQUIRE(ptrs_access_allocator_of(handle) == (block ? (int64_t)source : refused));
}

void
world_order(Input *input, World *world)
{
  const PtrsBlock handles[2] = {take_handle(input, &world->blocks),
                                take_handle(input, &world->blocks)};
  const size_t offsets[2]    = {take_offset(input), take_offset(input)};
  const size_t size          = take_offset(input);
  ModelBlock *blocks[2];
  Answers wrong = 0;
  for (size_t i = 0; i < 2; ++i) {
    blocks[i] = model_find(&world->blocks, handles[i]);
    const bool out =
        blocks[i] && (offsets[i] > blocks[i]->size || size > blocks[i]->size - offsets[i]);
    wrong |= model_refusals(&world->blocks, handles[i]) | answer_if(out, PTRS_STATUS_OUT_OF_BOUNDS);
  }
  const int result = ptrs_access_compare(handles[0], offsets[0], handles[1], offsets[1], size);
  if (model_expect(status_of(result), wrong)) {
    const int wanted = memcmp(blocks[0]->shadow + offsets[0], blocks[1]->shadow + offsets[1], size);
    REQUIRE(result == 1 + (wanted > 0) - (wanted < 0));
  }
}

void
world_finish(World *world)
{
  for (size_t i = 0; i < N_GUARDS; ++i) {
    if (world->guards[i].block) {
      end_guard(world, &world->guards[i]);
    }
  }
  for (size_t i = 0; i < N_LOADS; ++i) {
    ptrs_access_load_clear(&world->loads[i]);
  }
  model_end(&world->blocks);
}
