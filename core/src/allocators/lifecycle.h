// SPDX-License-Identifier: MIT
// Closing allocators, and parents that lend them memory.
#ifndef PTRS_LIFECYCLE_H
#define PTRS_LIFECYCLE_H

#include <stdbool.h>
#include <stddef.h>

#include "blocks/refcount.h"
#include "ptrs/allocator.h"
#include "ptrs/status.h"

// End all checked blocks and close the allocator; again, it does nothing.
PtrsStatus ptrs_lifecycle_close(PtrsLifecycle *lifecycle);

// As ptrs_lifecycle_close(), but leave pinned blocks to their last pins.  The allocator
// gives its memory back once it has no block and lends nothing.
void ptrs_lifecycle_drop(PtrsLifecycle *lifecycle);

// Whether an allocator may be the parent of another one, which takes memory of that size
// and alignment: TOO_LARGE, TOO_DEEP.
PtrsStatus ptrs_lifecycle_check_parent(const PtrsAllocator *parent, size_t size, size_t align);

// Take memory from a parent, which keeps it until it is given back; the last *clean bytes
// are zero.  NULL if there is none.
void *ptrs_lifecycle_borrow(PtrsAllocator *parent, size_t size, size_t align, size_t *clean);
void ptrs_lifecycle_give_back(PtrsAllocator *parent, void *mem, size_t size, size_t align);

// Count a piece of memory as lent, before it is taken: a thread that clears the allocator sees
// the count, or has cleared it before.  False, and nothing counted, if it has been dropped.
bool ptrs_lifecycle_begin_loan(PtrsAllocator *allocator);

// Count a piece as not lent any more.  Any lock may be held, so that an allocator that
// was dropped meanwhile keeps its memory until the next piece comes back or the caller goes.
void ptrs_lifecycle_cancel_loan(PtrsAllocator *allocator);

// Count a piece as given back, which it has been.  Clears an allocator that was dropped, so that
// the caller has to be one of its users, and holds no lock.
void ptrs_lifecycle_end_loan(PtrsAllocator *allocator);

// Whether others hold memory of this one.  To be called under the lock under which memory is
// taken, so that nothing is borrowed meanwhile.
bool ptrs_lifecycle_is_lending(const PtrsLifecycle *lifecycle);

// For PtrsAllocator.capacity, where blocks have exactly the bytes that were asked for.
size_t ptrs_exact_capacity(PtrsAllocator *allocator, const void *mem, size_t size, size_t align);

#endif
