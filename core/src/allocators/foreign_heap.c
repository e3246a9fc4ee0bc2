// SPDX-License-Identifier: MIT
#include "allocators/foreign_heap.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "os/os.h"
#include "ptrs/allocator.h"

#define NAME_SIZE ((size_t)128)

// From this size on, a block with more than malloc's alignment lies inside of a larger block
// of calloc(3), which does not clear fresh pages; no aligned function promises that.  In a
// library without aligned functions, smaller blocks with such alignments do so as well.  The
// start of the larger block is stored before the block:
//
//     | unused | start |  block ...        | unused |
//     ^ start          ^ aligned
#define INSIDE_MIN ((size_t)1 << 20)

// From this size on, a block that more than doubles is moved into fresh memory, as in
// os/heap_posix.c
#define FRESH_MIN ((size_t)128 << 10)

// Find one of a library's functions by its name without the prefix; or NULL
static void (*find(void *library, const char *prefix, const char *name))(void)
{
  char whole[NAME_SIZE];
  const int length = snprintf(whole, sizeof(whole), "%s%s", prefix, name);
  return length > 0 && (size_t)length < sizeof(whole) ? ptrs_os_library_function(library, whole)
                                                      : NULL;
}

bool
ptrs_foreign_heap_find(PtrsForeignHeap *heap,
                       void *library,
                       const char *prefix,
                       const char **missing)
{
  heap->malloc         = (void *(*)(size_t))find(library, prefix, "malloc");
  heap->calloc         = (void *(*)(size_t, size_t))find(library, prefix, "calloc");
  heap->realloc        = (void *(*)(void *, size_t))find(library, prefix, "realloc");
  heap->free           = (void (*)(void *))find(library, prefix, "free");
  heap->posix_memalign = (int (*)(void **, size_t, size_t))find(library, prefix, "posix_memalign");
  heap->memalign       = (void *(*)(size_t, size_t))find(library, prefix, "memalign");
  if (!heap->memalign) {
    heap->memalign = (void *(*)(size_t, size_t))find(library, prefix, "aligned_alloc");
  }
  heap->usable_size = (size_t(*)(const void *))find(library, prefix, "malloc_usable_size");
  if (!heap->usable_size) {
    heap->usable_size = (size_t(*)(const void *))find(library, prefix, "usable_size");
  }
  *missing = !heap->malloc    ? "malloc"
             : !heap->calloc  ? "calloc"
             : !heap->realloc ? "realloc"
             : !heap->free    ? "free"
                              : NULL;
  return !*missing;
}

static bool
lies_inside(const PtrsForeignHeap *heap, size_t size, size_t align)
{
  const bool aligns = heap->posix_memalign || heap->memalign;
  return align > PTRS_OS_MALLOC_ALIGN && (size >= INSIDE_MIN || !aligns);
}

// Where the start of the larger block is stored
static void **
start_of(const void *mem)
{
  return (void **)(uintptr_t)mem - 1;
}

static void *
alloc_inside(const PtrsForeignHeap *heap, size_t size, size_t align, bool zeroed)
{
  size_t whole = 0;
  if (!ptrs_checked_add(size, align + sizeof(void *), &whole) || whole > PTRS_SIZE_MAX) {
    return NULL;
  }
  void *const start = zeroed ? heap->calloc(1, whole) : heap->malloc(whole);
  if (!start) {
    return NULL;
  }
  const size_t offset =
      sizeof(void *) + (size_t)(-((uintptr_t)start + sizeof(void *)) & (align - 1));
  void *const mem = (uint8_t *)start + offset;
  *start_of(mem)  = start;
  return mem;
}

void *
ptrs_foreign_heap_alloc(const PtrsForeignHeap *heap, size_t size, size_t align)
{
  // malloc(0) may return NULL, and many libraries align small blocks to their size only
  const size_t asked = size ? size : 1;
  void *mem          = NULL;
  if (size > PTRS_SIZE_MAX) {
    return NULL;
  }
  if (align <= PTRS_OS_MALLOC_ALIGN) {
    return heap->malloc(ptrs_max(size, align));
  }
  if (lies_inside(heap, size, align)) {
    return alloc_inside(heap, size, align, false);
  }
  if (heap->posix_memalign) {
    return heap->posix_memalign(&mem, align, asked) ? NULL : mem;
  }
  // C11 allows only multiples of the alignment for aligned_alloc()
  size_t rounded = 0;
  if (!ptrs_checked_round_up(asked, align, &rounded)) {
    return NULL;
  }
  return heap->memalign(align, rounded);
}

void *
ptrs_foreign_heap_zalloc(const PtrsForeignHeap *heap, size_t size, size_t align)
{
  if (size > PTRS_SIZE_MAX) {
    return NULL;
  }
  if (align <= PTRS_OS_MALLOC_ALIGN) {
    return heap->calloc(1, ptrs_max(size, align));
  }
  if (lies_inside(heap, size, align)) {
    return alloc_inside(heap, size, align, true);
  }
  void *const mem = ptrs_foreign_heap_alloc(heap, size, align);
  if (mem) {
    memset(mem, 0, size);
  }
  return mem;
}

// Move a block, of which the first `kept` bytes stay and the others become zero; or NULL
static void *
move(const PtrsForeignHeap *heap,
     void *mem,
     size_t old_size,
     size_t kept,
     size_t new_size,
     size_t align)
{
  void *const moved = ptrs_foreign_heap_zalloc(heap, new_size, align);
  if (moved) {
    memcpy(moved, mem, kept);
    ptrs_foreign_heap_free(heap, mem, old_size, align);
  }
  return moved;
}

void *
ptrs_foreign_heap_realloc(
    const PtrsForeignHeap *heap, void *mem, size_t old_size, size_t new_size, size_t align)
{
  if (new_size > PTRS_SIZE_MAX) {
    return NULL;
  }
  if (align <= PTRS_OS_MALLOC_ALIGN) {
    return heap->realloc(mem, ptrs_max(new_size, align));
  }
  const size_t capacity = ptrs_foreign_heap_capacity(heap, mem, old_size, align);
  return move(heap, mem, old_size, ptrs_min(capacity, new_size), new_size, align);
}

void *
ptrs_foreign_heap_zrealloc(const PtrsForeignHeap *heap,
                           void *mem,
                           size_t old_size,
                           size_t kept,
                           size_t new_size,
                           size_t align)
{
  const bool by_hand = align > PTRS_OS_MALLOC_ALIGN;
  if (by_hand || (new_size >= FRESH_MIN && new_size - kept > kept)) {
    void *const moved = move(heap, mem, old_size, kept, new_size, align);
    if (moved || by_hand) {
      return moved;
    }
  }
  void *const resized = ptrs_foreign_heap_realloc(heap, mem, old_size, new_size, align);
  if (resized && kept < new_size) {
    memset((uint8_t *)resized + kept, 0, new_size - kept);
  }
  return resized;
}

void
ptrs_foreign_heap_free(const PtrsForeignHeap *heap, void *mem, size_t size, size_t align)
{
  heap->free(lies_inside(heap, size, align) ? *start_of(mem) : mem);
}

size_t
ptrs_foreign_heap_capacity(const PtrsForeignHeap *heap, const void *mem, size_t size, size_t align)
{
  if (!heap->usable_size) {
    return size;
  }
  const void *const start = lies_inside(heap, size, align) ? *start_of(mem) : mem;
  const size_t before     = (uintptr_t)mem - (uintptr_t)start;
  return ptrs_max(heap->usable_size(start) - before, size);
}
