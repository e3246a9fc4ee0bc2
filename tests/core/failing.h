// SPDX-License-Identifier: MIT
// An allocator for tests: it passes calls on to a parent, fails the calls that a
// test chooses, and counts the blocks that are outstanding.
//
// For one thread at a time, and for at most FAILING_MAX_BLOCKS live blocks.
#ifndef FAILING_H
#define FAILING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ptrs/allocator.h"

#define FAILING_MAX_BLOCKS 64

// The value of bytes that were never written
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
  bool fail_onwards; // fail every call from fail_at on
  size_t n_failed;   // calls that were made to fail
  size_t n_blocks;   // outstanding
  size_t n_bytes;    // outstanding, as requested
  size_t n_mistakes; // frees or reallocs of unknown memory, or with a wrong size or align
  FailingBlock blocks[FAILING_MAX_BLOCKS];
} FailingAllocator;

// Pass calls on to `parent`.  Bytes that an allocator leaves undefined are filled
// with junk, to the end of the capacity, so that no test passes because they
// happened to be zero or kept.
void failing_init(FailingAllocator *failing, PtrsAllocator *parent);

// A scenario allocates from `failing`, checks the results of allocations that
// succeed and of those that fail, and frees every block.
typedef void (*FailingScenario)(FailingAllocator *failing);

// Run a scenario without a failure, then with one allocation failing, each in
// turn, then with all from that one on failing.  Check after each run that no
// block is outstanding.  Returns the number of runs.
size_t failing_sweep(FailingScenario scenario);

#endif
