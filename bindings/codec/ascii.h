// SPDX-License-Identifier: MIT
// ASCII text, by far the most: out of an image without the shape that other text
// needs.  What is accepted is what codec.h accepts.
#ifndef POINTERS_IMAGE_ASCII_H
#define POINTERS_IMAGE_ASCII_H

#include "codec/layout.h"

// Whether the bytes, of which there are `avail`, are the image of ASCII text.
// They are a copy, as in small_int.h.
static inline bool
ptrs_codec_decode_ascii(const uint8_t *copy, size_t avail, const uint8_t **text, size_t *count)
{
  if (avail <= ASCII_PREFIX || get64(copy) != 1 ||
      get64(copy + TYPE_OFFSET) != PTRS_CODEC_TYPE(PTRS_CODEC_STR) ||
      get64(copy + HASH_OFFSET) != UINT64_MAX) {
    return false;
  }
  const uint64_t length = get64(copy + LENGTH_OFFSET);
  const uint32_t state  = (uint32_t)1 << STATE_KIND_SHIFT | STATE_COMPACT | STATE_ASCII;
  if (length >= avail - ASCII_PREFIX || get32(copy + STATE_OFFSET) != state ||
      get32(copy + STATE_OFFSET + 4) || copy[ASCII_PREFIX + length]) {
    return false;
  }
  *text  = copy + ASCII_PREFIX;
  *count = (size_t)length;
  return !has_high_bits(copy + ASCII_PREFIX, (size_t)length);
}

#define PTRS_CODEC_ASCII_PREFIX ((size_t)ASCII_PREFIX)

// Whether these are the bytes before a text and the text, of which `count` bytes were copied
// apart, of an image of ASCII text.  The byte behind it has to be zero.
static inline bool
ptrs_codec_is_ascii(const uint8_t *prefix, const uint8_t *text, size_t count)
{
  const uint32_t state = (uint32_t)1 << STATE_KIND_SHIFT | STATE_COMPACT | STATE_ASCII;
  return get64(prefix) == 1 && get64(prefix + TYPE_OFFSET) == PTRS_CODEC_TYPE(PTRS_CODEC_STR) &&
         get64(prefix + HASH_OFFSET) == UINT64_MAX && get64(prefix + LENGTH_OFFSET) == count &&
         get32(prefix + STATE_OFFSET) == state && !get32(prefix + STATE_OFFSET + 4) &&
         !has_high_bits(text, count);
}

#endif
