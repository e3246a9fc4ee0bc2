// SPDX-License-Identifier: MIT
#include "allocators/guard/pages.h"

#include <string.h>

#include "base/atomic.h"
#include "base/checked.h"
#include "os/pages.h"

// Up to EXACT_PAGES each number of pages is a class; above, there are four classes for each
// doubling
#define EXACT_PAGES ((size_t)8)
#define MAX_CLASS_PAGES ((size_t)256)

// Above this number of pages it is cheaper to give their memory back than to zero them
#define KEPT_PAGES ((size_t)16)

// Bytes of the pattern on the side of a block that is not flush
#define MARGIN ((size_t)64)

#define PATTERN 0xFD

// First byte of the span that was mapped last
static PtrsAtomicPointer lowest;

// The pages without the guard page
static uint8_t *
usable(const PtrsGuardForm *form, const PtrsGuardPages *pages)
{
  return pages->base + (form->at_start ? form->page : 0);
}

static size_t
usable_size(const PtrsGuardForm *form, const PtrsGuardPages *pages)
{
  return pages->extent - form->page;
}

// The class of a number of pages, and how many pages the spans of that class have
static unsigned
class_of(size_t n_pages, size_t *n_class_pages)
{
  if (n_pages <= EXACT_PAGES) {
    *n_class_pages = n_pages;
    return (unsigned)n_pages - 1;
  }
  if (n_pages > MAX_CLASS_PAGES) {
    *n_class_pages = n_pages;
    return PTRS_GUARD_NO_CLASS;
  }
  unsigned log = 3; // of the highest bit of n_pages - 1
  while ((n_pages - 1) >> (log + 1)) {
    ++log;
  }
  const unsigned shift = log - 2;
  const size_t quarter = (n_pages - 1) >> shift; // 4 to 7
  *n_class_pages       = (quarter + 1) << shift;
  return (unsigned)EXACT_PAGES + (log - 3) * 4 + (unsigned)quarter - 4;
}

bool
ptrs_guard_measure(const PtrsGuardForm *form, size_t size, size_t *extent, unsigned *size_class)
{
  size_t body          = 0;
  size_t n_class_pages = 0;
  if (!ptrs_checked_round_up(ptrs_max(size, 1), form->page, &body)) {
    return false;
  }
  *size_class = class_of(body / form->page, &n_class_pages);
  return ptrs_checked_add(n_class_pages * form->page, form->page, extent);
}

unsigned
ptrs_guard_class(const PtrsGuardForm *form, size_t extent)
{
  size_t n_class_pages = 0;
  return class_of(extent / form->page - 1, &n_class_pages);
}

// Bytes from the start of a span to the start of its block
static size_t
offset_in(const PtrsGuardForm *form, size_t extent, size_t size, size_t align)
{
  // A block that is aligned to more than a page still ends in the last page before the guard
  // page, so that less than a page lies between
  const size_t step = ptrs_min(align, form->page);
  size_t body       = 0;
  (void)ptrs_checked_round_up(size, step, &body); // has been measured
  return form->at_start ? form->page : extent - form->page - body;
}

uint8_t *
ptrs_guard_place(const PtrsGuardForm *form, const PtrsGuardPages *pages, size_t size, size_t align)
{
  return pages->base + offset_in(form, pages->extent, size, align);
}

// Reserve a span in which the block lies aligned, and give back the space around the span
static bool
reserve(const PtrsGuardForm *form, size_t size, size_t align, PtrsGuardPages *pages)
{
  const size_t spare = align > form->page ? align - form->page : 0;
  size_t reserved    = 0;
  if (!ptrs_checked_add(pages->extent, spare, &reserved)) {
    return false;
  }
  uint8_t *const start = (uint8_t *)ptrs_os_pages_reserve(reserved);
  if (!start) {
    return false;
  }
  const size_t offset = offset_in(form, pages->extent, size, align);
  const size_t before = spare ? (size_t)(-((uintptr_t)start + offset) & (align - 1)) : 0;
  pages->base         = start + before;
  if (before) {
    ptrs_os_pages_unmap(start, before);
  }
  if (before < spare) {
    ptrs_os_pages_unmap(pages->base + pages->extent, spare - before);
  }
  return true;
}

// Map both parts of a span below the span that was mapped last, if that space is free.  It
// mostly is, since the kernel fills address space downwards, too.  Reserving the whole span
// first would make the kernel split a mapping.
static bool
map_below_last(const PtrsGuardForm *form, PtrsGuardPages *pages)
{
  const uintptr_t last = (uintptr_t)ptrs_atomic_load_pointer(&lowest);
  if (last < pages->extent) {
    return false;
  }
  pages->base          = (uint8_t *)(last - pages->extent);
  const size_t size    = usable_size(form, pages);
  uint8_t *const guard = form->at_start ? pages->base : pages->base + size;
  if (!ptrs_os_pages_reserve_at(guard, form->page)) {
    return false;
  }
  if (!ptrs_os_pages_commit_at(usable(form, pages), size)) {
    ptrs_os_pages_unmap(guard, form->page);
    return false;
  }
  return true;
}

bool
ptrs_guard_map(
    const PtrsGuardForm *form, size_t extent, size_t size, size_t align, PtrsGuardPages *pages)
{
  PtrsGuardPages made = {.extent = extent};
  if (align > form->page || !map_below_last(form, &made)) {
    if (!reserve(form, size, align, &made)) {
      return false;
    }
    if (!ptrs_os_pages_commit(usable(form, &made), usable_size(form, &made))) {
      ptrs_os_pages_unmap(made.base, made.extent);
      return false;
    }
  }
  ptrs_atomic_store_pointer(&lowest, made.base);
  *pages = made;
  return true;
}

bool
ptrs_guard_close(const PtrsGuardForm *form, const PtrsGuardPages *pages, bool *is_zero)
{
  const size_t size = usable_size(form, pages);
  *is_zero          = size > KEPT_PAGES * form->page;
  return *is_zero ? ptrs_os_pages_discard(usable(form, pages), size)
                  : ptrs_os_pages_forbid(usable(form, pages), size);
}

bool
ptrs_guard_open(const PtrsGuardForm *form, const PtrsGuardPages *pages)
{
  return ptrs_os_pages_allow(usable(form, pages), usable_size(form, pages));
}

// Bytes of the pattern before and behind a block.  On the side without a guard page, the pattern
// ends with the page in which the block begins, or ends, so that no further page is touched.
static void
find_pattern(const PtrsGuardForm *form,
             const PtrsGuardPages *pages,
             const uint8_t *mem,
             size_t size,
             size_t *before,
             size_t *behind)
{
  const size_t rest = (size_t)(usable(form, pages) + usable_size(form, pages) - (mem + size));
  if (form->at_start) {
    *before = 0;
    *behind = ptrs_min(rest % form->page, MARGIN);
  } else {
    *before = ptrs_min((uintptr_t)mem & (form->page - 1), MARGIN);
    *behind = rest;
  }
}

void
ptrs_guard_fill(const PtrsGuardForm *form, const PtrsGuardPages *pages, uint8_t *mem, size_t size)
{
  size_t before = 0;
  size_t behind = 0;
  find_pattern(form, pages, mem, size, &before, &behind);
  memset(mem - before, PATTERN, before);
  memset(mem + size, PATTERN, behind);
}

bool
ptrs_guard_check(const PtrsGuardForm *form,
                 const PtrsGuardPages *pages,
                 const uint8_t *mem,
                 size_t size,
                 ptrdiff_t *offset)
{
  size_t before = 0;
  size_t behind = 0;
  find_pattern(form, pages, mem, size, &before, &behind);
  for (size_t i = 0; i < behind; ++i) {
    if (mem[size + i] != PATTERN) {
      *offset = (ptrdiff_t)(size + i);
      return false;
    }
  }
  for (size_t i = 1; i <= before; ++i) {
    if (*(mem - i) != PATTERN) {
      *offset = -(ptrdiff_t)i;
      return false;
    }
  }
  return true;
}
