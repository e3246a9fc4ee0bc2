// SPDX-License-Identifier: MIT
#include "codec/codec.h"
#include "codec/layout.h"

PtrsStatus
ptrs_codec_shape(const uint8_t *bytes, size_t avail, PtrsCodecShape *shape)
{
  const PtrsCodecShape blank = {.kind = PTRS_CODEC_EMPTY, .prefix = PTRS_CODEC_HEADER};
  *shape                     = blank;
  const uint64_t type        = avail < PTRS_CODEC_HEADER ? 0 : get64(bytes + TYPE_OFFSET);
  if (!type) {
    return PTRS_STATUS_SUCCESS;
  }
  if (type < PTRS_CODEC_TYPE(PTRS_CODEC_NONE) || type > PTRS_CODEC_TYPE(PTRS_CODEC_REFERENCE)) {
    return PTRS_STATUS_CORRUPT;
  }

  // Bytes before the payload, as far as the type alone tells
  static const uint8_t prefixes[] = {0, 16, 24, 24, 24, 32, 32, 40, 16};
  shape->kind                     = (int)(type & 0xFF);
  shape->prefix                   = prefixes[shape->kind];
  if (avail < shape->prefix) {
    return PTRS_STATUS_CORRUPT;
  }

  PtrsStatus status = PTRS_STATUS_SUCCESS;
  switch (shape->kind) {
  case PTRS_CODEC_BOOL:
  case PTRS_CODEC_INT:
    shape->width = 4;
    shape->count = size_of_word(get64(bytes + TAG_OFFSET) >> TAG_SHIFT);
    status       = ptrs_codec_close_shape(shape);
    if (shape->kind == PTRS_CODEC_BOOL && shape->count > 1) {
      return PTRS_STATUS_CORRUPT;
    }
    break;
  case PTRS_CODEC_BYTES:
    shape->width      = 1;
    shape->terminator = 1;
    shape->count      = size_of_word(get64(bytes + LENGTH_OFFSET));
    status            = ptrs_codec_close_shape(shape);
    break;
  case PTRS_CODEC_STR: {
    const uint32_t state = get32(bytes + STATE_OFFSET);
    const int width      = (int)(state >> STATE_KIND_SHIFT & 7);
    const bool ascii     = state & STATE_ASCII;
    if ((width != 1 && width != 2 && width != 4) || (ascii && width != 1)) {
      return PTRS_STATUS_CORRUPT;
    }
    status = ptrs_codec_shape_text(width, ascii, size_of_word(get64(bytes + LENGTH_OFFSET)), shape);
    break;
  }
  default:
    shape->size = shape->prefix;
    break;
  }
  return status || shape->size > avail ? PTRS_STATUS_CORRUPT : PTRS_STATUS_SUCCESS;
}

size_t
ptrs_codec_scratch(const PtrsCodecShape *shape)
{
  // Text of width 2 is widened; the bytes of digits are no more than theirs
  if (shape->kind == PTRS_CODEC_STR) {
    return shape->width == 2 ? shape->count * 4 : 0;
  }
  return shape->kind == PTRS_CODEC_INT ? shape->count * 4 : 0;
}

// Bytes from digits, low byte first; the count of bytes
static size_t
decode_digits(const uint8_t *digits, size_t n_digits, uint8_t *out)
{
  uint64_t bits = 0;
  int held      = 0;
  size_t count  = 0;
  for (size_t i = 0; i < n_digits; ++i) {
    bits |= (uint64_t)get32(digits + i * 4) << held;
    held += DIGIT_BITS;
    for (; held >= 8; held -= 8, bits >>= 8) {
      out[count++] = (uint8_t)bits;
    }
  }
  if (held) {
    out[count++] = (uint8_t)bits;
  }
  return count;
}

static PtrsStatus
decode_int(const uint8_t *bytes,
           const PtrsCodecShape *shape,
           uint8_t *scratch,
           PtrsCodecValue *value)
{
  const uint8_t *const digits = bytes + shape->prefix;
  const bool negative         = get64(bytes + TAG_OFFSET) & TAG_NEGATIVE;
  for (size_t i = 0; i < shape->count; ++i) {
    if (get32(digits + i * 4) > DIGIT_MAX) {
      return PTRS_STATUS_CORRUPT;
    }
  }
  if (shape->count && !get32(digits + (shape->count - 1) * 4)) {
    return PTRS_STATUS_CORRUPT;
  }
  if (shape->count <= 2) {
    int64_t magnitude = 0;
    for (size_t i = shape->count; i-- > 0;) {
      magnitude = magnitude << DIGIT_BITS | get32(digits + i * 4);
    }
    value->integer = negative ? -magnitude : magnitude;
  } else {
    value->negative = negative;
    value->data     = scratch;
    value->count    = decode_digits(digits, shape->count, scratch);
  }
  return PTRS_STATUS_SUCCESS;
}

static PtrsStatus
decode_text(const uint8_t *bytes,
            const PtrsCodecShape *shape,
            uint8_t *scratch,
            PtrsCodecValue *value)
{
  value->width = shape->width;
  value->data  = bytes + shape->prefix;
  value->count = shape->count;
  // The text must need the very width that it has
  PtrsCodecShape needed;
  if (ptrs_codec_measure(value, &needed) || needed.width != shape->width ||
      needed.ascii != shape->ascii) {
    return PTRS_STATUS_CORRUPT;
  }
  if (shape->width == 2) {
    copy_items(scratch, 4, bytes + shape->prefix, 2, shape->count);
    value->data  = scratch;
    value->width = 4;
  }
  return PTRS_STATUS_SUCCESS;
}

// Whether two prefixes, which are whole words, are the same.  One by one, since
// what was just written in words is slow to read back in larger pieces.
static bool
same_words(const uint8_t *a, const uint8_t *b, size_t size)
{
  for (size_t at = 0; at < size; at += 8) {
    if (get64(a + at) != get64(b + at)) {
      return false;
    }
  }
  return true;
}

static bool
all_zero(const uint8_t *bytes, size_t size)
{
  unsigned bits = 0;
  for (size_t i = 0; i < size; ++i) {
    bits |= bytes[i];
  }
  return !bits;
}

PtrsStatus
ptrs_codec_decode(const uint8_t *bytes,
                  const PtrsCodecShape *shape,
                  void *scratch,
                  PtrsCodecValue *value)
{
  const PtrsCodecValue blank = {.kind = shape->kind, .width = 1};
  PtrsStatus status          = PTRS_STATUS_SUCCESS;
  *value                     = blank;

  switch (shape->kind) {
  case PTRS_CODEC_REFERENCE:
    value->integer = (int64_t)get64(bytes);
    break;
  case PTRS_CODEC_BOOL:
  case PTRS_CODEC_INT:
    status = decode_int(bytes, shape, (uint8_t *)scratch, value);
    break;
  case PTRS_CODEC_FLOAT:
    memcpy(&value->real, bytes + 16, sizeof(double));
    break;
  case PTRS_CODEC_COMPLEX:
    memcpy(&value->real, bytes + 16, sizeof(double));
    memcpy(&value->imag, bytes + 24, sizeof(double));
    break;
  case PTRS_CODEC_BYTES:
    value->data  = bytes + shape->prefix;
    value->count = shape->count;
    break;
  case PTRS_CODEC_STR:
    status = decode_text(bytes, shape, (uint8_t *)scratch, value);
    break;
  default:
    break;
  }
  const bool is_bool = shape->kind == PTRS_CODEC_BOOL;
  if (status || (is_bool && (value->data || value->integer < 0 || value->integer > 1))) {
    return PTRS_STATUS_CORRUPT;
  }

  // Everything that is not the payload must be what encoding writes
  uint8_t prefix[PTRS_CODEC_PREFIX_MAX];
  ptrs_codec_encode_prefix(value, shape, prefix);
  if (!same_words(bytes, prefix, shape->prefix) ||
      !all_zero(bytes + shape->size - shape->terminator, shape->terminator)) {
    return PTRS_STATUS_CORRUPT;
  }
  return PTRS_STATUS_SUCCESS;
}
