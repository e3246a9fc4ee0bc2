// SPDX-License-Identifier: MIT
// Values into blocks.
#include "access/access.h"
#include "codec/small_int.h"

#include <stdbool.h>
#include <string.h>

static bool
fits(const PtrsEntry *entry, size_t offset, size_t bound, size_t size)
{
  return offset <= entry->size && size <= entry->size - offset && size <= bound;
}

// Everything that can be known before is found out before the block is entered
int64_t
ptrs_access_store_value(
    PtrsBlock block, size_t offset, size_t bound, const PtrsCodecValue *value, bool *would_block)
{
  PtrsCodecShape shape;
  PtrsStatus status = ptrs_codec_measure(value, &shape);
  if (status) {
    return -(int64_t)status;
  }
  if (would_block && shape.size > PTRS_ACCESS_AT_ONCE) {
    *would_block = true;
    return 0;
  }
  PtrsEntry entry;
  status = ptrs_access_enter(block, PTRS_ACCESS_EXCLUSIVE, &entry, would_block);
  if (status || (would_block && *would_block)) {
    return -(int64_t)status;
  }
  if (fits(&entry, offset, bound, shape.size)) {
    ptrs_codec_encode(value, &shape, entry.mem + offset);
  } else {
    status = PTRS_STATUS_OUT_OF_BOUNDS;
  }
  ptrs_block_leave(&entry);
  return status ? -(int64_t)status : (int64_t)shape.size;
}

int64_t
ptrs_access_store_number(PtrsBlock block,
                         size_t offset,
                         size_t bound,
                         int kind,
                         int64_t integer,
                         double real,
                         double imag)
{
  const PtrsCodecValue value = {
      .kind = kind, .width = 1, .integer = integer, .real = real, .imag = imag};
  return ptrs_access_store_value(block, offset, bound, &value, NULL);
}

int64_t
ptrs_access_store_items(PtrsBlock block,
                        size_t offset,
                        size_t bound,
                        int kind,
                        const void *data,
                        int width,
                        size_t count,
                        int negative)
{
  const PtrsCodecValue value = {
      .kind = kind, .width = width, .negative = negative, .data = data, .count = count};
  return ptrs_access_store_value(block, offset, bound, &value, NULL);
}

int64_t
ptrs_access_store_image(
    PtrsBlock block, size_t offset, size_t bound, const void *image, size_t size)
{
  const PtrsStatus status =
      size > bound ? PTRS_STATUS_OUT_OF_BOUNDS : ptrs_block_write(block, offset, size, image);
  return status ? -(int64_t)status : (int64_t)size;
}

int
ptrs_access_store_values(PtrsBlock block,
                         size_t offset,
                         size_t stride,
                         const PtrsCodecValue *values,
                         size_t count,
                         bool *would_block)
{
  PtrsCodecShape shape;
  for (size_t i = 0; i < count; ++i) {
    if (ptrs_codec_measure(&values[i], &shape) || shape.size > stride) {
      return -PTRS_STATUS_OUT_OF_BOUNDS;
    }
  }
  PtrsEntry entry;
  const PtrsStatus status = ptrs_access_enter(block, PTRS_ACCESS_EXCLUSIVE, &entry, would_block);
  if (status || (would_block && *would_block)) {
    return -(int)status;
  }
  const bool fit = ptrs_access_strides_fit(&entry, offset, stride, count);
  for (size_t i = 0; fit && i < count; ++i) {
    (void)ptrs_codec_measure(&values[i], &shape);
    ptrs_codec_encode(&values[i], &shape, entry.mem + offset + i * stride);
  }
  ptrs_block_leave(&entry);
  return fit ? 0 : -PTRS_STATUS_OUT_OF_BOUNDS;
}

int
ptrs_access_store_integers(PtrsBlock block,
                           size_t offset,
                           size_t stride,
                           const int64_t *integers,
                           size_t count,
                           bool *would_block)
{
  PtrsCodecValue value = {.kind = PTRS_CODEC_INT};
  PtrsCodecShape shape;
  for (size_t i = 0; i < count; ++i) {
    value.integer = integers[i];
    if (ptrs_codec_is_small_int(integers[i])) {
      shape.size = PTRS_CODEC_SMALL_INT_SIZE;
    } else {
      (void)ptrs_codec_measure(&value, &shape); // a word is not too large to be measured
    }
    if (shape.size > stride) {
      return -PTRS_STATUS_OUT_OF_BOUNDS;
    }
  }
  PtrsEntry entry;
  const PtrsStatus status = ptrs_access_enter(block, PTRS_ACCESS_EXCLUSIVE, &entry, would_block);
  if (status || (would_block && *would_block)) {
    return -(int)status;
  }
  const bool fit = ptrs_access_strides_fit(&entry, offset, stride, count);
  for (size_t i = 0; fit && i < count; ++i) {
    uint8_t *const out = entry.mem + offset + i * stride;
    if (ptrs_codec_is_small_int(integers[i])) {
      ptrs_codec_encode_small_int(integers[i], out);
    } else {
      value.integer = integers[i];
      (void)ptrs_codec_measure(&value, &shape);
      ptrs_codec_encode(&value, &shape, out);
    }
  }
  ptrs_block_leave(&entry);
  return fit ? 0 : -PTRS_STATUS_OUT_OF_BOUNDS;
}

int
ptrs_access_store_ints(
    PtrsBlock block, size_t offset, size_t stride, const int64_t *integers, size_t count)
{
  return ptrs_access_store_integers(block, offset, stride, integers, count, NULL);
}

// Copy one image, if there is one, between two places with `stride` bytes each
static void
copy_image(uint8_t *to, const uint8_t *from, size_t stride)
{
  PtrsCodecShape shape;
  if (!ptrs_codec_shape(from, stride, &shape) && shape.kind != PTRS_CODEC_EMPTY) {
    memcpy(to, from, shape.size);
  }
}

int
ptrs_access_store_images(PtrsBlock block, size_t offset, size_t stride, PtrsBlock staged)
{
  if (!stride || block == staged) {
    return -PTRS_STATUS_BAD_ARG;
  }
  // Since no other thread knows the staged block, none can wait for it
  PtrsEntry from;
  PtrsEntry to;
  PtrsStatus status = ptrs_block_enter(staged, PTRS_ACCESS_SHARED, &from);
  if (status) {
    return -(int)status;
  }
  status = ptrs_block_enter(block, PTRS_ACCESS_EXCLUSIVE, &to);
  if (!status) {
    const size_t count = from.size / stride;
    if (ptrs_access_strides_fit(&to, offset, stride, count)) {
      for (size_t i = 0; i < count; ++i) {
        copy_image(to.mem + offset + i * stride, from.mem + i * stride, stride);
      }
    } else {
      status = PTRS_STATUS_OUT_OF_BOUNDS;
    }
    ptrs_block_leave(&to);
  }
  ptrs_block_leave(&from);
  return -(int)status;
}
