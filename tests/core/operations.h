// SPDX-License-Identifier: MIT
// A list of every public function that takes a block.
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include <stddef.h>

#include "ptrs/block.h"

typedef struct {
  const char *name;
  PtrsStatus (*call)(PtrsBlock block); // with arguments that fit any block
} Operation;

extern const Operation operations[];
extern const size_t n_operations;

// Check that every function returns `expected` for a handle that never named a
// block, or names a freed one, and writes none of its outputs.
void check_all_refuse(PtrsBlock block, PtrsStatus expected);

// Check that a block is live, and has this size, this many pins, and `size` bytes
// that all equal `byte`.
void check_block(PtrsBlock block, size_t size, unsigned pins, int byte);

#endif
