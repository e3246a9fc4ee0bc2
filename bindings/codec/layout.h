// SPDX-License-Identifier: MIT
// The layout of images in C, which encode.c and decode.c interpret: the offsets and bits of the
// layout, words and text items at any address, and the parts of the encoder
// that the decoder checks against.
#ifndef POINTERS_IMAGE_LAYOUT_H
#define POINTERS_IMAGE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "codec/codec.h"

#define DIGIT_BITS 30
#define DIGIT_MAX (((uint32_t)1 << DIGIT_BITS) - 1)

// Offsets of the words of an image
#define TYPE_OFFSET 8
#define TAG_OFFSET 16    // int: sign and digit count
#define LENGTH_OFFSET 16 // bytes, str
#define HASH_OFFSET 24
#define STATE_OFFSET 32 // str

// The four bytes that all type words have in common, and where they are in an image
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#  define MARK "SRTP"
#  define MARK_OFFSET ((size_t)TYPE_OFFSET)
#else
#  define MARK "PTRS"
#  define MARK_OFFSET ((size_t)TYPE_OFFSET + 4)
#endif
#define MARK_SIZE ((size_t)4)

// str: bytes before the text, where that is ASCII
#define ASCII_PREFIX ((size_t)40)

// int: the tag's low bits are the sign, the digit count stands above
#define TAG_ZERO 1U
#define TAG_NEGATIVE 2U
#define TAG_SHIFT 3

// str: bits of the state
#define STATE_KIND_SHIFT 2
#define STATE_COMPACT ((uint32_t)1 << 5)
#define STATE_ASCII ((uint32_t)1 << 6)

static inline uint64_t
get64(const uint8_t *bytes)
{
  uint64_t word;
  memcpy(&word, bytes, sizeof(word));
  return word;
}

static inline void
put64(uint8_t *bytes, uint64_t word)
{
  memcpy(bytes, &word, sizeof(word));
}

static inline uint32_t
get32(const uint8_t *bytes)
{
  uint32_t word;
  memcpy(&word, bytes, sizeof(word));
  return word;
}

static inline void
put32(uint8_t *bytes, uint32_t word)
{
  memcpy(bytes, &word, sizeof(word));
}

// Take away an image's type word, without which it is none
static inline void
ptrs_codec_erase(uint8_t *image)
{
  put64(image + TYPE_OFFSET, 0);
}

// A length or count of an image; one that has more bits than sizes have here is
// too large for any memory, and stays so
static inline size_t
size_of_word(uint64_t word)
{
  return word > SIZE_MAX ? SIZE_MAX : (size_t)word;
}

// Whether any byte is 0x80 or more, looked at in words, of which the last may
// overlap the one before it
static inline bool
has_high_bits(const uint8_t *bytes, size_t count)
{
  uint64_t bits = 0;
  size_t i      = 0;
  for (; i + 32 <= count; i += 32) {
    bits |=
        (get64(bytes + i) | get64(bytes + i + 8)) | (get64(bytes + i + 16) | get64(bytes + i + 24));
  }
  for (; i + 8 <= count; i += 8) {
    bits |= get64(bytes + i);
  }
  if (i && i < count) {
    bits |= get64(bytes + count - 8);
  } else {
    for (; i < count; ++i) {
      bits |= bytes[i];
    }
  }
  return bits & 0x8080808080808080U;
}

// Item `i` of text whose items may lie at any address
static inline uint32_t
item(const uint8_t *text, int width, size_t i)
{
  if (width == 1) {
    return text[i];
  }
  if (width == 2) {
    uint16_t two;
    memcpy(&two, text + i * 2, sizeof(two));
    return two;
  }
  return get32(text + i * 4);
}

static inline void
put_item(uint8_t *text, int width, size_t i, uint32_t code_point)
{
  if (width == 1) {
    text[i] = (uint8_t)code_point;
  } else if (width == 2) {
    const uint16_t two = (uint16_t)code_point;
    memcpy(text + i * 2, &two, sizeof(two));
  } else {
    put32(text + i * 4, code_point);
  }
}

static inline void
copy_items(uint8_t *out, int out_width, const uint8_t *text, int width, size_t count)
{
  if (!count) {
    return; // there may be no text at all
  }
  if (width == out_width) {
    memcpy(out, text, count * (size_t)width);
  } else {
    for (size_t i = 0; i < count; ++i) {
      put_item(out, out_width, i, item(text, width, i));
    }
  }
}

// Complete the sizes of a shape whose other fields are set; OVERFLOW if they
// cannot be represented
PtrsStatus ptrs_codec_close_shape(PtrsCodecShape *shape);

// The shape of text that needs this width
PtrsStatus ptrs_codec_shape_text(int width, bool ascii, size_t count, PtrsCodecShape *shape);

// Write the first shape->prefix bytes of an image: header and fixed fields
void ptrs_codec_encode_prefix(const PtrsCodecValue *value,
                              const PtrsCodecShape *shape,
                              uint8_t *out);

#endif
