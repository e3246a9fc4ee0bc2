// SPDX-License-Identifier: MIT
#include "ptrs/foreign.h"

#include <stdio.h>

#include "allocators/foreign_heap.h"
#include "allocators/lifecycle.h"
#include "base/counters.h"
#include "base/fork.h"
#include "os/os.h"

typedef struct {
  PtrsAllocator base;
  PtrsCounters counters;
  PtrsAtomic is_closed;
  PtrsForeignHeap heap;
  PtrsLifecycle lifecycle;
} PtrsForeign;

// Count a block, unless it is NULL
static void *
count(PtrsForeign *foreign, void *mem, size_t size)
{
  if (mem) {
    ptrs_counters_alloc(&foreign->counters, size);
  }
  return mem;
}

static void *
foreign_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  PtrsForeign *const foreign = (PtrsForeign *)allocator;
  if (ptrs_atomic_peek(&foreign->is_closed)) {
    return NULL;
  }
  return count(foreign, ptrs_foreign_heap_alloc(&foreign->heap, size, align), size);
}

static void *
foreign_zalloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  PtrsForeign *const foreign = (PtrsForeign *)allocator;
  if (ptrs_atomic_peek(&foreign->is_closed)) {
    return NULL;
  }
  return count(foreign, ptrs_foreign_heap_zalloc(&foreign->heap, size, align), size);
}

static void *
foreign_realloc(PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align)
{
  PtrsForeign *const foreign = (PtrsForeign *)allocator;
  void *const new_mem = ptrs_foreign_heap_realloc(&foreign->heap, mem, old_size, new_size, align);
  if (new_mem) {
    ptrs_counters_resize(&foreign->counters, old_size, new_size);
  }
  return new_mem;
}

static void *
foreign_zrealloc(PtrsAllocator *allocator,
                 void *mem,
                 size_t old_size,
                 size_t kept,
                 size_t new_size,
                 size_t align)
{
  PtrsForeign *const foreign = (PtrsForeign *)allocator;
  void *const new_mem =
      ptrs_foreign_heap_zrealloc(&foreign->heap, mem, old_size, kept, new_size, align);
  if (new_mem) {
    ptrs_counters_resize(&foreign->counters, old_size, new_size);
  }
  return new_mem;
}

static void
foreign_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  PtrsForeign *const foreign = (PtrsForeign *)allocator;
  ptrs_counters_free(&foreign->counters, size);
  ptrs_foreign_heap_free(&foreign->heap, mem, size, align);
}

static size_t
foreign_capacity(PtrsAllocator *allocator, const void *mem, size_t size, size_t align)
{
  return ptrs_foreign_heap_capacity(&((PtrsForeign *)allocator)->heap, mem, size, align);
}

static void
foreign_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  ptrs_counters_read(&((PtrsForeign *)allocator)->counters, stats);
}

static PtrsStatus
foreign_clear(PtrsAllocator *allocator)
{
  if (ptrs_lifecycle_is_lending(allocator->lifecycle)) {
    return PTRS_STATUS_PINNED;
  }
  ptrs_atomic_store(&((PtrsForeign *)allocator)->is_closed, 1);
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_foreign_new(const char *path,
                 const char *prefix,
                 char *message,
                 size_t message_size,
                 PtrsAllocator **allocator)
{
  // No lock to be taken around a fork: the library does that for its own
  static const PtrsLifecycleOps ops = {.object_size  = sizeof(PtrsForeign),
                                       .object_align = _Alignof(PtrsForeign),
                                       .clear        = foreign_clear,
                                       .frees_singly = true};
  if (!path || !*path || !prefix || !message || !message_size) {
    return PTRS_STATUS_BAD_ARG;
  }
  message[0]          = '\0';
  void *const library = ptrs_os_library_open(path, message, message_size);
  if (!library) {
    return PTRS_STATUS_FOREIGN;
  }
  PtrsForeign found = {
      .base =
          {
              .alloc    = foreign_alloc,
              .zalloc   = foreign_zalloc,
              .realloc  = foreign_realloc,
              .zrealloc = foreign_zrealloc,
              .free     = foreign_free,
              .capacity = foreign_capacity,
              .name     = "foreign",
              .stats    = foreign_stats,
          },
  };
  const char *missing = NULL;
  if (!ptrs_foreign_heap_find(&found.heap, library, prefix, &missing)) {
    (void)snprintf(message, message_size, "%s has no function %s%s of its own", path, prefix,
                   missing);
    return PTRS_STATUS_FOREIGN;
  }
  // A library installs its handlers for forks when it is first used, so use it now
  found.heap.free(found.heap.malloc(1));
  ptrs_fork_precede(library);
  if (!found.heap.posix_memalign && !found.heap.memalign) {
    found.base.max_align = PTRS_ALIGN_DEFAULT;
  }
  PtrsForeign *const made =
      (PtrsForeign *)ptrs_os_malloc(sizeof(PtrsForeign), _Alignof(PtrsForeign));
  if (!made) {
    return PTRS_STATUS_NO_MEM;
  }
  *made = found;
  ptrs_lifecycle_init(&made->lifecycle, &made->base, NULL, &ops);
  *allocator = &made->base;
  return PTRS_STATUS_SUCCESS;
}
