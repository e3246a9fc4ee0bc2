// SPDX-License-Identifier: MIT
#include "heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ptrs/arena.h"
#include "ptrs/foreign.h"
#include "ptrs/guard.h"
#include "ptrs/pool.h"
#include "ptrs/system.h"

#define ALIGN PTRS_ALIGN_DEFAULT
#define ARENA_CHUNK ((size_t)64 << 10)

// Blocks of a pool that are larger than this are no use for a pool
#define POOL_MAX ((size_t)64 << 10)
#define GUARD_QUARANTINE ((size_t)1 << 20)

// What is written at the start and at the end of a piece
static uint64_t
stamp_of(const Piece *piece)
{
  return 0x9E3779B97F4A7C15U * (piece->size + 1);
}

static size_t
stamp_size(const Piece *piece)
{
  return piece->size < sizeof(uint64_t) ? piece->size : sizeof(uint64_t);
}

// Where the second one is: over the first, unless there is room for both
static size_t
end_offset(const Piece *piece)
{
  return piece->size < 2 * sizeof(uint64_t) ? 0 : piece->size - sizeof(uint64_t);
}

static bool
write_stamp(const Heap *heap, const Piece *piece)
{
  const uint64_t stamp = stamp_of(piece);
  const size_t size    = stamp_size(piece);
  if (heap->checked) {
    return !ptrs_block_write(piece->block, 0, size, &stamp) &&
           !ptrs_block_write(piece->block, end_offset(piece), size, &stamp);
  }
  memcpy(piece->mem, &stamp, size);
  memcpy((char *)piece->mem + end_offset(piece), &stamp, size);
  return true;
}

static bool
has_stamp(const Heap *heap, const Piece *piece)
{
  const uint64_t stamp = stamp_of(piece);
  const size_t size    = stamp_size(piece);
  uint64_t start       = 0;
  uint64_t end         = 0;
  if (heap->checked) {
    if (ptrs_block_read(piece->block, 0, size, &start) ||
        ptrs_block_read(piece->block, end_offset(piece), size, &end)) {
      return false;
    }
  } else {
    memcpy(&start, piece->mem, size);
    memcpy(&end, (char *)piece->mem + end_offset(piece), size);
  }
  return !memcmp(&start, &stamp, size) && !memcmp(&end, &stamp, size);
}

static size_t
number_after(const char *spec, size_t otherwise)
{
  const char *const colon = strchr(spec, ':');
  return colon ? (size_t)strtoull(colon + 1, NULL, 0) : otherwise;
}

// foreign:PATH[:PREFIX]
static PtrsStatus
open_foreign(const char *spec, char *message, size_t size, PtrsAllocator **allocator)
{
  char path[512];
  (void)snprintf(path, sizeof(path), "%s", strchr(spec, ':') + 1);
  char *const colon        = strchr(path, ':');
  const char *const prefix = colon ? colon + 1 : "";
  if (colon) {
    *colon = '\0';
  }
  return ptrs_foreign_new(path, prefix, message, size, allocator);
}

static bool
is_kind(const char *spec, const char *kind)
{
  const size_t length = strlen(kind);
  return !strncmp(spec, kind, length) && (!spec[length] || spec[length] == ':');
}

bool
heap_open(Heap *heap,
          const char *spec,
          bool checked,
          size_t max_size,
          char *message,
          size_t message_size,
          bool *unusable)
{
  PtrsAllocator *const system = ptrs_system_allocator();
  PtrsStatus status           = PTRS_STATUS_SUCCESS;
  heap->allocator             = NULL;
  heap->checked               = checked;
  heap->is_arena              = is_kind(spec, "arena");
  *unusable                   = false;
  message[0]                  = '\0';
  if (is_kind(spec, "direct")) {
    *unusable = checked;
    (void)snprintf(message, message_size, "direct has no checked blocks: take system");
    return !checked;
  }
  if (is_kind(spec, "system")) {
    heap->allocator = system;
  } else if (heap->is_arena) {
    status = ptrs_arena_new(system, number_after(spec, ARENA_CHUNK), &heap->allocator);
  } else if (is_kind(spec, "pool")) {
    const size_t block_size = number_after(spec, max_size);
    if (block_size < max_size || block_size > POOL_MAX) {
      (void)snprintf(message, message_size, "pool: blocks up to %zu bytes are needed", max_size);
      return false;
    }
    status = ptrs_pool_new(system, block_size, ALIGN, 0, &heap->allocator);
  } else if (is_kind(spec, "guard")) {
    status = ptrs_guard_new(0, GUARD_QUARANTINE, &heap->allocator);
  } else if (is_kind(spec, "foreign") && strchr(spec, ':')) {
    status = open_foreign(spec, message, message_size, &heap->allocator);
  } else {
    *unusable = true;
    (void)snprintf(message, message_size, "unknown allocator %s", spec);
    return false;
  }
  if (status && !message[0]) {
    (void)snprintf(message, message_size, "%s: %s", spec, ptrs_strerror(status));
  }
  return !status;
}

void
heap_close(Heap *heap)
{
  if (heap->allocator) {
    (void)ptrs_allocator_close(heap->allocator);
    ptrs_allocator_release(heap->allocator);
  }
}

bool
heap_alloc(Heap *heap, size_t size, Piece *piece)
{
  PtrsAllocator *const allocator = heap->allocator;
  piece->size                    = size;
  if (heap->checked) {
    if (ptrs_block_alloc(allocator, size, ALIGN, &piece->block)) {
      return false;
    }
  } else {
    piece->mem = allocator ? allocator->alloc(allocator, size, ALIGN) : malloc(size);
    if (!piece->mem) {
      return false;
    }
  }
  return write_stamp(heap, piece);
}

bool
heap_resize(Heap *heap, Piece *piece, size_t size)
{
  PtrsAllocator *const allocator = heap->allocator;
  if (heap->checked) {
    if (ptrs_block_realloc(piece->block, size)) {
      return false;
    }
  } else {
    void *const mem = allocator
                          ? allocator->realloc(allocator, piece->mem, piece->size, size, ALIGN)
                          : realloc(piece->mem, size);
    if (!mem) {
      return false;
    }
    piece->mem = mem;
  }
  piece->size = size;
  return write_stamp(heap, piece);
}

bool
heap_free(Heap *heap, Piece *piece)
{
  PtrsAllocator *const allocator = heap->allocator;
  const bool whole               = has_stamp(heap, piece);
  if (heap->checked) {
    return !ptrs_block_free(piece->block) && whole;
  }
  if (allocator) {
    allocator->free(allocator, piece->mem, piece->size, ALIGN);
  } else {
    free(piece->mem);
  }
  return whole;
}

bool
heap_free_all(Heap *heap, Piece *pieces, size_t count)
{
  bool whole = true;
  if (heap->is_arena) {
    for (size_t i = 0; i < count; ++i) {
      whole = has_stamp(heap, &pieces[i]) && whole;
    }
    return !ptrs_arena_reset(heap->allocator) && whole;
  }
  for (size_t i = 0; i < count; ++i) {
    whole = heap_free(heap, &pieces[i]) && whole;
  }
  return whole;
}
