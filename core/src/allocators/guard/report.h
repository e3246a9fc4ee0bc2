// SPDX-License-Identifier: MIT
// The lines about faults and overwritten bytes that are written to the file of
// ptrs_guard_report_faults().
#ifndef PTRS_GUARD_REPORT_H
#define PTRS_GUARD_REPORT_H

#include <stddef.h>

#include "allocators/guard/span.h"

// Report that the byte at an offset from a block's start, outside of it, was overwritten.
void ptrs_guard_report_damage(const PtrsSpan *span, ptrdiff_t offset);

#endif
