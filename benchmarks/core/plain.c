// SPDX-License-Identifier: MIT
// A malloc(3) family as an allocator without statistics, which threads would share.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"

typedef struct {
  PtrsAllocator base;
  void *(*malloc)(size_t size);
  void *(*calloc)(size_t count, size_t size);
  void *(*realloc)(void *mem, size_t size);
  void (*free)(void *mem);
} Plain;

static void *
plain_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  return align <= PTRS_ALIGN_DEFAULT ? ((Plain *)allocator)->malloc(size) : NULL;
}

static void *
plain_zalloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  return align <= PTRS_ALIGN_DEFAULT ? ((Plain *)allocator)->calloc(1, size) : NULL;
}

static void *
plain_realloc(PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align)
{
  (void)old_size;
  (void)align;
  return ((Plain *)allocator)->realloc(mem, new_size);
}

static void
plain_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  (void)size;
  (void)align;
  ((Plain *)allocator)->free(mem);
}

static size_t
plain_capacity(PtrsAllocator *allocator, const void *mem, size_t size, size_t align)
{
  (void)allocator;
  (void)mem;
  (void)align;
  return size;
}

static void
plain_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  (void)allocator;
  memset(stats, 0, sizeof(*stats));
}

// Write the address of a function where a pointer to it is, which ISO C cannot assign
static bool
find(void *library, const char *prefix, const char *name, void *function)
{
  char symbol[256];
  (void)snprintf(symbol, sizeof(symbol), "%s%s", prefix, name);
  void *const found = dlsym(library, symbol);
  memcpy(function, &found, sizeof(found));
  return found != NULL;
}

PtrsAllocator *
plain_allocator(void *library, const char *prefix)
{
  static Plain plain = {
      .base =
          {
              .alloc    = plain_alloc,
              .zalloc   = plain_zalloc,
              .realloc  = plain_realloc,
              .free     = plain_free,
              .capacity = plain_capacity,
              .stats    = plain_stats,
              .name     = "plain",
          },
      .malloc  = malloc,
      .calloc  = calloc,
      .realloc = realloc,
      .free    = free,
  };
  const bool found = !library || (find(library, prefix, "malloc", (void *)&plain.malloc) &&
                                  find(library, prefix, "calloc", (void *)&plain.calloc) &&
                                  find(library, prefix, "realloc", (void *)&plain.realloc) &&
                                  find(library, prefix, "free", (void *)&plain.free));
  return found ? &plain.base : NULL;
}
