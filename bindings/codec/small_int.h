// SPDX-License-Identifier: MIT
// Ints of one digit, by far the most: their images in and out without the shape
// that those of other objects need.  The bytes are the same as by codec.h.
#ifndef POINTERS_IMAGE_DIGIT_H
#define POINTERS_IMAGE_DIGIT_H

#include "codec/layout.h"

#define PTRS_CODEC_SMALL_INT_SIZE ((size_t)28)

// Zero has no digit
static inline bool
ptrs_codec_is_small_int(int64_t integer)
{
  return integer && integer >= -(int64_t)DIGIT_MAX && integer <= (int64_t)DIGIT_MAX;
}

static inline void
ptrs_codec_encode_small_int(int64_t integer, uint8_t *out)
{
  const bool negative = integer < 0;
  put64(out, 1);
  put64(out + TYPE_OFFSET, PTRS_CODEC_TYPE(PTRS_CODEC_INT));
  put64(out + TAG_OFFSET, (uint64_t)1 << TAG_SHIFT | (negative ? TAG_NEGATIVE : 0));
  put32(out + TAG_OFFSET + 8, (uint32_t)(negative ? -integer : integer));
}

// Whether the bytes are such an image.  They are a copy, or a view could change
// them between a look and the next.
static inline bool
ptrs_codec_decode_small_int(const uint8_t *copy, int64_t *integer)
{
  const uint64_t tag    = get64(copy + TAG_OFFSET);
  const uint32_t digit  = get32(copy + TAG_OFFSET + 8);
  const bool negative   = tag & TAG_NEGATIVE;
  const uint64_t wanted = (uint64_t)1 << TAG_SHIFT | (negative ? TAG_NEGATIVE : 0);
  *integer              = negative ? -(int64_t)digit : (int64_t)digit;
  return get64(copy) == 1 && get64(copy + TYPE_OFFSET) == PTRS_CODEC_TYPE(PTRS_CODEC_INT) &&
         tag == wanted && digit && digit <= DIGIT_MAX;
}

#endif
