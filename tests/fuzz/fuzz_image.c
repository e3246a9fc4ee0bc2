// SPDX-License-Identifier: MIT
// Images: bytes that decode are encoded to the same bytes, a value with an image is
// decoded to the same value, and no byte outside of image or value is touched.
#include "fuzz.h"
#include "codec/codec.h"

static void *
room(size_t size)
{
  void *const mem = malloc(size ? size : 1);
  REQUIRE(mem);
  return mem;
}

// Encode a value into exactly as many bytes as it takes, `shift` bytes behind
// an aligned address; to be freed at *heap
static uint8_t *
encode(const PtrsCodecValue *value, const PtrsCodecShape *shape, size_t shift, void **heap)
{
  *heap              = room(shift + shape->size);
  uint8_t *const out = (uint8_t *)*heap + shift;
  memset(*heap, 0xA5, shift + shape->size);
  ptrs_codec_encode(value, shape, out);
  return out;
}

static void
check_shape(const PtrsCodecShape *shape, size_t available)
{
  REQUIRE(shape->kind >= PTRS_CODEC_NONE && shape->kind <= PTRS_CODEC_REFERENCE);
  REQUIRE(shape->prefix >= PTRS_CODEC_HEADER && shape->prefix <= PTRS_CODEC_PREFIX_MAX);
  REQUIRE(shape->size <= available);
  const size_t width = (size_t)shape->width;
  REQUIRE(shape->size == shape->prefix + shape->count * width + shape->terminator);
}

static void
check_same_shape(const PtrsCodecShape *a, const PtrsCodecShape *b)
{
  REQUIRE(a->kind == b->kind);
  REQUIRE(a->width == b->width);
  REQUIRE(a->ascii == b->ascii);
  REQUIRE(a->prefix == b->prefix);
  REQUIRE(a->count == b->count);
  REQUIRE(a->terminator == b->terminator);
  REQUIRE(a->size == b->size);
}

// What holds of every decoded value, also of one from broken bytes
static void
check_value(const PtrsCodecValue *value)
{
  if (value->kind == PTRS_CODEC_BOOL) {
    REQUIRE(!value->data && (value->integer == 0 || value->integer == 1));
  }
  if (value->kind == PTRS_CODEC_INT && value->data) {
    REQUIRE(value->count);
  }
  if (value->kind == PTRS_CODEC_STR) {
    REQUIRE(value->width == 1 || value->width == 4);
    for (size_t i = 0; value->width == 4 && i < value->count; ++i) {
      uint32_t code_point;
      memcpy(&code_point, (const uint8_t *)value->data + i * 4, sizeof(code_point));
      REQUIRE(code_point <= 0x10FFFF);
    }
  }
}

// The number of items that the bytes claim, from all bits of the word
static uint64_t
count_in(const uint8_t *bytes, const PtrsCodecShape *shape)
{
  uint64_t word       = 0;
  const bool is_int   = shape->kind == PTRS_CODEC_INT || shape->kind == PTRS_CODEC_BOOL;
  const bool is_items = shape->kind == PTRS_CODEC_BYTES || shape->kind == PTRS_CODEC_STR;
  if (is_int || is_items) {
    memcpy(&word, bytes + 16, sizeof(word));
  }
  return is_int ? word >> 3 : word;
}

// Decode bytes that claim to be an image, placed `shift` bytes behind an aligned
// address.
static void
try_bytes(const uint8_t *given, size_t size, size_t shift)
{
  void *heap                 = NULL;
  const uint8_t *const bytes = guarded_copy(given, size, shift, &heap);
  PtrsCodecShape shape;
  if (!ptrs_codec_shape(bytes, size, &shape) && shape.kind != PTRS_CODEC_EMPTY) {
    check_shape(&shape, size);
    REQUIRE(shape.count == count_in(bytes, &shape));
    // Decoding must read no byte behind the image
    void *image_heap           = NULL;
    const uint8_t *const image = guarded_copy(bytes, shape.size, shift, &image_heap);
    void *const scratch        = room(ptrs_codec_scratch(&shape));
    PtrsCodecValue value;
    if (!ptrs_codec_decode(image, &shape, scratch, &value)) {
      REQUIRE(value.kind == shape.kind);
      check_value(&value);
      PtrsCodecShape again;
      REQUIRE(!ptrs_codec_measure(&value, &again));
      check_same_shape(&shape, &again);
      void *out_heap           = NULL;
      const uint8_t *const out = encode(&value, &again, shift, &out_heap);
      REQUIRE(!memcmp(out, bytes, shape.size));
      free(out_heap);
    }
    free(scratch);
    free(image_heap);
  }
  free(heap);
}

// The magnitude of an INT, low byte first, in room for `count` bytes or 8
static size_t
magnitude(const PtrsCodecValue *value, uint8_t *out)
{
  size_t count = value->data ? value->count : 8;
  if (value->data) {
    memcpy(out, value->data, count);
  } else {
    const uint64_t integer = (uint64_t)value->integer;
    const uint64_t bits    = value->integer < 0 ? 0 - integer : integer;
    for (size_t i = 0; i < count; ++i) {
      out[i] = (uint8_t)(bits >> (8 * i));
    }
  }
  while (count && !out[count - 1]) {
    --count;
  }
  return count;
}

static void
check_same_int(const PtrsCodecValue *a, const PtrsCodecValue *b)
{
  uint8_t *const a_bytes = (uint8_t *)room(a->count + 8);
  uint8_t *const b_bytes = (uint8_t *)room(b->count + 8);
  const size_t count     = magnitude(a, a_bytes);
  REQUIRE(magnitude(b, b_bytes) == count);
  REQUIRE(!memcmp(a_bytes, b_bytes, count));
  const bool a_negative = a->data ? a->negative : a->integer < 0;
  const bool b_negative = b->data ? b->negative : b->integer < 0;
  REQUIRE(count ? a_negative == b_negative : !b_negative);
  free(a_bytes);
  free(b_bytes);
}

static uint32_t
code_point(const PtrsCodecValue *value, size_t i)
{
  const size_t width         = (size_t)value->width;
  const uint8_t *const bytes = (const uint8_t *)value->data + i * width;
  uint16_t two               = 0;
  uint32_t four              = 0;
  memcpy(&two, bytes, width == 2 ? 2 : 0);
  memcpy(&four, bytes, width == 4 ? 4 : 0);
  return width == 1 ? bytes[0] : width == 2 ? two : four;
}

static void
check_same_value(const PtrsCodecValue *a, const PtrsCodecValue *b)
{
  REQUIRE(a->kind == b->kind);
  switch (a->kind) {
  case PTRS_CODEC_BOOL:
  case PTRS_CODEC_INT:
    check_same_int(a, b);
    break;
  case PTRS_CODEC_REFERENCE:
    REQUIRE(a->integer == b->integer);
    break;
  case PTRS_CODEC_COMPLEX:
    REQUIRE(!memcmp(&a->imag, &b->imag, sizeof(double)));
    REQUIRE(!memcmp(&a->real, &b->real, sizeof(double)));
    break;
  case PTRS_CODEC_FLOAT:
    REQUIRE(!memcmp(&a->real, &b->real, sizeof(double)));
    break;
  case PTRS_CODEC_BYTES:
    REQUIRE(a->count == b->count);
    REQUIRE(!a->count || !memcmp(a->data, b->data, a->count));
    break;
  case PTRS_CODEC_STR:
    REQUIRE(a->count == b->count);
    for (size_t i = 0; i < a->count; ++i) {
      REQUIRE(code_point(a, i) == code_point(b, i));
    }
    break;
  default:
    break;
  }
}

// Whether a value is one that image.h says has an image
static bool
has_image(const PtrsCodecValue *value)
{
  if (value->kind < PTRS_CODEC_NONE || value->kind > PTRS_CODEC_REFERENCE) {
    return false;
  }
  if (value->kind != PTRS_CODEC_STR) {
    return true;
  }
  if (value->width != 1 && value->width != 2 && value->width != 4) {
    return false;
  }
  for (size_t i = 0; i < value->count; ++i) {
    if (code_point(value, i) > 0x10FFFF) {
      return false;
    }
  }
  return true;
}

static double
take_double(Input *input)
{
  const uint64_t bits = take(input, 8);
  double real;
  memcpy(&real, &bits, sizeof(real));
  return real;
}

static void
try_value(Input *input, size_t shift)
{
  PtrsCodecValue value = {.kind = (int)take(input, 1) % 11 - 1, .width = (int)take(input, 1) % 6};
  const bool inside    = take(input, 1) & 1; // INT without data
  value.negative       = take(input, 1) & 1;
  void *heap           = NULL;
  if (value.kind == PTRS_CODEC_FLOAT || value.kind == PTRS_CODEC_COMPLEX) {
    value.real = take_double(input);
    value.imag = take_double(input);
  } else if (value.kind == PTRS_CODEC_BOOL) {
    value.integer = take(input, 1) & 1;
  } else if (value.kind == PTRS_CODEC_REFERENCE || (value.kind == PTRS_CODEC_INT && inside)) {
    value.integer = (int64_t)take(input, 8);
  } else {
    const size_t width = value.kind == PTRS_CODEC_STR && value.width ? (size_t)value.width : 1;
    value.count        = input->left / width;
    if (value.count || !inside) {
      value.data = guarded_copy(input->bytes, value.count * width, shift, &heap);
    }
  }

  PtrsCodecShape shape;
  const PtrsStatus status = ptrs_codec_measure(&value, &shape);
  REQUIRE(status == (has_image(&value) ? PTRS_STATUS_SUCCESS : PTRS_STATUS_BAD_ARG));
  if (!status) {
    check_shape(&shape, SIZE_MAX);
    void *image_heap           = NULL;
    const uint8_t *const image = encode(&value, &shape, shift, &image_heap);
    PtrsCodecShape seen;
    REQUIRE(!ptrs_codec_shape(image, shape.size, &seen));
    check_same_shape(&shape, &seen);
    // Without its last byte, the image must be refused
    REQUIRE(ptrs_codec_shape(image, shape.size - 1, &seen) || seen.kind == PTRS_CODEC_EMPTY);

    PtrsCodecValue decoded;
    void *const scratch = room(ptrs_codec_scratch(&shape));
    REQUIRE(!ptrs_codec_decode(image, &shape, scratch, &decoded));
    check_value(&decoded);
    check_same_value(&value, &decoded);
    free(scratch);
    free(image_heap);
  }
  free(heap);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  Input input        = {data, size};
  const uint64_t how = take(&input, 1);
  const size_t shift = how >> 1 & 15;
  if (how & 1) {
    try_value(&input, shift);
  } else {
    try_bytes(input.bytes, input.left, shift);
  }
  return 0;
}
