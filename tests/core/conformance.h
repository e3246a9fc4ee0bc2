// SPDX-License-Identifier: MIT
// What allocator.h promises, checked on any allocator.
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include "ptrs/allocator.h"

// Run every case on `allocator`, which serves blocks of up to 300 KiB at least
// and alignments of 16 at least.  No other thread may use it meanwhile, and
// the cases leave nothing allocated.
void conformance_run(PtrsAllocator *allocator);

#endif
