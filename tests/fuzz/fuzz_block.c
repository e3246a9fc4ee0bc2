// SPDX-License-Identifier: MIT
// Sequences of operations on blocks, live, stale and made up, beside a model.
#include "block_model.h"

#define MAX_OPERATIONS 400
#define MAX_DATA 512

// A handle: mostly of a block that the model knows, live or not
static PtrsBlock
take_handle(Input *input, const Model *model)
{
  const unsigned which = (unsigned)take(input, 1);
  if (which < 240) {
    return model->blocks[which % MODEL_MAX_BLOCKS].handle;
  }
  // A known handle with bits changed, or any number
  const PtrsBlock known = model->blocks[take(input, 1) % MODEL_MAX_BLOCKS].handle;
  const uint64_t change = take(input, which < 248 ? 1 : 8);
  return (PtrsBlock)(which < 244   ? (uint64_t)known ^ change << 31
                     : which < 248 ? (uint64_t)known ^ change
                                   : change);
}

// A size: small, or one that no block can have
static size_t
take_size(Input *input)
{
  const size_t size = (size_t)take(input, 1);
  if (size < 232) {
    return size;
  }
  static const size_t others[] = {
      256, 511, 512, 1000, JUNK_MAX_SIZE + 1, PTRS_SIZE_MAX, PTRS_SIZE_MAX + 1, SIZE_MAX,
  };
  const size_t part = (size - 232) / 3;
  return others[part] - (size % 3 == 2 && part > 4 ? (size_t)take(input, 1) : 0);
}

static size_t
take_align(Input *input)
{
  const unsigned align = (unsigned)take(input, 1);
  return align < 200   ? (size_t)1 << align % 13
         : align < 240 ? align
                       : (size_t)1 << align % (8 * sizeof(size_t));
}

static bool
inside(size_t offset, size_t size, size_t limit)
{
  return offset <= limit && size <= limit - offset;
}

static void
allocate(Input *input, Model *model, bool zeroed)
{
  ModelBlock *const block = model_place(model, (size_t)take(input, 1));
  const size_t size       = take_size(input);
  const size_t align      = take_align(input);
  model->junk.fails       = take(input, 1) >= 240;
  if (!block) {
    return;
  }
  const Answers no_mem = answer_if(model->junk.fails || size > JUNK_MAX_SIZE, PTRS_STATUS_NO_MEM);
  const Answers wrong  = answer_if(!ptrs_align_is_valid(align), PTRS_STATUS_BAD_ARG) |
                        answer_if(size > PTRS_SIZE_MAX, PTRS_STATUS_OVERFLOW);
  PtrsBlock handle        = -1;
  PtrsAllocator *const a  = &model->junk.base;
  const PtrsStatus status = zeroed ? ptrs_block_zalloc(a, size, align, &handle)
                                   : ptrs_block_alloc(a, size, align, &handle);
  if (model_expect(status, wrong ? wrong : no_mem)) {
    model_issued(handle);
    *block = (ModelBlock){.handle = handle, .size = size, .align = align};
    model_born(block, junk_capacity(size), zeroed);
  } else {
    REQUIRE(handle == -1);
  }
}

static void
adopt(Input *input, Model *model)
{
  ModelBlock *const block = model_place(model, (size_t)take(input, 1));
  const size_t size       = (size_t)take(input, 1);
  const size_t align      = (size_t)1 << take(input, 1) % 5;
  const unsigned flags    = (unsigned)take(input, 1) % 5;
  const size_t shift      = (size_t)take(input, 1) % 16;
  if (!block) {
    return;
  }
  // aligned_alloc, since not every malloc(3) aligns to 16
  const size_t lent_size = (shift + size + 16) & ~(size_t)15;
  void *const lent       = aligned_alloc(16, lent_size);
  uint8_t *const mem     = (uint8_t *)lent + shift;
  REQUIRE(lent);
  memset(lent, 0, lent_size);
  const bool good         = (flags == 1 || flags == 3) && shift % align == 0;
  PtrsBlock handle        = -1;
  const PtrsStatus status = ptrs_block_adopt(mem, size, align, flags, &handle);
  if (!model_expect(status, answer_if(!good, PTRS_STATUS_BAD_ARG))) {
    REQUIRE(handle == -1);
    free(lent);
    return;
  }
  model_issued(handle);
  if (shift) {
    // The model frees adopted memory by the block's address: end such a block here
    REQUIRE(!ptrs_block_disown(handle));
    free(lent);
    return;
  }
  *block =
      (ModelBlock){.handle = handle, .size = size, .align = align, .flags = flags, .lent = lent};
  model_born(block, size, true);
}

typedef struct {
  PtrsStatus answer;
  const uint8_t *shadow;
  size_t capacity;
  size_t size;
} Check;

static PtrsStatus
check_resize(const uint8_t *mem, size_t capacity, size_t new_size, void *ctx)
{
  const Check *const check = (const Check *)ctx;
  REQUIRE(capacity == check->capacity);
  REQUIRE(new_size == check->size);
  REQUIRE(!memcmp(mem, check->shadow, capacity));
  return check->answer;
}

static void
resize(Input *input, Model *model, bool checked)
{
  const PtrsBlock handle  = take_handle(input, model);
  const size_t size       = take_size(input);
  model->junk.fails       = take(input, 1) >= 240;
  ModelBlock *const block = model_find(model, handle);
  Check check             = {.size = size};
  if (checked) {
    check.answer = take(input, 1) & 1 ? PTRS_STATUS_CORRUPT : PTRS_STATUS_SUCCESS;
  }
  Answers wrong =
      model_refusals(model, handle) | answer_if(size > PTRS_SIZE_MAX, PTRS_STATUS_OVERFLOW);
  if (block) {
    check.shadow   = block->shadow;
    check.capacity = block->capacity;
    wrong |= answer_if(block->pins, PTRS_STATUS_PINNED) |
             answer_if(block->flags, PTRS_STATUS_NOT_FREEABLE);
  }
  if (!wrong) {
    wrong = answer_if(check.answer, check.answer);
  }
  if (!wrong) {
    wrong = answer_if(model->junk.fails || size > JUNK_MAX_SIZE, PTRS_STATUS_NO_MEM);
  }
  const PtrsResizeRules rules = {.check = check_resize, .ctx = &check};
  const PtrsStatus status =
      checked ? ptrs_block_realloc_if(handle, size, &rules) : ptrs_block_realloc(handle, size);
  if (model_expect(status, wrong)) {
    model_resized(block, size);
  }
}

static void
end(Input *input, Model *model, unsigned how)
{
  static PtrsStatus (*const functions[])(PtrsBlock block) = {ptrs_block_free, ptrs_block_drop,
                                                             ptrs_block_disown, ptrs_block_unpin};
  const PtrsBlock handle                                  = take_handle(input, model);
  ModelBlock *const block                                 = model_find(model, handle);
  Answers wrong                                           = model_refusals(model, handle);
  bool ends                                               = block;
  if (block && how == 0) {
    wrong |= answer_if(block->pins, PTRS_STATUS_PINNED) |
             answer_if(block->flags, PTRS_STATUS_NOT_FREEABLE);
  } else if (block && how == 1) {
    wrong |= answer_if(block->flags, PTRS_STATUS_NOT_FREEABLE);
    block->dropped |= !wrong && block->pins;
    ends = !block->pins;
  } else if (block && how == 2) {
    wrong |=
        answer_if(block->pins, PTRS_STATUS_PINNED) | answer_if(!block->flags, PTRS_STATUS_BAD_ARG);
  } else if (block) {
    wrong |= answer_if(!block->pins, PTRS_STATUS_BAD_ARG);
    block->pins -= !wrong;
    ends = block->dropped && !block->pins;
  }
  if (model_expect(functions[how](handle), wrong) && ends) {
    model_died(block);
  }
}

static void
pin(Input *input, Model *model)
{
  const PtrsBlock handle  = take_handle(input, model);
  ModelBlock *const block = model_find(model, handle);
  void *mem               = NULL;
  Answers wrong           = model_refusals(model, handle);
  if (block) {
    wrong |= answer_if(block->flags & PTRS_BLOCK_NOT_PINNABLE, PTRS_STATUS_NOT_SUPPORTED);
  }
  if (model_expect(ptrs_block_pin(handle, &mem), wrong)) {
    ++block->pins;
    REQUIRE(!memcmp(mem, block->shadow, block->capacity));
  } else {
    REQUIRE(!mem);
  }
}

// The statuses for a range [offset, offset + size) of a block
static Answers
range(const ModelBlock *block, size_t offset, size_t size)
{
  return answer_if(block && !inside(offset, size, block->size), PTRS_STATUS_OUT_OF_BOUNDS);
}

static void
transfer(Input *input, Model *model, unsigned how)
{
  const PtrsBlock handle  = take_handle(input, model);
  ModelBlock *const block = model_find(model, handle);
  const size_t offset     = take_size(input);
  const size_t size       = take_size(input);
  const uint8_t byte      = (uint8_t)take(input, 1);
  const Answers wrong     = model_refusals(model, handle) | range(block, offset, size);

  // Exactly as large as needed, so that a sanitizer sees any byte more
  const size_t room   = size <= MAX_DATA ? size : 0;
  uint8_t *const data = (uint8_t *)malloc(room ? room : 1);
  REQUIRE(data);
  for (size_t i = 0; i < room; ++i) {
    data[i] = (uint8_t)(byte + i);
  }
  REQUIRE(wrong || size <= MAX_DATA || size <= block->size);
  if (!wrong && size > MAX_DATA) {
    free(data); // more than this buffer
    return;
  }
  void *const buffer = room || byte & 1 ? data : NULL;
  if (how == 0) {
    const bool done = model_expect(ptrs_block_read(handle, offset, size, buffer), wrong);
    for (size_t i = 0; i < room; ++i) {
      REQUIRE(data[i] == (done ? block->shadow[offset + i] : (uint8_t)(byte + i)));
    }
  } else if (how == 1) {
    if (model_expect(ptrs_block_write(handle, offset, size, buffer), wrong) && size) {
      memcpy(block->shadow + offset, data, size);
    }
  } else if (model_expect(ptrs_block_fill(handle, offset, size, byte), wrong)) {
    memset(block->shadow + offset, byte, size);
  }
  free(data);
}

// An unsafe write inside the capacity, or one that is refused
static void
write_unsafe(Input *input, Model *model)
{
  const PtrsBlock handle  = take_handle(input, model);
  ModelBlock *const block = model_find(model, handle);
  const size_t offset     = take_size(input);
  const size_t size       = take_size(input);
  const bool wraps        = !inside(offset, size, PTRS_SIZE_MAX);
  if ((block && !wraps && !inside(offset, size, block->capacity)) || (!wraps && size > MAX_DATA)) {
    return;
  }
  uint8_t *const data = (uint8_t *)malloc(wraps || !size ? 1 : size);
  REQUIRE(data);
  memset(data, (int)take(input, 1), wraps ? 0 : size);
  const Answers wrong = model_refusals(model, handle) | answer_if(wraps, PTRS_STATUS_OVERFLOW);
  if (model_expect(ptrs_block_write_unsafe(handle, offset, size, data), wrong)) {
    memcpy(block->shadow + offset, data, size);
  }
  free(data);
}

static void
two_blocks(Input *input, Model *model, bool copies)
{
  const PtrsBlock handles[2] = {take_handle(input, model), take_handle(input, model)};
  const size_t offsets[2]    = {take_size(input), take_size(input)};
  const size_t size          = take_size(input);
  ModelBlock *blocks[2];
  Answers wrong = 0;
  for (size_t i = 0; i < 2; ++i) {
    blocks[i] = model_find(model, handles[i]);
    wrong |= model_refusals(model, handles[i]) | range(blocks[i], offsets[i], size);
  }
  if (copies) {
    const PtrsStatus status = ptrs_block_copy(handles[0], offsets[0], handles[1], offsets[1], size);
    if (model_expect(status, wrong)) {
      memmove(blocks[0]->shadow + offsets[0], blocks[1]->shadow + offsets[1], size);
    }
    return;
  }
  int order = 5;
  const PtrsStatus status =
      ptrs_block_compare(handles[0], offsets[0], handles[1], offsets[1], size, &order);
  if (model_expect(status, wrong)) {
    const int wanted = memcmp(blocks[0]->shadow + offsets[0], blocks[1]->shadow + offsets[1], size);
    REQUIRE(order == (wanted > 0) - (wanted < 0));
  } else {
    REQUIRE(order == 5);
  }
}

static void
enter(Input *input, Model *model)
{
  const PtrsBlock handle  = take_handle(input, model);
  ModelBlock *const block = model_find(model, handle);
  const PtrsAccess access = take(input, 1) & 1 ? PTRS_ACCESS_EXCLUSIVE : PTRS_ACCESS_SHARED;
  const size_t at         = (size_t)take(input, 1);
  PtrsEntry entry;
  if (model_expect(ptrs_block_enter(handle, access, &entry), model_refusals(model, handle))) {
    REQUIRE(entry.size == block->size);
    REQUIRE(entry.capacity == block->capacity);
    REQUIRE(!memcmp(entry.mem, block->shadow, entry.capacity));
    if (access == PTRS_ACCESS_EXCLUSIVE && at < entry.capacity) {
      entry.mem[at] ^= 0xFF;
      block->shadow[at] ^= 0xFF;
    }
    ptrs_block_leave(&entry);
  }
}

static void
operate(Input *input, Model *model)
{
  const unsigned which = (unsigned)take(input, 1) % 17;
  switch (which) {
  case 0:
  case 1:
    allocate(input, model, which);
    break;
  case 2:
    adopt(input, model);
    break;
  case 3:
  case 4:
    resize(input, model, which == 3);
    break;
  case 5:
  case 6:
  case 7:
  case 8:
    end(input, model, which - 5);
    break;
  case 9:
    pin(input, model);
    break;
  case 10:
  case 11:
  case 12:
    transfer(input, model, which - 10);
    break;
  case 13:
    write_unsafe(input, model);
    break;
  case 14:
  case 15:
    two_blocks(input, model, which == 14);
    break;
  default:
    enter(input, model);
    break;
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static Model model; // with pointers into itself
  Input input = {data, size};
  model       = (Model){.blocks = {{.state = MODEL_NONE}}};
  junk_init(&model.junk);
  for (unsigned i = 0; input.left && i < MAX_OPERATIONS; ++i) {
    operate(&input, &model);
    model_check_all(&model);
  }
  model_end(&model);
  return 0;
}
