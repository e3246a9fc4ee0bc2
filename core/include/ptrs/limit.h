// SPDX-License-Identifier: MIT
/**
 * @file limit.h
 * A budget over any allocator: no more than so many bytes live in it at one time.
 *
 *     +-------+     +-------+
 *     | limit |<----| arena |    an arena whose chunks come out of the budget
 *     +-------+     +-------+
 *         |
 *     +--------+
 *     | system |
 *     +--------+
 *
 * Each block is one of the parent's.  What is counted is what was asked for, before it is taken,
 * so that threads together never exceed the limit.  Above it there is no memory: NULL, or NO_MEM,
 * and ptrs_allocator_refusal() tells why.
 *
 * A checked block that is resized moves, and needs its parent's memory for both sizes at a time;
 * only the greater one counts.  Memory that was taken without a handle stays the parent's until it
 * is given back: a limit that is closed does not know of it.
 */
#ifndef PTRS_LIMIT_H
#define PTRS_LIMIT_H

#include "ptrs/allocator.h"
#include "ptrs/attributes.h"
#include "ptrs/status.h"

/* cdef: begin */
/**
 * Make a budget.
 *
 * @param parent Where the memory comes from; it stays until the limit has gone.  As long as
 *        there are blocks, it can be neither closed nor reset (PINNED).
 * @param size The limit in bytes: 1 to PTRS_SIZE_MAX (else BAD_ARG).
 * @param[out] limit To be given up with ptrs_allocator_release().
 * @return NO_MEM; TOO_DEEP if the parent has PTRS_DEPTH_MAX parents above it.
 */
PTRS_API PtrsStatus ptrs_limit_new(PtrsAllocator *parent, size_t size, PtrsAllocator **limit);
/* cdef: end */

#endif
