// SPDX-License-Identifier: MIT
// Sequences of stores, loads and calls of the access layer, on blocks live and
// stale, whole images and broken ones, beside a model of the blocks' bytes.
#include "access_world.h"

#define MAX_OPERATIONS 400
#define MAX_INTS 12

static bool
strides_fit(const ModelBlock *block, size_t offset, size_t stride, size_t count)
{
  const PtrsEntry entry = {.size = block->size};
  return ptrs_access_strides_fit(&entry, offset, stride, count);
}

// The bytes that a store of this value must write; to be freed
static uint8_t *
image_of(const PtrsCodecValue *value, const PtrsCodecShape *shape)
{
  uint8_t *const image = (uint8_t *)malloc(shape->size);
  REQUIRE(image);
  ptrs_codec_encode(value, shape, image);
  return image;
}

static int64_t
store_value(PtrsBlock handle, size_t offset, size_t room, const PtrsCodecValue *value, bool inside)
{
  const int kind = value->kind;
  if (kind == PTRS_CODEC_BYTES || kind == PTRS_CODEC_STR || (kind == PTRS_CODEC_INT && !inside)) {
    return ptrs_access_store_items(handle, offset, room, kind, value->data, value->width,
                                   value->count, value->negative);
  }
  return ptrs_access_store_number(handle, offset, room, kind, value->integer, value->real,
                                  value->imag);
}

static void
store(Input *input, World *world)
{
  const PtrsBlock handle     = take_handle(input, &world->blocks);
  const size_t offset        = take_offset(input);
  const size_t room          = take_room(input);
  void *heap                 = NULL;
  const PtrsCodecValue value = take_value(input, &heap);
  ModelBlock *const block    = model_find(&world->blocks, handle);
  PtrsCodecShape shape       = {0};
  const bool has_image       = !ptrs_codec_measure(&value, &shape);
  const bool fits =
      !block || (offset <= block->size && shape.size <= block->size - offset && shape.size <= room);
  const Answers wrong = model_refusals(&world->blocks, handle) |
                        answer_if(!has_image, PTRS_STATUS_BAD_ARG) |
                        answer_if(has_image && !fits, PTRS_STATUS_OUT_OF_BOUNDS);
  const int64_t result = store_value(handle, offset, room, &value, !value.data);
  if (model_expect(status_of(result), wrong)) {
    REQUIRE((size_t)result == shape.size);
    uint8_t *const image = image_of(&value, &shape);
    memcpy(block->shadow + offset, image, shape.size);
    free(image);
  }
  free(heap);
}

// Store an image that the caller made, or write any bytes
static void
store_bytes(Input *input, World *world, bool raw)
{
  const PtrsBlock handle   = take_handle(input, &world->blocks);
  const size_t offset      = take_offset(input);
  const size_t room        = raw ? SIZE_MAX : take_room(input);
  const size_t size        = (size_t)take(input, 1) % 96;
  void *heap               = NULL;
  const uint8_t *const mem = take_bytes(input, size, &heap);
  ModelBlock *const block  = model_find(&world->blocks, handle);
  const bool fits =
      size <= room && (!block || (offset <= block->size && size <= block->size - offset));
  const Answers wrong =
      model_refusals(&world->blocks, handle) | answer_if(!fits, PTRS_STATUS_OUT_OF_BOUNDS);
  const PtrsStatus status =
      raw ? ptrs_block_write(handle, offset, size, mem)
          : status_of(ptrs_access_store_image(handle, offset, room, mem, size));
  if (model_expect(status, wrong)) {
    memcpy(block->shadow + offset, mem, size);
  }
  free(heap);
}

// Flip a bit of a live block, also behind its size, where unsafe stores may write
static void
flip(Input *input, World *world)
{
  ModelBlock *const block = model_find(&world->blocks, take_handle(input, &world->blocks));
  const size_t at         = (size_t)take(input, 1);
  const unsigned bit      = (unsigned)take(input, 1) % 8;
  if (block && at < block->capacity) {
    block->shadow[at] ^= (uint8_t)(1U << bit);
    REQUIRE(!ptrs_block_write_unsafe(block->handle, at, 1, block->shadow + at));
  }
}

// The kind of the image at an offset of the model's bytes, or CORRUPT
static PtrsStatus
seen(const ModelBlock *block, size_t offset, PtrsCodecShape *shape)
{
  *shape = (PtrsCodecShape){.kind = PTRS_CODEC_EMPTY};
  if (offset >= block->size) {
    return offset > block->size ? PTRS_STATUS_OUT_OF_BOUNDS : PTRS_STATUS_SUCCESS;
  }
  const uint8_t *const bytes = block->shadow + offset;
  PtrsStatus status          = ptrs_codec_shape(bytes, block->capacity - offset, shape);
  if (!status && shape->kind != PTRS_CODEC_EMPTY) {
    void *const scratch = malloc(ptrs_codec_scratch(shape) + 1);
    REQUIRE(scratch);
    PtrsCodecValue value;
    status = ptrs_codec_decode(bytes, shape, scratch, &value);
    free(scratch);
  }
  return status;
}

static void
load(Input *input, World *world)
{
  const PtrsBlock handle        = take_handle(input, &world->blocks);
  const size_t offset           = take_offset(input);
  PtrsAccessLoad *const record  = &world->loads[take(input, 1) % N_LOADS];
  const ModelBlock *const block = model_find(&world->blocks, handle);
  PtrsCodecShape shape          = {.kind = PTRS_CODEC_EMPTY};
  Answers wrong                 = model_refusals(&world->blocks, handle);
  const PtrsStatus expected     = block ? seen(block, offset, &shape) : PTRS_STATUS_SUCCESS;
  wrong |= answer_if(expected, expected);
  const int result = ptrs_access_load(handle, offset, record);
  if (!model_expect(status_of(result), wrong)) {
    return;
  }
  REQUIRE(result == shape.kind);
  if (result != PTRS_CODEC_EMPTY) {
    // The loaded value is right exactly if it encodes to the block's bytes
    PtrsCodecShape again;
    REQUIRE(record->value.kind == result);
    REQUIRE(!ptrs_codec_measure(&record->value, &again));
    REQUIRE(again.size == shape.size);
    uint8_t *const image = image_of(&record->value, &again);
    REQUIRE(!memcmp(image, block->shadow + offset, again.size));
    free(image);
  }
  REQUIRE(ptrs_access_has_reference(handle, offset, record->value.integer) ==
          (result == PTRS_CODEC_REFERENCE));
}

static void
has_reference(Input *input, World *world)
{
  const PtrsBlock handle        = take_handle(input, &world->blocks);
  const size_t offset           = take_offset(input);
  const int64_t key             = (int64_t)take(input, 2);
  const ModelBlock *const block = model_find(&world->blocks, handle);
  const int result              = ptrs_access_has_reference(handle, offset, key);
  if (model_expect(status_of(result), model_refusals(&world->blocks, handle))) {
    PtrsCodecShape shape;
    const bool stands = !seen(block, offset, &shape) && shape.kind == PTRS_CODEC_REFERENCE &&
                        !memcmp(block->shadow + offset, &key, sizeof(key));
    REQUIRE(result == stands);
  }
}

static void
store_ints(Input *input, World *world)
{
  int64_t integers[MAX_INTS];
  const PtrsBlock handle  = take_handle(input, &world->blocks);
  const size_t offset     = take_offset(input);
  const size_t stride     = take_room(input);
  const size_t count      = (size_t)take(input, 1) % (MAX_INTS + 1);
  ModelBlock *const block = model_find(&world->blocks, handle);
  bool fit                = !block || strides_fit(block, offset, stride, count);
  PtrsCodecShape shape;
  for (size_t i = 0; i < count; ++i) {
    integers[i]                = take_integer(input);
    const PtrsCodecValue value = {.kind = PTRS_CODEC_INT, .integer = integers[i]};
    REQUIRE(!ptrs_codec_measure(&value, &shape));
    fit = fit && shape.size <= stride;
  }
  const Answers wrong =
      model_refusals(&world->blocks, handle) | answer_if(!fit, PTRS_STATUS_OUT_OF_BOUNDS);
  const int result = ptrs_access_store_ints(handle, offset, stride, integers, count);
  if (model_expect(status_of(result), wrong)) {
    for (size_t i = 0; i < count; ++i) {
      const PtrsCodecValue value = {.kind = PTRS_CODEC_INT, .integer = integers[i]};
      REQUIRE(!ptrs_codec_measure(&value, &shape));
      ptrs_codec_encode(&value, &shape, block->shadow + offset + i * stride);
    }
  }
}

static void
load_ints(Input *input, World *world)
{
  int64_t integers[MAX_INTS];
  const PtrsBlock handle        = take_handle(input, &world->blocks);
  const size_t offset           = take_offset(input);
  const size_t stride           = take_room(input);
  const size_t count            = (size_t)take(input, 1) % (MAX_INTS + 1);
  const ModelBlock *const block = model_find(&world->blocks, handle);
  const int result              = ptrs_access_load_ints(handle, offset, stride, integers, count);
  if (!model_expect(status_of(result), model_refusals(&world->blocks, handle))) {
    return;
  }
  bool good = strides_fit(block, offset, stride, count);
  for (size_t i = 0; good && i < count; ++i) {
    PtrsCodecShape shape;
    PtrsCodecValue value;
    const size_t at            = offset + i * stride;
    const uint8_t *const bytes = block->shadow + at;
    good = !ptrs_codec_shape(bytes, block->size - at, &shape) && shape.kind == PTRS_CODEC_INT &&
           shape.count <= 2 && !ptrs_codec_decode(bytes, &shape, NULL, &value);
    REQUIRE(!good || !result || value.integer == integers[i]);
  }
  REQUIRE(result == good);
}

static void
store_images(Input *input, World *world)
{
  const PtrsBlock handle       = take_handle(input, &world->blocks);
  const PtrsBlock staged       = take_handle(input, &world->blocks);
  const size_t offset          = take_offset(input);
  const size_t stride          = take_room(input);
  ModelBlock *const to         = model_find(&world->blocks, handle);
  const ModelBlock *const from = model_find(&world->blocks, staged);
  const size_t count           = from && stride ? from->size / stride : 0;
  Answers wrong = model_refusals(&world->blocks, handle) | model_refusals(&world->blocks, staged) |
                  answer_if(!stride || handle == staged, PTRS_STATUS_BAD_ARG);
  wrong |= answer_if(to && !strides_fit(to, offset, stride, count), PTRS_STATUS_OUT_OF_BOUNDS);
  if (model_expect(status_of(ptrs_access_store_images(handle, offset, stride, staged)), wrong)) {
    for (size_t i = 0; i < count; ++i) {
      PtrsCodecShape shape;
      const uint8_t *const image = from->shadow + i * stride;
      if (!ptrs_codec_shape(image, stride, &shape) && shape.kind != PTRS_CODEC_EMPTY) {
        memcpy(to->shadow + offset + i * stride, image, shape.size);
      }
    }
  }
}

static void
operate(Input *input, World *world)
{
  switch ((unsigned)take(input, 1) % 20) {
  case 0:
  case 1:
    world_allocate(input, world);
    break;
  case 2:
    world_adopt(input, world);
    break;
  case 3:
    world_end(input, world, take(input, 1) & 1);
    break;
  case 4:
    world_resize(input, world);
    break;
  case 5:
    world_begin_guard(input, world);
    break;
  case 6:
    world_properties(input, world);
    break;
  case 7:
    world_order(input, world);
    break;
  case 8:
    store_ints(input, world);
    break;
  case 9:
    load_ints(input, world);
    break;
  case 10:
    store_images(input, world);
    break;
  case 11:
    store_bytes(input, world, take(input, 1) & 1);
    break;
  case 12:
    flip(input, world);
    break;
  case 13:
    has_reference(input, world);
    break;
  case 14:
    ptrs_access_load_clear(&world->loads[take(input, 1) % N_LOADS]);
    break;
  case 15:
  case 16:
  case 17:
    store(input, world);
    break;
  default:
    load(input, world);
    break;
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static World world; // with pointers into itself
  Input input = {data, size};
  world       = (World){.blocks = {.blocks = {{.state = MODEL_NONE}}}};
  junk_init(&world.blocks.junk);
  for (unsigned i = 0; input.left && i < MAX_OPERATIONS; ++i) {
    operate(&input, &world);
    model_check_all(&world.blocks);
  }
  world_finish(&world);
  return 0;
}
