// SPDX-License-Identifier: MIT
// Values out of blocks.
#include "access/access.h"
#include "codec/ascii.h"
#include "codec/small_int.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// What a PtrsAccessLoad keeps for the next load instead of giving it back
#define HEAP_KEPT ((size_t)1 << 16)

// Bytes of an image's copy, before the scratch memory: aligned to 8
static size_t
padded(size_t size)
{
  return (size + 7) & ~(size_t)7;
}

// Whether `small` has space for a copy of an image and for decoding it
static bool
fits_small(const PtrsAccessLoad *load, const PtrsCodecShape *shape)
{
  const size_t space = sizeof(load->small);
  return shape->size <= space && ptrs_codec_scratch(shape) <= space - padded(shape->size);
}

// Room for a copy of an image and for decoding it, or NULL
static uint8_t *
space_for(PtrsAccessLoad *load, const PtrsCodecShape *shape)
{
  const size_t scratch = ptrs_codec_scratch(shape);
  if (scratch > PTRS_SIZE_MAX - padded(shape->size)) {
    return NULL;
  }
  const size_t size = padded(shape->size) + scratch;
  if (size <= sizeof(load->small)) {
    return (uint8_t *)load->small;
  }
  if (size > load->heap_size || load->heap_size > HEAP_KEPT) {
    ptrs_access_load_clear(load);
    load->heap      = malloc(size);
    load->heap_size = load->heap ? size : 0;
  }
  return (uint8_t *)load->heap;
}

void
ptrs_access_load_clear(PtrsAccessLoad *load)
{
  free(load->heap);
  load->heap      = NULL;
  load->heap_size = 0;
}

// Decode the images that are by far the most, in little time
static bool
decode_frequent(const uint8_t *copy, size_t avail, PtrsAccessLoad *load)
{
  const uint8_t *text  = NULL;
  PtrsCodecValue value = {.kind = PTRS_CODEC_INT, .width = 1};
  if (avail < PTRS_CODEC_SMALL_INT_SIZE || !ptrs_codec_decode_small_int(copy, &value.integer)) {
    value.integer = 0;
    if (!ptrs_codec_decode_ascii(copy, avail, &text, &value.count)) {
      return false;
    }
    value.kind = PTRS_CODEC_STR;
    value.data = text;
  }
  load->value = value;
  return true;
}

// Copy the image at `bytes`; its shape is that of the copy.  The block is held
// against checked writers, but not against code that has its address.
static PtrsStatus
copy_image(const uint8_t *bytes,
           size_t avail,
           PtrsAccessLoad *load,
           PtrsCodecShape *shape,
           uint8_t **copy,
           bool *would_block)
{
  // Most images are small: copied whole, whatever is behind them
  uint8_t *const small = (uint8_t *)load->small;
  const size_t copied  = avail < sizeof(load->small) ? avail : sizeof(load->small);
  memcpy(small, bytes, copied);
  if (decode_frequent(small, copied, load)) {
    shape->kind = load->value.kind;
    return PTRS_STATUS_SUCCESS; // there is no copy to decode
  }
  PtrsStatus status = ptrs_codec_shape(small, avail, shape);
  if (status || shape->kind == PTRS_CODEC_EMPTY) {
    return status;
  }
  if (fits_small(load, shape)) {
    *copy = small;
    return PTRS_STATUS_SUCCESS;
  }
  if (load->leaves_text && shape->ascii) {
    const PtrsCodecValue text = {.kind = PTRS_CODEC_STR, .width = 1, .count = shape->count};
    load->value               = text;
    return PTRS_STATUS_SUCCESS;
  }
  const PtrsCodecShape first = *shape;
  if (would_block && first.size > PTRS_ACCESS_AT_ONCE) {
    *would_block = true;
    return PTRS_STATUS_SUCCESS;
  }
  *copy = space_for(load, &first);
  if (!*copy) {
    return PTRS_STATUS_NO_MEM;
  }
  memcpy(*copy, bytes, first.size);
  status = ptrs_codec_shape(*copy, first.size, shape);
  return status || shape->kind != first.kind || shape->size != first.size ||
                 shape->width != first.width
             ? PTRS_STATUS_CORRUPT
             : PTRS_STATUS_SUCCESS;
}

int
ptrs_access_load_value(PtrsBlock block, size_t offset, PtrsAccessLoad *load, bool *would_block)
{
  PtrsEntry entry;
  PtrsStatus status = ptrs_access_enter(block, PTRS_ACCESS_SHARED, &entry, would_block);
  if (status || (would_block && *would_block)) {
    return -(int)status;
  }
  PtrsCodecShape shape = {.kind = PTRS_CODEC_EMPTY};
  uint8_t *copy        = NULL;
  if (offset > entry.size) {
    status = PTRS_STATUS_OUT_OF_BOUNDS;
  } else if (offset < entry.size) {
    status =
        copy_image(entry.mem + offset, entry.capacity - offset, load, &shape, &copy, would_block);
  }
  ptrs_block_leave(&entry);

  if (!status && copy) {
    status = ptrs_codec_decode(copy, &shape, copy + padded(shape.size), &load->value);
  }
  return status ? -(int)status : shape.kind;
}

int
ptrs_access_load_ascii(
    PtrsBlock block, size_t offset, uint8_t *text, size_t count, bool *would_block)
{
  uint8_t prefix[PTRS_CODEC_ASCII_PREFIX];
  if (would_block && count > PTRS_ACCESS_AT_ONCE) {
    *would_block = true;
    return 0;
  }
  PtrsEntry entry;
  const PtrsStatus status = ptrs_access_enter(block, PTRS_ACCESS_SHARED, &entry, would_block);
  if (status || (would_block && *would_block)) {
    return -(int)status;
  }
  const bool fits = offset < entry.size && entry.capacity - offset > sizeof(prefix) &&
                    entry.capacity - offset - sizeof(prefix) > count;
  uint8_t end = 0;
  if (fits) {
    memcpy(prefix, entry.mem + offset, sizeof(prefix));
    memcpy(text, entry.mem + offset + sizeof(prefix), count);
    end = entry.mem[offset + sizeof(prefix) + count];
  }
  ptrs_block_leave(&entry);
  return fits && !end && ptrs_codec_is_ascii(prefix, text, count);
}

int
ptrs_access_load(PtrsBlock block, size_t offset, PtrsAccessLoad *load)
{
  return ptrs_access_load_value(block, offset, load, NULL);
}

int
ptrs_access_has_reference(PtrsBlock block, size_t offset, int64_t key)
{
  PtrsEntry entry;
  const PtrsStatus status = ptrs_block_enter(block, PTRS_ACCESS_SHARED, &entry);
  if (status) {
    return -(int)status;
  }
  const bool found = ptrs_access_entry_has_reference(&entry, offset, key);
  ptrs_block_leave(&entry);
  return found;
}

// Whether a small int stands at `bytes`
static bool
load_int(const uint8_t *bytes, size_t avail, int64_t *integer)
{
  uint8_t copy[PTRS_CODEC_PREFIX_MAX];
  if (avail >= PTRS_CODEC_SMALL_INT_SIZE) {
    memcpy(copy, bytes, PTRS_CODEC_SMALL_INT_SIZE);
    if (ptrs_codec_decode_small_int(copy, integer)) {
      return true;
    }
  }
  PtrsCodecShape shape;
  PtrsCodecValue value;
  memcpy(copy, bytes, avail < sizeof(copy) ? avail : sizeof(copy));
  // Up to two digits make a number; more would need scratch memory
  if (ptrs_codec_shape(copy, avail, &shape) || shape.kind != PTRS_CODEC_INT || shape.count > 2 ||
      ptrs_codec_decode(copy, &shape, NULL, &value)) {
    return false;
  }
  *integer = value.integer;
  return true;
}

int
ptrs_access_load_integers(PtrsBlock block,
                          size_t offset,
                          size_t stride,
                          int64_t *integers,
                          size_t count,
                          bool *would_block)
{
  PtrsEntry entry;
  const PtrsStatus status = ptrs_access_enter(block, PTRS_ACCESS_SHARED, &entry, would_block);
  if (status || (would_block && *would_block)) {
    return -(int)status;
  }
  bool good = ptrs_access_strides_fit(&entry, offset, stride, count);
  for (size_t i = 0; good && i < count; ++i) {
    const size_t at = offset + i * stride;
    good            = load_int(entry.mem + at, entry.size - at, integers + i);
  }
  ptrs_block_leave(&entry);
  return good;
}

int
ptrs_access_load_ints(
    PtrsBlock block, size_t offset, size_t stride, int64_t *integers, size_t count)
{
  return ptrs_access_load_integers(block, offset, stride, integers, count, NULL);
}
