// SPDX-License-Identifier: MIT
#include "codec/codec.h"
#include "codec/layout.h"

#define CODE_POINT_MAX 0x10FFFFU

// A number with the highest bit of the greatest code point, as far as the
// choice of a width needs it, found without a branch per item
static uint32_t
or_of_items(const uint8_t *text, int width, size_t count)
{
  uint32_t bits = 0;
  if (width == 1) {
    return has_high_bits(text, count) ? 0x80 : 0;
  }
  for (size_t i = 0; i < count; ++i) {
    bits |= item(text, width, i);
  }
  return bits;
}

static bool
all_code_points(const uint8_t *text, size_t count)
{
  bool good = true;
  for (size_t i = 0; i < count; ++i) {
    good &= get32(text + i * 4) <= CODE_POINT_MAX;
  }
  return good;
}

PtrsStatus
ptrs_codec_close_shape(PtrsCodecShape *shape)
{
  const size_t fixed = shape->prefix + shape->terminator;
  // A division by the width, which is 1, 2 or 4 where there is a payload, would
  // be the most expensive part of a small image
  const unsigned shift = (unsigned)shape->width >> 1;
  if (shape->count > ((size_t)PTRDIFF_MAX - fixed) >> shift) {
    return PTRS_STATUS_OVERFLOW;
  }
  shape->size = fixed + (shape->count << shift);
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_codec_shape_text(int width, bool ascii, size_t count, PtrsCodecShape *shape)
{
  shape->width      = width;
  shape->ascii      = ascii;
  shape->prefix     = ascii ? ASCII_PREFIX : 56;
  shape->count      = count;
  shape->terminator = (size_t)width;
  return ptrs_codec_close_shape(shape);
}

static PtrsStatus
measure_text(const PtrsCodecValue *value, PtrsCodecShape *shape)
{
  const uint8_t *const text = (const uint8_t *)value->data;
  const int width           = value->width;
  if (width != 1 && width != 2 && width != 4) {
    return PTRS_STATUS_BAD_ARG;
  }
  const uint32_t bits = or_of_items(text, width, value->count);
  if (bits > 0xFFFF && !all_code_points(text, value->count)) {
    return PTRS_STATUS_BAD_ARG;
  }
  const int needed = bits > 0xFFFF ? 4 : bits > 0xFF ? 2 : 1;
  return ptrs_codec_shape_text(needed, bits < 0x80, value->count, shape);
}

// Significant bits of a magnitude, low byte first
static size_t
magnitude_bits(const uint8_t *bytes, size_t count)
{
  while (count && !bytes[count - 1]) {
    --count;
  }
  size_t bits = count ? (count - 1) * 8 : 0;
  for (unsigned top = count ? bytes[count - 1] : 0; top; top >>= 1) {
    ++bits;
  }
  return bits;
}

static uint64_t
absolute(int64_t integer)
{
  return integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
}

static PtrsStatus
measure_int(const PtrsCodecValue *value, PtrsCodecShape *shape)
{
  shape->prefix = 24;
  shape->width  = 4;
  if (value->data) {
    if (value->count > SIZE_MAX / 16) {
      return PTRS_STATUS_OVERFLOW;
    }
    const size_t bits = magnitude_bits((const uint8_t *)value->data, value->count);
    shape->count      = (bits + DIGIT_BITS - 1) / DIGIT_BITS;
  } else {
    shape->count = 0;
    for (uint64_t rest = absolute(value->integer); rest; rest >>= DIGIT_BITS) {
      ++shape->count;
    }
  }
  return ptrs_codec_close_shape(shape);
}

PtrsStatus
ptrs_codec_measure(const PtrsCodecValue *value, PtrsCodecShape *shape)
{
  const PtrsCodecShape blank = {.kind = value->kind, .prefix = PTRS_CODEC_HEADER};
  *shape                     = blank;
  switch (value->kind) {
  case PTRS_CODEC_NONE:
  case PTRS_CODEC_REFERENCE:
    break;
  case PTRS_CODEC_BOOL:
    if (value->data || (value->integer != 0 && value->integer != 1)) {
      return PTRS_STATUS_BAD_ARG;
    }
    return measure_int(value, shape);
  case PTRS_CODEC_INT:
    return measure_int(value, shape);
  case PTRS_CODEC_FLOAT:
    shape->prefix = 24;
    break;
  case PTRS_CODEC_COMPLEX:
    shape->prefix = 32;
    break;
  case PTRS_CODEC_BYTES:
    shape->prefix     = 32;
    shape->width      = 1;
    shape->count      = value->count;
    shape->terminator = 1;
    break;
  case PTRS_CODEC_STR:
    return measure_text(value, shape);
  default:
    return PTRS_STATUS_BAD_ARG;
  }
  return ptrs_codec_close_shape(shape);
}

void
ptrs_codec_encode_prefix(const PtrsCodecValue *value, const PtrsCodecShape *shape, uint8_t *out)
{
  const bool is_reference = shape->kind == PTRS_CODEC_REFERENCE;
  put64(out, is_reference ? (uint64_t)value->integer : 1);
  put64(out + TYPE_OFFSET, PTRS_CODEC_TYPE(shape->kind));

  switch (shape->kind) {
  case PTRS_CODEC_BOOL:
  case PTRS_CODEC_INT: {
    const bool negative = value->data ? value->negative : value->integer < 0;
    const uint64_t sign = !shape->count ? TAG_ZERO : negative ? TAG_NEGATIVE : 0;
    put64(out + TAG_OFFSET, (uint64_t)shape->count << TAG_SHIFT | sign);
    break;
  }
  case PTRS_CODEC_FLOAT:
    memcpy(out + 16, &value->real, sizeof(double));
    break;
  case PTRS_CODEC_COMPLEX:
    memcpy(out + 16, &value->real, sizeof(double));
    memcpy(out + 24, &value->imag, sizeof(double));
    break;
  case PTRS_CODEC_BYTES:
  case PTRS_CODEC_STR:
    put64(out + LENGTH_OFFSET, (uint64_t)shape->count);
    put64(out + HASH_OFFSET, UINT64_MAX);
    break;
  default:
    break;
  }
  if (shape->kind == PTRS_CODEC_STR) {
    const uint32_t ascii    = shape->ascii ? STATE_ASCII : 0;
    const uint32_t state[2] = {(uint32_t)shape->width << STATE_KIND_SHIFT | STATE_COMPACT | ascii,
                               0};
    memcpy(out + STATE_OFFSET, state, sizeof(state));
    for (size_t at = STATE_OFFSET + sizeof(state); at < shape->prefix; at += 8) {
      put64(out + at, 0);
    }
  }
}

// Digits of 30 bits from bytes
static void
encode_digits(const uint8_t *bytes, size_t n_bytes, uint8_t *out, size_t n_digits)
{
  uint64_t bits = 0;
  int held      = 0;
  size_t next   = 0;
  for (size_t i = 0; i < n_digits; ++i) {
    while (held < DIGIT_BITS && next < n_bytes) {
      bits |= (uint64_t)bytes[next++] << held;
      held += 8;
    }
    put32(out + i * 4, (uint32_t)bits & DIGIT_MAX);
    bits >>= DIGIT_BITS;
    held = held > DIGIT_BITS ? held - DIGIT_BITS : 0;
  }
}

void
ptrs_codec_encode(const PtrsCodecValue *value, const PtrsCodecShape *shape, uint8_t *out)
{
  uint8_t *const payload    = out + shape->prefix;
  const uint8_t *const data = (const uint8_t *)value->data;

  ptrs_codec_encode_prefix(value, shape, out);
  if (shape->kind == PTRS_CODEC_STR) {
    copy_items(payload, shape->width, data, value->width, shape->count);
  } else if (shape->kind == PTRS_CODEC_BYTES) {
    copy_items(payload, 1, data, 1, shape->count);
  } else if (shape->count && data) {
    encode_digits(data, value->count, payload, shape->count);
  } else {
    uint64_t rest = absolute(value->integer);
    for (size_t i = 0; i < shape->count; ++i, rest >>= DIGIT_BITS) {
      put32(payload + i * 4, (uint32_t)rest & DIGIT_MAX);
    }
  }
  memset(out + shape->size - shape->terminator, 0, shape->terminator);
}
