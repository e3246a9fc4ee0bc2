// SPDX-License-Identifier: MIT
// Where the spans of a guard allocator come from, and where they go: freed spans into a
// quarantine, from there to the spare spans, and those that fit in neither are unmapped.
//
// No system call is made with the lock held, since the kernel lets threads wait long enough.
// A span that a thread works on meanwhile is busy, and in no list.  Where many spans have to
// be worked on, they are taken a few at a time.
#ifndef PTRS_GUARD_STORE_H
#define PTRS_GUARD_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "allocators/guard/quarantine.h"
#include "allocators/guard/span.h"

// Get a busy span with open pages that have a place for such a block; NULL without memory.
// Where the process has no more mappings or addresses, freed spans of all allocators give
// way.  Not locked.
PtrsSpan *ptrs_guard_store_get(PtrsGuardStore *store, size_t size, size_t align);

// Begin a block in a busy span.  Locked.
void ptrs_guard_store_begin(PtrsGuardStore *store, PtrsSpan *span, void *mem, size_t size);

// End a block, which makes its span busy.  Locked.
void ptrs_guard_store_end(PtrsGuardStore *store, PtrsSpan *span);

// Take back a busy span whose block has ended: close its pages, and put it into the
// quarantine.  Not locked.
void ptrs_guard_store_put(PtrsGuardStore *store, PtrsSpan *span);

// Unmap a busy span and give back its record.  Not locked.
void ptrs_guard_store_drop(PtrsSpan *span);

// Close a store: from now on it hands out no span, and all spans that are not busy are ended
// and unmapped.  `at_end` is called, not locked, for each block that was live.  Called
// locked; unlocks.
typedef void (*PtrsSpanCheck)(const PtrsSpan *span);
void ptrs_guard_store_close(PtrsGuardStore *store, PtrsSpanCheck at_end);

#endif
