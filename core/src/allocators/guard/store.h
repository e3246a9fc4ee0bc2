// SPDX-License-Identifier: MIT
// Where the spans of a guard allocator come from, and where they go: freed ones
// into a quarantine, from there to those that wait for a block of their class,
// and what these do not hold is unmapped.
//
// No system call is made with the lock held: the kernel lets threads wait long
// enough.  A span that a thread works on meanwhile is busy, and in no list.  Where
// there are many spans to be worked on, they are taken a few at a time.
#ifndef PTRS_GUARD_STORE_H
#define PTRS_GUARD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allocators/guard/pages.h"
#include "allocators/guard/table.h"
#include "ptrs/allocator.h"

// Spans from the oldest to the newest, linked both ways
typedef struct {
  PtrsSpan *oldest;
  PtrsSpan *newest;
} PtrsSpanList;

// Under the lock of the table, but for what does not change
struct PtrsGuardStoreImpl {
  PtrsAllocator *allocator;
  PtrsGuardForm form;
  size_t quarantine_size;
  PtrsSpanList live;
  PtrsSpan *oldest; // the quarantine, in the order in which blocks were freed
  PtrsSpan *newest;
  size_t quarantine_bytes;
  uint64_t n_quarantined;
  PtrsSpan *spare[PTRS_GUARD_CLASSES];
  size_t spare_bytes;
  PtrsGuardStore *next_with_spares; // where it has any
  PtrsGuardStore *previous_with_spares;
  bool is_closed;
};

static inline PtrsGuardPages
ptrs_guard_pages_of(const PtrsSpan *span)
{
  return (PtrsGuardPages){(uint8_t *)(uintptr_t)ptrs_atomic_peek(&span->base),
                          (size_t)ptrs_atomic_peek(&span->extent)};
}

// A busy span with open pages in which such a block has a place; or NULL.  Where there
// are no more mappings, or no more addresses, freed spans of all allocators give way.
// Not locked.
PtrsSpan *ptrs_guard_store_get(PtrsGuardStore *store,
                               size_t size,
                               size_t align,
                               PtrsGuardPages *pages);

// Begin a block in a busy span, and end it, which makes the span busy.  Locked.
void ptrs_guard_store_begin(
    PtrsGuardStore *store, PtrsSpan *span, const PtrsGuardPages *pages, void *mem, size_t size);
void ptrs_guard_store_end(PtrsGuardStore *store, PtrsSpan *span);

// Take back a busy span whose block has ended: close its pages, and put it into
// the quarantine.  Not locked.
void ptrs_guard_store_put(PtrsGuardStore *store, PtrsSpan *span);

// Unmap a busy span, and forget it.  Not locked.
void ptrs_guard_store_drop(PtrsSpan *span, const PtrsGuardPages *pages);

// Whether no freed span is left that could give way, of any allocator.  Locked.
bool ptrs_guard_store_is_exhausted(void);

// Get no more from now on, and end and unmap everything that is not busy; `at_end`
// is called for each block that was live, not locked.  Called locked; unlocks.
typedef void (*PtrsSpanCheck)(const PtrsSpan *span);
void ptrs_guard_store_close(PtrsGuardStore *store, PtrsSpanCheck at_end);

#endif
