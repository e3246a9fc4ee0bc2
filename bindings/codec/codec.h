// SPDX-License-Identifier: MIT
/**
 * @file codec.h
 * Images: values as self-describing bytes, in the layout that 64-bit CPython
 * 3.12 gives its objects, the same in every interpreter and every process.
 *
 *      0         8         16
 *     +---------+---------+----------------------------------
 *     | refcount|  type   | body
 *     +---------+---------+----------------------------------
 *      None      -                                     16 bytes
 *      bool, int tag, digits of 30 bits                24 + 4 * digits
 *      float     double                                24
 *      complex   double, double                        32
 *      bytes     length, hash, bytes, NUL              33 + length
 *      str       length, hash, state, pad,
 *                  text, NUL                (ASCII)    41 + length
 *                  0, 0, text, terminator   (other)    56 + (length + 1) * width
 *      reference -                                     16 bytes
 *
 * Words are in the byte order of the machine.  The type word is a constant of
 * the type (PTRS_CODEC_TYPE), no address.  What does not belong to the value
 * is fixed: refcount 1, hash -1, padding 0.  A reference is the image of an
 * object that lives elsewhere: its refcount word is a key.
 *
 * A value has exactly one image, and bytes are an image exactly if encoding
 * what they decode to gives the same bytes.
 *
 * No function here blocks, allocates or needs a Python.  The layout's source
 * is CPython's Include/cpython/{longintrepr,unicodeobject,bytesobject}.h.
 */
#ifndef POINTERS_CODEC_H
#define POINTERS_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ptrs/status.h"

#define PTRS_CODEC_HEADER ((size_t)16)

/** Bytes before the payload: header, and what each type puts first. */
#define PTRS_CODEC_PREFIX_MAX ((size_t)56)

/** The type word of a kind: "PTRS" in the upper half. */
#define PTRS_CODEC_TYPE(kind) ((uint64_t)0x53525450 << 32 | (uint64_t)(kind))

/* cdef: begin */
typedef enum {
  PTRS_CODEC_EMPTY     = 0, /* no image: the type word is 0 */
  PTRS_CODEC_NONE      = 1,
  PTRS_CODEC_BOOL      = 2,
  PTRS_CODEC_INT       = 3,
  PTRS_CODEC_FLOAT     = 4,
  PTRS_CODEC_COMPLEX   = 5,
  PTRS_CODEC_BYTES     = 6,
  PTRS_CODEC_STR       = 7,
  PTRS_CODEC_REFERENCE = 8
} PtrsCodecKind;

/* A value on its way into or out of an image. */
typedef struct {
  int kind;         /* PtrsCodecKind */
  int width;        /* STR: bytes per item of data: 1, 2 or 4; else 1 */
  int negative;     /* INT in data: its sign */
  int64_t integer;  /* BOOL, REFERENCE (the key), INT without data */
  double real;      /* FLOAT, COMPLEX */
  double imag;      /* COMPLEX */
  const void *data; /* BYTES, STR: the items; INT: magnitude, low byte first */
  size_t count;     /* items of data */
} PtrsCodecValue;
/* cdef: end */

/** The size and parts of an image, as its prefix tells them. */
typedef struct {
  int kind;          /* PtrsCodecKind */
  int width;         /* STR: 1, 2 or 4; BYTES: 1; INT: 4, of its digits; else 0 */
  bool ascii;        /* STR */
  size_t prefix;     /* bytes before the payload */
  size_t count;      /* items of the payload, without a terminator */
  size_t terminator; /* zero bytes behind the payload */
  size_t size;       /* bytes in all */
} PtrsCodecShape;

/**
 * Find the shape of the image that a value will have.
 *
 * @param value A value; `data` must hold `count` items.
 * @return BAD_ARG for a value that has no image (code points beyond
 *         0x10FFFF, a bool beyond 1, an unknown kind or width), OVERFLOW for one whose image
 *         would be larger than the address space.
 */
PtrsStatus ptrs_codec_measure(const PtrsCodecValue *value, PtrsCodecShape *shape);

/**
 * Write an image.
 *
 * @param value A value.
 * @param shape Its shape, from ptrs_codec_measure().
 * @param[out] out Room for shape->size bytes, with no alignment.
 */
void ptrs_codec_encode(const PtrsCodecValue *value, const PtrsCodecShape *shape, uint8_t *out);

/**
 * Find the shape that bytes claim to have, from their prefix alone.
 *
 * @param bytes The first PTRS_CODEC_PREFIX_MAX bytes of an image, or `avail` if
 *        that is less; no more are read.
 * @param avail Bytes that there are; the image must end inside them.
 * @return CORRUPT if this cannot be an image.  `shape->kind` is EMPTY where
 *         nothing was stored: `avail` holds no header, or the type word is 0.
 */
PtrsStatus ptrs_codec_shape(const uint8_t *bytes, size_t avail, PtrsCodecShape *shape);

/**
 * Validate an image and take its value.
 *
 * @param bytes The whole image.  No other thread may change it meanwhile.
 * @param shape Its shape, from ptrs_codec_shape() on these very bytes.
 * @param scratch Room for ptrs_codec_scratch() bytes, aligned to 4.
 * @param[out] value The value; its `data` points into `bytes` or `scratch`.
 *        STR has width 1 or 4, never 2: surrogates that stand alone in an
 *        image of width 2 must not be taken for pairs.
 * @return CORRUPT if the bytes are not the image of any value; `value` is
 *         then undefined.
 */
PtrsStatus ptrs_codec_decode(const uint8_t *bytes,
                             const PtrsCodecShape *shape,
                             void *scratch,
                             PtrsCodecValue *value);

/** Bytes of scratch memory that ptrs_codec_decode() needs for a shape. */
size_t ptrs_codec_scratch(const PtrsCodecShape *shape);

#endif
