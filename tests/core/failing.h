// SPDX-License-Identifier: MIT
// An allocator for tests: passes calls on to another one, fails those that it
// is told to, and keeps account of what is outstanding.
//
// For one thread at a time, and for at most FAILING_MAX_BLOCKS live blocks.
#ifndef FAILING_H
#define FAILING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ptrs/allocator.h"

#define FAILING_MAX_BLOCKS 64

// What a byte looks like that was never written
#define FAILING_JUNK 0xA5

typedef struct {
  void *mem;
  size_t size;
  size_t align;
} FailingBlock;

typedef struct {
  PtrsAllocator base;
  PtrsAllocator *parent;
  size_t n_calls;    // alloc, zalloc and realloc, whether they failed or not
  size_t fail_at;    // first call to fail, counted from 1; 0: none
  bool fail_onwards; // also fail every later one
  size_t n_failed;   // calls that were made to fail
  size_t n_blocks;   // outstanding
  size_t n_bytes;    // outstanding, as requested
  size_t n_mistakes; // frees or reallocs of unknown memory, or with a wrong size or align
  FailingBlock blocks[FAILING_MAX_BLOCKS];
} FailingAllocator;

// Pass calls on to `parent`.  Whatever an allocator leaves undefined is filled
// with junk, to the end of the capacity, so that nobody takes it for zeroed, or
// for kept, by good luck.
void failing_init(FailingAllocator *failing, PtrsAllocator *parent);

// A scenario allocates from `failing`, checks what it sees, whether its
// allocations fail or not, and gives everything back.
typedef void (*FailingScenario)(FailingAllocator *failing);

// Run a scenario with no failure, then with each allocation in turn made to
// fail, then with each in turn and all after it.  Check after each run that
// nothing is outstanding.  Returns how many runs there were.
size_t failing_sweep(FailingScenario scenario);

#endif
