// SPDX-License-Identifier: MIT
#include "ptrs/foreign.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "checked.h"
#include "os.h"
#include "owner.h"
#include "stats.h"

#define NAME_SIZE ((size_t)128)

typedef void *(*Malloc)(size_t size);
typedef void *(*Calloc)(size_t count, size_t size);
typedef void *(*Realloc)(void *mem, size_t size);
typedef void (*Free)(void *mem);
typedef void *(*Memalign)(size_t align, size_t size);
typedef int (*PosixMemalign)(void **mem, size_t align, size_t size);
typedef size_t (*UsableSize)(const void *mem);

typedef struct {
  PtrsAllocator base;
  PtrsCounters counters;
  PtrsAtomic is_closed;
  Malloc malloc;
  Calloc calloc;
  Realloc realloc;
  Free free;
  Memalign memalign; // aligned_alloc or memalign
  PosixMemalign posix_memalign;
  UsableSize usable_size; // NULL if there is none
  PtrsOwner owner;
} PtrsForeign;

static void *
get(const PtrsForeign *foreign, size_t size, size_t align)
{
  // malloc(0) may return NULL, and many align small blocks to no more than their size
  const size_t asked = size ? size : 1;
  void *mem          = NULL;
  if (align <= PTRS_OS_MALLOC_ALIGN) {
    return foreign->malloc(ptrs_max(size, align));
  }
  if (foreign->posix_memalign) {
    return foreign->posix_memalign(&mem, align, asked) ? NULL : mem;
  }
  // aligned_alloc takes multiples of the alignment, by the letter of C11
  size_t rounded = 0;
  if (!foreign->memalign || !ptrs_checked_round_up(asked, align, &rounded)) {
    return NULL;
  }
  return foreign->memalign(align, rounded);
}

static bool
refuses(const PtrsForeign *foreign, size_t size)
{
  return size > PTRS_SIZE_MAX || ptrs_atomic_peek(&foreign->is_closed);
}

static void *
foreign_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  PtrsForeign *const foreign = (PtrsForeign *)allocator;
  void *const mem            = refuses(foreign, size) ? NULL : get(foreign, size, align);
  if (mem) {
    ptrs_counters_alloc(&foreign->counters, size);
  }
  return mem;
}

static void *
foreign_zalloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  PtrsForeign *const foreign = (PtrsForeign *)allocator;
  if (align > PTRS_OS_MALLOC_ALIGN || refuses(foreign, size)) {
    void *const mem = foreign_alloc(allocator, size, align);
    if (mem) {
      memset(mem, 0, size);
    }
    return mem;
  }
  void *const mem = foreign->calloc(1, ptrs_max(size, align));
  if (mem) {
    ptrs_counters_alloc(&foreign->counters, size);
  }
  return mem;
}

static size_t
foreign_capacity(PtrsAllocator *allocator, const void *mem, size_t size)
{
  const PtrsForeign *const foreign = (const PtrsForeign *)allocator;
  return foreign->usable_size ? ptrs_max(foreign->usable_size(mem), size) : size;
}

static void *
foreign_realloc(PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align)
{
  PtrsForeign *const foreign = (PtrsForeign *)allocator;
  void *new_mem              = NULL;
  if (new_size > PTRS_SIZE_MAX) {
    return NULL;
  }
  if (align <= PTRS_OS_MALLOC_ALIGN) {
    new_mem = foreign->realloc(mem, ptrs_max(new_size, align));
  } else {
    new_mem = get(foreign, new_size, align);
    if (new_mem) {
      memcpy(new_mem, mem, ptrs_min(foreign_capacity(allocator, mem, old_size), new_size));
      foreign->free(mem);
    }
  }
  if (new_mem) {
    ptrs_counters_resize(&foreign->counters, old_size, new_size);
  }
  return new_mem;
}

static void
foreign_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  PtrsForeign *const foreign = (PtrsForeign *)allocator;
  (void)align;
  ptrs_counters_free(&foreign->counters, size);
  foreign->free(mem);
}

static void
foreign_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  ptrs_counters_read(&((PtrsForeign *)allocator)->counters, stats);
}

static PtrsStatus
foreign_clear(PtrsAllocator *allocator)
{
  if (ptrs_owner_is_lending(allocator->owner)) {
    return PTRS_STATUS_PINNED;
  }
  ptrs_atomic_store(&((PtrsForeign *)allocator)->is_closed, 1);
  return PTRS_STATUS_SUCCESS;
}

static void
foreign_destroy(PtrsAllocator *allocator)
{
  ptrs_os_free(allocator, PTRS_ALIGN_DEFAULT);
}

// One of a library's functions under its prefix, or NULL
static void (*find(void *library, const char *prefix, const char *name))(void)
{
  char whole[NAME_SIZE];
  const int length = snprintf(whole, sizeof(whole), "%s%s", prefix, name);
  return length > 0 && (size_t)length < sizeof(whole) ? ptrs_os_library_function(library, whole)
                                                      : NULL;
}

static bool
find_all(PtrsForeign *foreign, void *library, const char *prefix, const char **missing)
{
  foreign->malloc         = (Malloc)find(library, prefix, "malloc");
  foreign->calloc         = (Calloc)find(library, prefix, "calloc");
  foreign->realloc        = (Realloc)find(library, prefix, "realloc");
  foreign->free           = (Free)find(library, prefix, "free");
  foreign->posix_memalign = (PosixMemalign)find(library, prefix, "posix_memalign");
  foreign->memalign       = (Memalign)find(library, prefix, "memalign");
  if (!foreign->memalign) {
    foreign->memalign = (Memalign)find(library, prefix, "aligned_alloc");
  }
  foreign->usable_size = (UsableSize)find(library, prefix, "malloc_usable_size");
  if (!foreign->usable_size) {
    foreign->usable_size = (UsableSize)find(library, prefix, "usable_size");
  }
  *missing = !foreign->malloc    ? "malloc"
             : !foreign->calloc  ? "calloc"
             : !foreign->realloc ? "realloc"
             : !foreign->free    ? "free"
                                 : NULL;
  return !*missing;
}

PtrsStatus
ptrs_foreign_new(const char *path,
                 const char *prefix,
                 char *message,
                 size_t message_size,
                 PtrsAllocator **allocator)
{
  // Nothing to be locked: a library looks after itself when the process forks
  static const PtrsOwnerOps ops = {
      .clear = foreign_clear, .destroy = foreign_destroy, .frees_singly = true};
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
              .free     = foreign_free,
              .capacity = foreign_capacity,
              .name     = "foreign",
              .stats    = foreign_stats,
          },
  };
  const char *missing = NULL;
  if (!find_all(&found, library, prefix, &missing)) {
    (void)snprintf(message, message_size, "%s has no function %s%s of its own", path, prefix,
                   missing);
    return PTRS_STATUS_FOREIGN;
  }
  if (!found.posix_memalign && !found.memalign) {
    found.base.max_align = PTRS_OS_MALLOC_ALIGN;
  }
  PtrsForeign *const made = (PtrsForeign *)ptrs_os_malloc(sizeof(PtrsForeign), PTRS_ALIGN_DEFAULT);
  if (!made) {
    return PTRS_STATUS_NO_MEM;
  }
  *made = found;
  ptrs_owner_init(&made->owner, &made->base, NULL, &ops);
  *allocator = &made->base;
  return PTRS_STATUS_SUCCESS;
}
