// SPDX-License-Identifier: MIT
// Invalidating many blocks of one allocator at once.
#ifndef PTRS_INVALIDATE_H
#define PTRS_INVALIDATE_H

#include <stdbool.h>

#include "blocks/refcount.h"
#include "blocks/table.h"
#include "ptrs/allocator.h"
#include "ptrs/status.h"

// Which blocks end: from the newest memory on, those before the first one for which
// `selects` is false
typedef struct {
  bool (*selects)(const PtrsSlot *slot, void *ctx); // NULL: all
  bool leaves_pinned;                               // to their last pins, instead of PINNED
  // Gives the memory of all these blocks back, under the lifecycle's lock; on an error no
  // block ends.  NULL: the blocks are freed one by one.
  PtrsStatus (*clear)(PtrsAllocator *allocator, void *ctx);
  void *ctx;
} PtrsInvalidation;

// End checked blocks, all or none: close them to all threads, wait until the readers have
// left, give the memory back, retire the slots.  PINNED if a block is pinned; CLOSED.
PtrsStatus ptrs_invalidate(PtrsLifecycle *lifecycle, const PtrsInvalidation *invalidation);

// The same for a lifecycle that is locked, and that no other thread invalidates; unlocks it.
PtrsStatus ptrs_invalidate_locked(PtrsLifecycle *lifecycle, const PtrsInvalidation *invalidation);

#endif
