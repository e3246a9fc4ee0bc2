// SPDX-License-Identifier: MIT
// The records of all guard allocators' spans: found by the address of a block under a lock,
// and read by signal handlers without it.
#ifndef PTRS_GUARD_TABLE_H
#define PTRS_GUARD_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "allocators/guard/span.h"

// Called before all others, any number of times.
void ptrs_guard_table_init(void);

// The lock of the table, and of all guard allocators.
void ptrs_guard_lock(void);
void ptrs_guard_unlock(void);

// The following are called with the lock held.

// Get a busy record, whose mappings count from now on.  NULL if there is no memory for it,
// or, with *is_full, if the process may not have that many mappings.
PtrsSpan *ptrs_guard_claim(PtrsGuardStore *store, bool *is_full);

// Give back a record whose pages have been unmapped.
void ptrs_guard_release(PtrsSpan *span);

// Begin a block in the pages of a span, which is not busy any more: the block is found from
// now on.
void ptrs_guard_begin(PtrsSpan *span, void *mem, size_t size);

// End a block; its span is busy from now on.
void ptrs_guard_end(PtrsSpan *span);

// Hide a span from signal handlers, before its pages are unmapped; its block has ended.
void ptrs_guard_forget(PtrsSpan *span);

// Label a block.  A long label is cut at the front: its end tells the place in a file.
void ptrs_guard_set_label(PtrsSpan *span, const char *label);

// Whether there are as many mappings as there may be.
bool ptrs_guard_is_full(void);

// Mappings of all spans; and how many there may be, SIZE_MAX: any number.
size_t ptrs_guard_mappings(void);
size_t ptrs_guard_max_mappings(void);
void ptrs_guard_set_max_mappings(size_t count); // for tests

// The following need no lock.

// Visit all records, until one visit returns false.
void ptrs_guard_each(bool (*visit)(PtrsSpan *span, void *ctx), void *ctx);

// Read a record, with or without its label; false if the record changes all the time.
bool ptrs_guard_view(const PtrsSpan *span, bool with_label, PtrsSpanView *view);

#endif
