// SPDX-License-Identifier: MIT
#include "access_input.h"

#define MAX_ITEMS 48

PtrsBlock
take_handle(Input *input, const Model *model)
{
  const unsigned which = (unsigned)take(input, 1);
  if (which < 248) {
    return model->blocks[which % MODEL_MAX_BLOCKS].handle;
  }
  return which < 252 ? (PtrsBlock)take(input, 8) : -(PtrsBlock)take(input, 1);
}

size_t
take_size(Input *input)
{
  static const size_t others[] = {
      256, 1000, 4096, JUNK_MAX_SIZE + 1, PTRS_SIZE_MAX, PTRS_SIZE_MAX + 1, SIZE_MAX};
  const size_t size = (size_t)take(input, 1);
  return size < 235 ? size : others[(size - 235) / 3];
}

size_t
take_offset(Input *input)
{
  const size_t offset = (size_t)take(input, 1);
  if (offset < 64) {
    return offset % 4 ? 0 : offset; // 0, or less than 4
  }
  return offset < 250 ? offset - 64 : SIZE_MAX - (size_t)take(input, 1);
}

size_t
take_room(Input *input)
{
  static const size_t others[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 12 + 1, PTRS_SIZE_MAX};
  const size_t room            = (size_t)take(input, 1);
  return room < 128 ? room : room < 200 ? SIZE_MAX : others[room % 4];
}

size_t
take_align(Input *input)
{
  const unsigned align = (unsigned)take(input, 1);
  return align < 240   ? (size_t)1 << align % 9
         : align < 250 ? align
                       : (size_t)1 << align % (8 * sizeof(size_t));
}

int64_t
take_integer(Input *input)
{
  const unsigned how = (unsigned)take(input, 1);
  if (how < 64) {
    return (int64_t)how - 32;
  }
  // Around the limits of a small int, of two digits, and of the type
  const int64_t near = (int64_t)(how % 8) - 4;
  const unsigned bit = how / 8 % 4 == 0 ? 30 : how / 8 % 4 == 1 ? 60 : 63;
  if (how < 192) {
    return (int64_t)(((uint64_t)1 << bit) + (uint64_t)near);
  }
  return (int64_t)take(input, 8);
}

uint8_t *
take_bytes(Input *input, size_t size, void **heap)
{
  uint8_t *const bytes = (uint8_t *)malloc(size ? size : 1);
  REQUIRE(bytes);
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = (uint8_t)take(input, 1);
  }
  *heap = bytes;
  return bytes;
}

static double
take_double(Input *input)
{
  const uint64_t bits = take(input, 8);
  double real;
  memcpy(&real, &bits, sizeof(real));
  return real;
}

// Items of a width, most of which are characters
static void
take_text(Input *input, PtrsCodecValue *value, void **heap)
{
  static const int widths[]  = {1, 2, 4, 0, 3};
  static const int lengths[] = {1, 2, 4, 1, 3};
  const unsigned which       = (unsigned)take(input, 1);
  const unsigned kind        = which % 16 < 12 ? which % 3 : which % 5;
  const size_t width         = (size_t)lengths[kind];
  const uint32_t most        = which >= 240 ? UINT32_MAX : which >= 120 ? 0x10FFFF : 0x7F;
  uint8_t *const items       = (uint8_t *)malloc(value->count * width + 1);
  REQUIRE(items);
  for (size_t i = 0; i < value->count; ++i) {
    const uint32_t number = (uint32_t)take(input, width < 4 || most != 0x10FFFF ? width : 3);
    const uint32_t item   = number > most ? number & most : number;
    for (size_t byte = 0; byte < width; ++byte) {
      // The low byte first or last, as the machine has it
      const uint16_t two       = (uint16_t)item;
      const uint8_t one        = (uint8_t)item;
      const void *const source = width == 4   ? (const void *)&item
                                 : width == 2 ? (const void *)&two
                                              : (const void *)&one;
      items[i * width + byte]  = width == 3 ? one : ((const uint8_t *)source)[byte];
    }
  }
  value->width = widths[kind];
  value->data  = items;
  *heap        = items;
}

PtrsCodecValue
take_value(Input *input, void **heap)
{
  PtrsCodecValue value = {.kind = (int)take(input, 1) % 9};
  const unsigned how   = (unsigned)take(input, 1);
  switch (value.kind) {
  case PTRS_CODEC_EMPTY:
    // An int of many digits
    value.kind     = PTRS_CODEC_INT;
    value.negative = how & 1;
    value.count    = how / 2 % MAX_ITEMS;
    value.data     = take_bytes(input, value.count, heap);
    break;
  case PTRS_CODEC_BOOL:
    value.integer = how & 1;
    break;
  case PTRS_CODEC_INT:
    value.integer = take_integer(input);
    break;
  case PTRS_CODEC_FLOAT:
  case PTRS_CODEC_COMPLEX:
    value.real = take_double(input);
    value.imag = value.kind == PTRS_CODEC_COMPLEX ? take_double(input) : 0;
    break;
  case PTRS_CODEC_BYTES:
    value.width = 1;
    value.count = how % MAX_ITEMS;
    value.data  = take_bytes(input, value.count, heap);
    break;
  case PTRS_CODEC_STR:
    value.count = how % MAX_ITEMS;
    take_text(input, &value, heap);
    break;
  case PTRS_CODEC_REFERENCE:
    value.integer = (int64_t)take(input, 2);
    break;
  default:
    break;
  }
  return value;
}
