// SPDX-License-Identifier: MIT
// The freed spans of all guard allocators: first in quarantine, then spare pages for
// the next block of their class.  Under the lock of the table.
#ifndef PTRS_GUARD_QUARANTINE_H
#define PTRS_GUARD_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>

#include "allocators/guard/store.h"

void ptrs_span_list_add(PtrsSpanList *list, PtrsSpan *span);
void ptrs_span_list_remove(PtrsSpanList *list, PtrsSpan *span);

// Put a span into quarantine, and take the oldest one of its allocator out; NULL if
// there is none.
void ptrs_quarantine_put(PtrsGuardStore *store, PtrsSpan *span);
PtrsSpan *ptrs_quarantine_take(PtrsGuardStore *store);

// Keep a span that has left the quarantine; false where it fits no block, or there
// are enough.  And take one of a class; NULL if there is none.
bool ptrs_quarantine_keep(PtrsGuardStore *store, PtrsSpan *span);
PtrsSpan *ptrs_quarantine_take_spare(PtrsGuardStore *store, unsigned size_class);

// Any freed span of an allocator; NULL if there is none.
PtrsSpan *ptrs_quarantine_take_of(PtrsGuardStore *store);

// Of all allocators, a spare span, or else the one that was freed first; NULL if there
// is none.  And the address space that all have together.
PtrsSpan *ptrs_quarantine_take_any(void);
size_t ptrs_quarantine_bytes(void);

#endif
