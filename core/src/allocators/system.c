// SPDX-License-Identifier: MIT
#include "ptrs/system.h"

#include "base/counters.h"
#include "os/os.h"

typedef struct {
  PtrsAllocator base;
  PtrsCounters counters;
} PtrsSystem;

static void *
system_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  void *const mem = ptrs_os_malloc(size, align);
  if (mem) {
    ptrs_counters_alloc(&((PtrsSystem *)allocator)->counters, size);
  }
  return mem;
}

static void *
system_zalloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  void *const mem = ptrs_os_zalloc(size, align);
  if (mem) {
    ptrs_counters_alloc(&((PtrsSystem *)allocator)->counters, size);
  }
  return mem;
}

static void *
system_realloc(PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align)
{
  void *const new_mem = ptrs_os_realloc(mem, old_size, new_size, align);
  if (new_mem) {
    ptrs_counters_resize(&((PtrsSystem *)allocator)->counters, old_size, new_size);
  }
  return new_mem;
}

static void *
system_zrealloc(PtrsAllocator *allocator,
                void *mem,
                size_t old_size,
                size_t kept,
                size_t new_size,
                size_t align)
{
  void *const new_mem = ptrs_os_zrealloc(mem, old_size, kept, new_size, align);
  if (new_mem) {
    ptrs_counters_resize(&((PtrsSystem *)allocator)->counters, old_size, new_size);
  }
  return new_mem;
}

static void
system_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  ptrs_counters_free(&((PtrsSystem *)allocator)->counters, size);
  ptrs_os_free(mem, size, align);
}

static bool
system_give(PtrsAllocator *allocator, const void *mem, size_t size, size_t align)
{
  (void)mem;
  if (!ptrs_os_is_of_malloc(size, align)) {
    return false;
  }
  ptrs_counters_free(&((PtrsSystem *)allocator)->counters, size);
  return true;
}

static void
system_reuse(PtrsAllocator *allocator, size_t size)
{
  ptrs_counters_alloc(&((PtrsSystem *)allocator)->counters, size);
}

static void
system_keep(PtrsAllocator *allocator, size_t size)
{
  ptrs_counters_free(&((PtrsSystem *)allocator)->counters, size);
}

static size_t
system_capacity(PtrsAllocator *allocator, const void *mem, size_t size, size_t align)
{
  (void)allocator;
  return ptrs_os_capacity(mem, size, align);
}

static void
system_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  ptrs_counters_read(&((PtrsSystem *)allocator)->counters, stats);
}

PtrsAllocator *
ptrs_system_allocator(void)
{
  static PtrsSystem system = {
      .base =
          {
              .alloc    = system_alloc,
              .zalloc   = system_zalloc,
              .realloc  = system_realloc,
              .zrealloc = system_zrealloc,
              .free     = system_free,
              .give     = system_give,
              .reuse    = system_reuse,
              .keep     = system_keep,
              .capacity = system_capacity,
              .name     = "system",
              .stats    = system_stats,
          },
  };
  return &system.base;
}
