// SPDX-License-Identifier: MIT
#include "heap.h"

#include <dlfcn.h>
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

#define WORD sizeof(uint64_t)
#define HEAD ((size_t)128)
#define PAGE ((size_t)4096)

static size_t
smaller(size_t a, size_t b)
{
  return a < b ? a : b;
}

// The word at a place of a piece
static uint64_t
word_of(const Piece *piece, size_t index)
{
  return 0x9E3779B97F4A7C15U * (piece->number + 1) + index;
}

static void
write_words(const Piece *piece, char *mem, size_t from, size_t to)
{
  for (size_t at = from; at < to; at += WORD) {
    const uint64_t word = word_of(piece, at);
    memcpy(mem + at, &word, smaller(WORD, to - at));
  }
}

static bool
has_words(const Piece *piece, const char *mem, size_t from, size_t to)
{
  for (size_t at = from; at < to; at += WORD) {
    const uint64_t word = word_of(piece, at);
    if (memcmp(mem + at, &word, smaller(WORD, to - at))) {
      return false;
    }
  }
  return true;
}

// How many bytes from the start on are written word by word
static size_t
head_of(Touch touch, size_t size)
{
  if (touch >= TOUCH_ALL || size < 2 * WORD) {
    return size;
  }
  return smaller(touch == TOUCH_HEAD ? HEAD : WORD, size);
}

static void
write_mem(Touch touch, const Piece *piece, char *mem)
{
  const size_t size   = piece->size;
  const size_t head   = head_of(touch, size);
  const uint64_t last = word_of(piece, size);
  if (head + WORD <= size) {
    memcpy(mem + size - WORD, &last, WORD);
  }
  if (touch == TOUCH_PAGES) {
    for (size_t at = PAGE; at + WORD < size; at += PAGE) {
      mem[at] = 1;
    }
  }
  write_words(piece, mem, 0, head);
}

// Looks at both ends, and with TOUCH_CHECK at all between them
static bool
has_mem(Touch touch, const Piece *piece, const char *mem)
{
  const size_t size   = piece->size;
  const size_t head   = head_of(touch, size);
  const uint64_t last = word_of(piece, size);
  if (touch == TOUCH_CHECK || size < 2 * WORD) {
    return has_words(piece, mem, 0, size);
  }
  if (!has_words(piece, mem, 0, WORD)) {
    return false;
  }
  if (head + WORD <= size) {
    return !memcmp(mem + size - WORD, &last, WORD);
  }
  return head < size || has_words(piece, mem, (size - 1) / WORD * WORD, size);
}

static bool
write_piece(const Heap *heap, const Piece *piece)
{
  PtrsEntry entry;
  if (!heap->checked) {
    write_mem(heap->touch, piece, (char *)piece->mem);
    return true;
  }
  if (ptrs_block_enter(piece->block, PTRS_ACCESS_EXCLUSIVE, &entry)) {
    return false;
  }
  write_mem(heap->touch, piece, (char *)entry.mem);
  ptrs_block_leave(&entry);
  return true;
}

static bool
has_piece(const Heap *heap, const Piece *piece)
{
  PtrsEntry entry;
  if (!heap->checked) {
    return has_mem(heap->touch, piece, (const char *)piece->mem);
  }
  if (ptrs_block_enter(piece->block, PTRS_ACCESS_SHARED, &entry)) {
    return false;
  }
  const bool whole = has_mem(heap->touch, piece, (const char *)entry.mem);
  ptrs_block_leave(&entry);
  return whole;
}

static void
count_freed(Counts *counts, const Piece *piece, uint64_t maker)
{
  if (counts) {
    counts_freed(counts, piece->size);
    atomic_fetch_add(&counts->crossing, piece->number >> PIECE_MAKER_SHIFT != maker);
  }
}

static size_t
number_after(const char *spec, size_t otherwise)
{
  const char *const colon = strchr(spec, ':');
  return colon ? (size_t)strtoull(colon + 1, NULL, 0) : otherwise;
}

// foreign:PATH[:PREFIX]; the core looks whether the functions are the library's own
static PtrsStatus
open_foreign(const char *spec, bool checked, char *message, size_t size, PtrsAllocator **allocator)
{
  char path[512];
  (void)snprintf(path, sizeof(path), "%s", strchr(spec, ':') + 1);
  char *const colon        = strchr(path, ':');
  const char *const prefix = colon ? colon + 1 : "";
  if (colon) {
    *colon = '\0';
  }
  const PtrsStatus status = ptrs_foreign_new(path, prefix, message, size, allocator);
  if (status || checked) {
    return status;
  }
  ptrs_allocator_release(*allocator);
  *allocator = plain_allocator(dlopen(path, RTLD_NOW | RTLD_LOCAL), prefix);
  return *allocator ? PTRS_STATUS_SUCCESS : PTRS_STATUS_FOREIGN;
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
  if (is_kind(spec, "system") && !checked) {
    heap->allocator = plain_allocator(NULL, "");
  } else if (is_kind(spec, "system") || is_kind(spec, "system+stats")) {
    heap->allocator = system;
  } else if (heap->is_arena) {
    status = ptrs_arena_new(system, number_after(spec, ARENA_CHUNK), &heap->allocator);
  } else if (is_kind(spec, "pool")) {
    const size_t block_size = number_after(spec, max_size);
    if (!block_size) {
      (void)snprintf(message, message_size, "pool: the workload tells no size: give pool:BLOCK");
      return false;
    }
    if (block_size < max_size || block_size > POOL_MAX) {
      (void)snprintf(message, message_size, "pool: blocks up to %zu bytes are needed", max_size);
      return false;
    }
    status = ptrs_pool_new(system, block_size, ALIGN, 0, &heap->allocator);
  } else if (is_kind(spec, "guard")) {
    status = ptrs_guard_new(0, GUARD_QUARANTINE, &heap->allocator);
  } else if (is_kind(spec, "foreign") && strchr(spec, ':')) {
    status    = open_foreign(spec, checked, message, message_size, &heap->allocator);
    *unusable = status != PTRS_STATUS_SUCCESS;
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
  if (heap->allocator && heap->allocator->lifecycle) {
    (void)ptrs_allocator_close(heap->allocator);
    ptrs_allocator_release(heap->allocator);
  }
}

bool
heap_alloc(Heap *heap, size_t size, size_t align, uint64_t number, Piece *piece)
{
  PtrsAllocator *const allocator = heap->allocator;
  piece->size                    = 0;
  if (heap->checked) {
    if (ptrs_block_alloc(allocator, size, align, &piece->block)) {
      return false;
    }
  } else {
    piece->mem = allocator ? allocator->alloc(allocator, size, align) : malloc(size);
    if (!piece->mem) {
      return false;
    }
  }
  piece->size   = size;
  piece->align  = align;
  piece->number = number;
  if (heap->counts) {
    counts_made(heap->counts, size);
  }
  return write_piece(heap, piece);
}

bool
heap_resize(Heap *heap, Piece *piece, size_t size, bool *whole)
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
  *whole = size < piece->size || has_piece(heap, piece);
  if (heap->counts) {
    counts_resized(heap->counts, piece->size, size);
  }
  piece->size = size;
  return write_piece(heap, piece);
}

bool
heap_free(Heap *heap, Piece *piece, uint64_t maker)
{
  PtrsAllocator *const allocator = heap->allocator;
  const bool whole               = has_piece(heap, piece);
  count_freed(heap->counts, piece, maker);
  const size_t size = piece->size;
  piece->size       = 0;
  if (heap->checked) {
    return !ptrs_block_free(piece->block) && whole;
  }
  if (allocator) {
    allocator->free(allocator, piece->mem, size, piece->align);
  } else {
    free(piece->mem);
  }
  return whole;
}

bool
heap_free_all(Heap *heap, Piece *pieces, size_t count, uint64_t maker)
{
  bool whole = true;
  for (size_t i = 0; i < count; ++i) {
    if (heap->is_arena) {
      whole = has_piece(heap, &pieces[i]) && whole;
      count_freed(heap->counts, &pieces[i], maker);
      pieces[i].size = 0;
    } else {
      whole = heap_free(heap, &pieces[i], maker) && whole;
    }
  }
  return (!heap->is_arena || !ptrs_arena_reset(heap->allocator)) && whole;
}
