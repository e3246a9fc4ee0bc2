// SPDX-License-Identifier: MIT
// Memory from the C library, and from the kernel for large blocks with more than malloc's
// alignment.  For such blocks the C library neither tells which pages are fresh and thus
// zero, so that all pages would have to be cleared, nor does it resize them in place.
#ifndef _GNU_SOURCE
#  define _GNU_SOURCE // mremap, malloc_usable_size
#endif

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__APPLE__)
#  include <malloc/malloc.h>
#elif defined(__linux__)
#  include <malloc.h>
#endif

#include "os/os.h"
#include "os/pages.h"
#include "ptrs/allocator.h"

// Below this size, malloc(3) and memset(3) are faster than calloc(3), which does not use
// glibc's per-thread cache
#define ZALLOC_BY_HAND ((size_t)1024)

// From this size on, a block with more than malloc's alignment is mapped
#define MAPPED_MIN ((size_t)1 << 20)

// From this size on, a block that more than doubles is moved into fresh memory, which need not
// be cleared; the C library would move such a block anyway
#define FRESH_MIN ((size_t)128 << 10)

static size_t
least(size_t a, size_t b)
{
  return a < b ? a : b;
}

static size_t
greatest(size_t a, size_t b)
{
  return a < b ? b : a;
}

static bool
is_mapped(size_t size, size_t align)
{
  return align > PTRS_OS_MALLOC_ALIGN && size >= MAPPED_MIN;
}

bool
ptrs_os_is_of_malloc(size_t size, size_t align)
{
  return !is_mapped(size, align);
}

// Bytes of the pages of a mapped block, whose size has been checked
static size_t
length_of(size_t size)
{
  const size_t page = ptrs_os_page_size();
  return (size + page - 1) & ~(page - 1);
}

static void *
map(size_t length, size_t align)
{
  const size_t page   = ptrs_os_page_size();
  const size_t spare  = align > page ? align - page : 0;
  uint8_t *const base = (uint8_t *)ptrs_os_map(length + spare);
  if (!base || !spare) {
    return base;
  }
  const size_t before = (size_t)(-(uintptr_t)base & (align - 1));
  if (before) {
    ptrs_os_unmap(base, before);
  }
  if (before < spare) {
    ptrs_os_unmap(base + before + length, spare - before);
  }
  return base + before;
}

#if defined(__linux__)

// Resize by moving pages, not bytes: the new address, or NULL
static void *
remap(void *mem, size_t old_length, size_t new_length, size_t align)
{
  void *moved =
      mremap(mem, old_length, new_length, align > ptrs_os_page_size() ? 0 : MREMAP_MAYMOVE);
  if (moved == MAP_FAILED && align > ptrs_os_page_size()) {
    void *const place = map(new_length, align);
    if (!place) {
      return NULL;
    }
    moved = mremap(mem, old_length, new_length, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    if (moved == MAP_FAILED) {
      ptrs_os_unmap(place, new_length);
    }
  }
  return moved == MAP_FAILED ? NULL : moved;
}

#else

static void *
remap(void *mem, size_t old_length, size_t new_length, size_t align)
{
  void *const moved = map(new_length, align);
  if (moved) {
    memcpy(moved, mem, least(old_length, new_length));
    ptrs_os_unmap(mem, old_length);
  }
  return moved;
}

#endif

void *
ptrs_os_malloc(size_t size, size_t align)
{
  // malloc(0) may return NULL, and a malloc that replaces the C library's may align blocks
  // that are smaller than their alignment to less
  if (align <= PTRS_OS_MALLOC_ALIGN) {
    return malloc(greatest(size, align));
  }
  if (size > PTRS_SIZE_MAX) {
    return NULL;
  }
  if (is_mapped(size, align)) {
    return map(length_of(size), align);
  }
  void *mem = NULL;
  return posix_memalign(&mem, align, size ? size : 1) ? NULL : mem;
}

void *
ptrs_os_zalloc(size_t size, size_t align)
{
  if (align <= PTRS_OS_MALLOC_ALIGN) {
    if (size > ZALLOC_BY_HAND) {
      return calloc(1, size);
    }
    void *const mem = malloc(greatest(size, align));
    return mem ? memset(mem, 0, size) : NULL;
  }
  void *const mem = ptrs_os_malloc(size, align);
  if (mem && !is_mapped(size, align)) {
    memset(mem, 0, size);
  }
  return mem;
}

// Move a block, of which the first `kept` bytes stay and the others become zero; or NULL
static void *
move(void *mem, size_t old_size, size_t kept, size_t new_size, size_t align)
{
  void *const moved = ptrs_os_zalloc(new_size, align);
  if (moved) {
    memcpy(moved, mem, kept);
    ptrs_os_free(mem, old_size, align);
  }
  return moved;
}

void *
ptrs_os_realloc(void *mem, size_t old_size, size_t new_size, size_t align)
{
  if (align <= PTRS_OS_MALLOC_ALIGN) {
    return realloc(mem, greatest(new_size, align));
  }
  if (new_size > PTRS_SIZE_MAX) {
    return NULL;
  }
  if (is_mapped(old_size, align) && is_mapped(new_size, align)) {
    return remap(mem, length_of(old_size), length_of(new_size), align);
  }
  const size_t kept = least(ptrs_os_capacity(mem, old_size, align), new_size);
  return move(mem, old_size, kept, new_size, align);
}

void *
ptrs_os_zrealloc(void *mem, size_t old_size, size_t kept, size_t new_size, size_t align)
{
  const bool by_pages = is_mapped(old_size, align) && is_mapped(new_size, align);
  const bool by_hand  = align > PTRS_OS_MALLOC_ALIGN;
  if (!by_pages && (by_hand || (new_size >= FRESH_MIN && new_size - kept > kept))) {
    void *const moved = move(mem, old_size, kept, new_size, align);
    if (moved || by_hand) {
      return moved;
    }
  }
  void *const resized = ptrs_os_realloc(mem, old_size, new_size, align);
  // Added pages are zero
  const size_t end = by_pages ? least(new_size, length_of(old_size)) : new_size;
  if (resized && kept < end) {
    memset((uint8_t *)resized + kept, 0, end - kept);
  }
  return resized;
}

void
ptrs_os_free(void *mem, size_t size, size_t align)
{
  if (is_mapped(size, align)) {
    ptrs_os_unmap(mem, length_of(size));
  } else {
    free(mem);
  }
}

size_t
ptrs_os_capacity(const void *mem, size_t size, size_t align)
{
  if (is_mapped(size, align)) {
    return length_of(size);
  }
#if defined(__APPLE__)
  const size_t capacity = malloc_size(mem);
#elif defined(__linux__)
  const size_t capacity = malloc_usable_size((void *)mem);
#else
  const size_t capacity = size;
  (void)mem;
#endif
  return capacity < size ? size : capacity;
}
