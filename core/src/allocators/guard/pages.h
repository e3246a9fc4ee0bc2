// SPDX-License-Identifier: MIT
// The pages of one guarded block, and where in them it lies.
#ifndef PTRS_GUARD_PAGES_H
#define PTRS_GUARD_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Number of classes: the sizes in which pages are mapped, so that a freed span fits the next
// block of about its size.  Larger spans are of no class, and serve one block.
#define PTRS_GUARD_CLASSES 28
#define PTRS_GUARD_NO_CLASS PTRS_GUARD_CLASSES

// The form of all spans of an allocator
typedef struct {
  size_t page;   // bytes of a page
  bool at_start; // the guard page comes first, and the block flush behind it
} PtrsGuardForm;

// The pages that are mapped for one block
typedef struct {
  uint8_t *base;
  size_t extent; // bytes, guard page included
} PtrsGuardPages;

// Bytes to map for a block of `size` bytes, and their class; false if the number of bytes
// cannot be represented.
bool ptrs_guard_measure(const PtrsGuardForm *form,
                        size_t size,
                        size_t *extent,
                        unsigned *size_class);

// The class of a span of `extent` bytes.
unsigned ptrs_guard_class(const PtrsGuardForm *form, size_t extent);

// Where in these pages a block lies; not aligned if they have no aligned place for it.
uint8_t *ptrs_guard_place(const PtrsGuardForm *form,
                          const PtrsGuardPages *pages,
                          size_t size,
                          size_t align);

// Map pages with an aligned place for such a block; false without memory or address space.
bool ptrs_guard_map(
    const PtrsGuardForm *form, size_t extent, size_t size, size_t align, PtrsGuardPages *pages);

// Forbid all pages.  Many pages give their memory back, and are zero afterwards (*is_zero).
// False: the pages have to be unmapped.
bool ptrs_guard_close(const PtrsGuardForm *form, const PtrsGuardPages *pages, bool *is_zero);

// Allow the pages that ptrs_guard_close() has forbidden; false: they have to be unmapped.
bool ptrs_guard_open(const PtrsGuardForm *form, const PtrsGuardPages *pages);

// Fill the bytes between a block and its guard page, and some on the block's other side, with
// a pattern.  ptrs_guard_check() is false if the pattern was overwritten: *offset is then the
// damaged byte that is nearest to the block, counted from the block's start.
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
