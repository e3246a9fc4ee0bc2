// SPDX-License-Identifier: MIT
// The pages of one guarded block, and where in them it lies.
#ifndef PTRS_GUARD_PAGES_H
#define PTRS_GUARD_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Pages are mapped in so many sizes, so that a freed span fits the next block of
// about its size.  Larger spans are of no class: they serve one block.
#define PTRS_GUARD_CLASSES 28
#define PTRS_GUARD_NO_CLASS PTRS_GUARD_CLASSES

// How all spans of an allocator look
typedef struct {
  size_t page;   // bytes of a page
  bool at_start; // the guard page comes first, and the block flush behind it
} PtrsGuardForm;

// What is mapped for one block
typedef struct {
  uint8_t *base;
  size_t extent; // bytes, guard page included
} PtrsGuardPages;

// Bytes to map for a block of `size` bytes, and their class; false if they
// cannot be represented.
bool ptrs_guard_measure(const PtrsGuardForm *form,
                        size_t size,
                        size_t *extent,
                        unsigned *size_class);

// The class of a span that is so large.
unsigned ptrs_guard_class(const PtrsGuardForm *form, size_t extent);

// Where a block lies; not aligned, if there is no such place in these pages.
uint8_t *ptrs_guard_place(const PtrsGuardForm *form,
                          const PtrsGuardPages *pages,
                          size_t size,
                          size_t align);

// Map pages that have an aligned place for such a block; false if there are none.
bool ptrs_guard_map(
    const PtrsGuardForm *form, size_t extent, size_t size, size_t align, PtrsGuardPages *pages);

// Forbid what is not forbidden yet.  Large ones give their memory back and are
// zero afterwards.  False: they have to be unmapped.
bool ptrs_guard_close(const PtrsGuardForm *form, const PtrsGuardPages *pages, bool *is_zero);

// Allow what ptrs_guard_close() has forbidden; false: they have to be unmapped.
bool ptrs_guard_open(const PtrsGuardForm *form, const PtrsGuardPages *pages);

// Fill the bytes beside a block that lie between it and the guard page, and some
// on its other side, with a pattern; and see whether it is still there: else
// *offset is the damaged byte that is nearest to the block, from its start.
void ptrs_guard_fill(const PtrsGuardForm *form,
                     const PtrsGuardPages *pages,
                     uint8_t *mem,
                     size_t size);
bool ptrs_guard_check(const PtrsGuardForm *form,
                      const PtrsGuardPages *pages,
                      const uint8_t *mem,
                      size_t size,
                      ptrdiff_t *offset);

#endif
