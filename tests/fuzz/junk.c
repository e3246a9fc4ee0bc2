// SPDX-License-Identifier: MIT
#define _POSIX_C_SOURCE 200809L
#include "junk.h"

#include "fuzz.h"

#define JUNK_BYTE 0xA5

// The most slack; it depends on the size, so that some blocks have none
#define GRAIN ((size_t)24)

static JunkAllocator *
cast(PtrsAllocator *allocator)
{
  return (JunkAllocator *)allocator;
}

static JunkBlock *
find(JunkAllocator *junk, const void *mem)
{
  for (size_t i = 0; i < JUNK_MAX_BLOCKS; ++i) {
    if (junk->blocks[i].mem == mem) {
      return &junk->blocks[i];
    }
  }
  return NULL;
}

size_t
junk_capacity(size_t size)
{
  return (size + GRAIN - 1) / GRAIN * GRAIN;
}

static void *
junk_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  JunkAllocator *const junk = cast(allocator);
  REQUIRE(ptrs_align_is_valid(align));
  REQUIRE(size <= PTRS_SIZE_MAX);
  if (junk->fails || size > JUNK_MAX_SIZE) {
    return NULL;
  }
  const size_t capacity = junk_capacity(size);
  void *mem             = NULL;
  const size_t least    = align < sizeof(void *) ? sizeof(void *) : align;
  REQUIRE(!posix_memalign(&mem, least, capacity ? capacity : 1));
  memset(mem, JUNK_BYTE, capacity);

  JunkBlock *const block = find(junk, NULL);
  REQUIRE(block);
  *block = (JunkBlock){mem, size, align};
  ++junk->n_blocks;
  return mem;
}

static void *
junk_zalloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  void *const mem = junk_alloc(allocator, size, align);
  if (mem) {
    memset(mem, 0, size);
  }
  return mem;
}

static void
junk_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  JunkAllocator *const junk = cast(allocator);
  JunkBlock *const block    = mem ? find(junk, mem) : NULL;
  REQUIRE(block);
  REQUIRE(block->size == size);
  REQUIRE(block->align == align);
  *block = (JunkBlock){NULL, 0, 0};
  --junk->n_blocks;
  free(mem);
}

static void *
junk_realloc(PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align)
{
  void *const new_mem = junk_alloc(allocator, new_size, align);
  if (new_mem) {
    const size_t old_capacity = junk_capacity(old_size);
    memcpy(new_mem, mem, old_capacity < new_size ? old_capacity : new_size);
    junk_free(allocator, mem, old_size, align);
  }
  return new_mem;
}

static size_t
junk_capacity_of(PtrsAllocator *allocator, const void *mem, size_t size, size_t align)
{
  const JunkBlock *const block = find(cast(allocator), mem);
  REQUIRE(block);
  REQUIRE(block->size == size);
  REQUIRE(block->align == align);
  return junk_capacity(size);
}

static void
junk_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  *stats = (PtrsStats){.current_blocks = cast(allocator)->n_blocks};
}

void
junk_init(JunkAllocator *junk)
{
  *junk = (JunkAllocator){
      .base =
          {
              .alloc    = junk_alloc,
              .zalloc   = junk_zalloc,
              .realloc  = junk_realloc,
              .free     = junk_free,
              .capacity = junk_capacity_of,
              .stats    = junk_stats,
          },
  };
}
