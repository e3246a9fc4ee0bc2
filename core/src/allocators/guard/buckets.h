// SPDX-License-Identifier: MIT
// The live spans by the addresses of their blocks: a hash table that grows by one bucket at
// a time (linear hashing: Litwin 1980), so that no thread waits for a whole table to be
// made anew.  Under the lock of the table of spans.
#ifndef PTRS_GUARD_BUCKETS_H
#define PTRS_GUARD_BUCKETS_H

#include <stdbool.h>

#include "allocators/guard/span.h"

// Have room for one more; false if there is no memory for any bucket.
bool ptrs_guard_buckets_reserve(void);

void ptrs_guard_buckets_add(PtrsSpan *span);
void ptrs_guard_buckets_remove(PtrsSpan *span);

// The span whose block starts at `mem`, or NULL.
PtrsSpan *ptrs_guard_buckets_find(const void *mem);

#endif
