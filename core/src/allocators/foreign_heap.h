// SPDX-License-Identifier: MIT
// The malloc(3) family of a library, called through functions like those of allocator.h.
#ifndef PTRS_FOREIGN_HEAP_H
#define PTRS_FOREIGN_HEAP_H

#include <stdbool.h>
#include <stddef.h>

// The library's functions; NULL where it has none
typedef struct {
  void *(*malloc)(size_t size);
  void *(*calloc)(size_t count, size_t size);
  void *(*realloc)(void *mem, size_t size);
  void (*free)(void *mem);
  void *(*memalign)(size_t align, size_t size); // aligned_alloc or memalign
  int (*posix_memalign)(void **mem, size_t align, size_t size);
  size_t (*usable_size)(const void *mem);
} PtrsForeignHeap;

// Find the functions in a library; false, with the name of a missing function in *missing, if
// the library has not all that are needed.
bool ptrs_foreign_heap_find(PtrsForeignHeap *heap,
                            void *library,
                            const char *prefix,
                            const char **missing);

void *ptrs_foreign_heap_alloc(const PtrsForeignHeap *heap, size_t size, size_t align);
void *ptrs_foreign_heap_zalloc(const PtrsForeignHeap *heap, size_t size, size_t align);
void *ptrs_foreign_heap_realloc(
    const PtrsForeignHeap *heap, void *mem, size_t old_size, size_t new_size, size_t align);
void *ptrs_foreign_heap_zrealloc(const PtrsForeignHeap *heap,
                                 void *mem,
                                 size_t old_size,
                                 size_t kept,
                                 size_t new_size,
                                 size_t align);
void ptrs_foreign_heap_free(const PtrsForeignHeap *heap, void *mem, size_t size, size_t align);
size_t ptrs_foreign_heap_capacity(const PtrsForeignHeap *heap,
                                  const void *mem,
                                  size_t size,
                                  size_t align);

#endif
