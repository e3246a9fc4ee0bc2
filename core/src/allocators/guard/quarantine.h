// SPDX-License-Identifier: MIT
// The freed spans of all guard allocators: first in quarantine, then spare for the next block
// of their class.  Under the lock of the table.
#ifndef PTRS_GUARD_QUARANTINE_H
#define PTRS_GUARD_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>

#include "allocators/guard/span.h"
#include "ptrs/allocator.h"

// Spans from the oldest to the newest, linked both ways
typedef struct {
  PtrsSpan *oldest;
  PtrsSpan *newest;
} PtrsSpanList;

// The spans of one allocator: under the lock of the table, but for what does not change
struct PtrsGuardStoreImpl {
  PtrsAllocator *allocator;
  PtrsGuardForm form;
  size_t quarantine_size;
  PtrsSpanList live;
  PtrsSpan *oldest; // in quarantine, in the order in which blocks were freed
  PtrsSpan *newest;
  size_t quarantine_bytes;
  uint64_t n_quarantined;
  PtrsSpan *spare[PTRS_GUARD_CLASSES];
  size_t spare_bytes;
  PtrsGuardStore *next_with_spares; // if the store has spare spans
  PtrsGuardStore *previous_with_spares;
  bool is_closed;
};

void ptrs_span_list_add(PtrsSpanList *list, PtrsSpan *span);
void ptrs_span_list_remove(PtrsSpanList *list, PtrsSpan *span);

// Put a span into quarantine.
void ptrs_quarantine_put(PtrsGuardStore *store, PtrsSpan *span);

// Take an allocator's oldest span out of quarantine; NULL if there is none.
PtrsSpan *ptrs_quarantine_take(PtrsGuardStore *store);

// Keep a span that has left the quarantine as a spare one; false if the span is of no class,
// or the allocator has enough spare ones.
bool ptrs_quarantine_keep(PtrsGuardStore *store, PtrsSpan *span);

// Take a spare span of a class; NULL if there is none.
PtrsSpan *ptrs_quarantine_take_spare(PtrsGuardStore *store, unsigned size_class);

// Take a spare span, or else the span that was freed first: of one allocator, or, where
// that is NULL, of all.  NULL if there is none.
PtrsSpan *ptrs_quarantine_take_any(PtrsGuardStore *store);

// Bytes of address space that the freed spans of all allocators have together.
size_t ptrs_quarantine_bytes(void);

#endif
