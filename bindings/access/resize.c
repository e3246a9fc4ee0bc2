// SPDX-License-Identifier: MIT
// Images that a change of size cuts.  A shrink takes their ends away, and growth
// would complete them with zeros: neither may make a value that was never stored.
//
// An image may start at any offset, so that the bytes that all type words have in
// common are searched for, at some GB a second whatever the memory holds.
#include "access/access.h"
#include "codec/layout.h"

#include <string.h>

// Bytes that are looked at together
#define STRIDE ((size_t)64)

#define NONE SIZE_MAX

static bool
is_mark(const uint8_t *bytes)
{
  return !memcmp(bytes, MARK, MARK_SIZE);
}

// The first mark that starts at or after `from` and before `end`; its bytes may
// reach behind that.  NONE if there is none.
static size_t
find_mark(const uint8_t *mem, size_t from, size_t end)
{
  static const uint8_t mark[] = MARK;
  size_t at                   = from;
  for (; at < end && end - at >= STRIDE; at += STRIDE) {
    unsigned found = 0;
    for (size_t i = at; i < at + STRIDE; ++i) {
      found |= (unsigned)(mem[i] == mark[0]) & (unsigned)(mem[i + 1] == mark[1]) &
               (unsigned)(mem[i + 2] == mark[2]) & (unsigned)(mem[i + 3] == mark[3]);
    }
    if (found) {
      break;
    }
  }
  while (at < end && !is_mark(mem + at)) {
    ++at;
  }
  return at < end ? at : NONE;
}

// The shape that the image at the start of `left` bytes claims, as if zeros
// followed them; false if there is no image
static bool
claims(const uint8_t *bytes, size_t left, PtrsCodecShape *shape)
{
  uint8_t prefix[PTRS_CODEC_PREFIX_MAX] = {0};
  memcpy(prefix, bytes, left < sizeof(prefix) ? left : sizeof(prefix));
  return !ptrs_codec_shape(prefix, SIZE_MAX, shape) && shape->kind != PTRS_CODEC_EMPTY;
}

// Where an image starts, at or after `from`, that reaches beyond the first `end`
// bytes; NONE if there is none.  With `whole`, only one that ends within `capacity`;
// its header may straddle the end.
static size_t
find_cut(const uint8_t *mem, size_t from, size_t end, size_t capacity, bool whole)
{
  // The object that a block holds as such is at its start, also where it has no bytes
  const size_t starts = whole && !end ? 1 : end;
  const size_t there  = whole ? capacity : end;
  if (there < PTRS_CODEC_HEADER) {
    return NONE;
  }
  // Where a header may start at the latest, and one more
  const size_t last =
      starts < there - PTRS_CODEC_HEADER + 1 ? starts : there - PTRS_CODEC_HEADER + 1;
  for (size_t at = from; at < last; ++at) {
    const size_t mark = find_mark(mem, at + MARK_OFFSET, last + MARK_OFFSET);
    if (mark == NONE) {
      break;
    }
    PtrsCodecShape shape;
    at = mark - MARK_OFFSET;
    if (claims(mem + at, there - at, &shape) && shape.size > end - at &&
        (!whole || shape.size <= capacity - at)) {
      return at;
    }
  }
  return NONE;
}

static PtrsStatus
keep_images(const uint8_t *mem, size_t capacity, size_t new_size, void *ctx)
{
  (void)ctx;
  return new_size < capacity && find_cut(mem, 0, new_size, capacity, true) != NONE
             ? PTRS_STATUS_OUT_OF_BOUNDS
             : PTRS_STATUS_SUCCESS;
}

// Without its type word, what is left of an image is nothing
static void
end_cut_images(uint8_t *mem, size_t kept, size_t capacity, void *ctx)
{
  (void)ctx;
  size_t at = 0;
  while ((at = find_cut(mem, at, kept, capacity, false)) != NONE) {
    ptrs_codec_erase(mem + at);
  }
}

int
ptrs_access_resize(PtrsBlock block, size_t size)
{
  const PtrsResizeRules rules = {.check = keep_images, .changed = end_cut_images};
  return -(int)ptrs_block_realloc_if(block, size, &rules);
}

int
ptrs_access_resize_slots(PtrsBlock block, size_t size)
{
  const PtrsResizeRules rules = {.changed = end_cut_images};
  return -(int)ptrs_block_realloc_if(block, size, &rules);
}

int64_t
ptrs_access_find_cut(PtrsBlock block, size_t size)
{
  PtrsEntry entry;
  const PtrsStatus status = ptrs_block_enter(block, PTRS_ACCESS_SHARED, &entry);
  if (status) {
    return -(int64_t)status;
  }
  const bool shrinks = size < entry.capacity;
  const size_t at    = shrinks ? find_cut(entry.mem, 0, size, entry.capacity, true) : NONE;
  ptrs_block_leave(&entry);
  return at != NONE ? (int64_t)at : -(int64_t)PTRS_STATUS_OUT_OF_BOUNDS;
}
