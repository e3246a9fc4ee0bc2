// SPDX-License-Identifier: MIT
#define _POSIX_C_SOURCE 200809L
#include "loaded.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "ptrs-workload.h"

// What an arena may take, which gets nothing back
#define ARENA_MAX ((rlim_t)3 << 30)

// Of a quick run
#define QUICK 0.1

typedef int64_t (*Function)(const PtrsWorkload *workload);

static Function loaded;

// What counts blocks on the way to the allocator
typedef struct {
  PtrsAllocator base;
  PtrsAllocator *inner;
  Counts *counts;
} Counting;

static void *
counting_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  const Counting *const counting = (Counting *)allocator;
  void *const mem                = counting->inner->alloc(counting->inner, size, align);
  if (mem) {
    counts_made(counting->counts, size);
  }
  return mem;
}

static void *
counting_realloc(
    PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align)
{
  const Counting *const counting = (Counting *)allocator;
  void *const moved = counting->inner->realloc(counting->inner, mem, old_size, new_size, align);
  if (moved) {
    counts_resized(counting->counts, old_size, new_size);
  }
  return moved;
}

static void
counting_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  const Counting *const counting = (Counting *)allocator;
  counts_freed(counting->counts, size);
  counting->inner->free(counting->inner, mem, size, align);
}

static bool
run_loaded(Run *run)
{
  const Heap *const heap   = run->heap;
  PtrsAllocator *allocator = heap->allocator ? heap->allocator : plain_allocator(NULL, "");
  Counting counting        = {
             .base   = {.alloc = counting_alloc, .realloc = counting_realloc, .free = counting_free},
             .inner  = allocator,
             .counts = heap->counts};
  if (heap->checked) {
    (void)snprintf(run->problem, sizeof(run->problem),
                   "a workload of one's own works with bare memory, not with checked blocks");
    return false;
  }
  if (heap->is_arena) {
    const struct rlimit most = {ARENA_MAX, ARENA_MAX};
    (void)setrlimit(RLIMIT_AS, &most);
  }
  if (heap->counts) {
    allocator = &counting.base;
  }
  const PtrsWorkload workload = {.allocator = allocator,
                                 .alloc     = allocator->alloc,
                                 .realloc   = allocator->realloc,
                                 .free      = allocator->free,
                                 .scale     = run->scale,
                                 .threads   = run->threads,
                                 .seed      = run->seed};
  const int64_t answer        = loaded(&workload);
  if (answer > 0) {
    run->operations = (uint64_t)answer;
    return true;
  }
  if (answer == PTRS_WORKLOAD_CORRUPT) {
    return run_corrupt(run);
  }
  (void)snprintf(run->problem, sizeof(run->problem),
                 answer == PTRS_WORKLOAD_NO_MEMORY ? "the allocator had no memory"
                                                   : "it has done no operation");
  return false;
}

bool
loaded_open(
    Workload *workload, const char *name, const char *path, char *message, size_t message_size)
{
  void *const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    (void)snprintf(message, message_size, "%s", dlerror());
    return false;
  }
  void *const function = dlsym(library, "ptrs_workload");
  if (!function) {
    (void)snprintf(message, message_size, "%s has no function ptrs_workload", path);
    return false;
  }
  memcpy(&loaded, &function, sizeof(loaded));
  const size_t *const max_size = (const size_t *)dlsym(library, "ptrs_workload_max_size");
  *workload                    = (Workload){.name        = name,
                                            .description = path,
                                            .max_size    = max_size ? *max_size : 0,
                                            .run         = run_loaded,
                                            .threaded    = true,
                                            .quick       = QUICK};
  return true;
}
