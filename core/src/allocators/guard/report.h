// SPDX-License-Identifier: MIT
// What is written about blocks that were missed, or whose surroundings were
// overwritten, once ptrs_guard_report_faults() has been told where to.
#ifndef PTRS_GUARD_REPORT_H
#define PTRS_GUARD_REPORT_H

#include <stddef.h>

#include "allocators/guard/table.h"

// A byte beside a block is not what it was; `offset` is from the block's start.
void ptrs_guard_report_damage(const PtrsSpan *span, ptrdiff_t offset);

#endif
