// SPDX-License-Identifier: MIT
/**
 * @file stack_limit.h
 * Stack blocks beside an interpreter that counts calls and not bytes: recursion
 * to its limit must still end in an exception, and not at the end of the stack.
 */
#ifndef POINTERS_STACK_LIMIT_H
#define POINTERS_STACK_LIMIT_H

#include <stddef.h>
#include <stdint.h>

#include "ptrs/stack.h"
#include "ptrs/status.h"

/* cdef: begin */

/* What an interpreter needs of the stack; all positive. */
typedef struct {
  int64_t level_needs; /* bytes for each level of its recursion limit */
  int64_t level_gives; /* bytes that blocks may take at most, for each level */
  int64_t small_share; /* the part of a stack too small for that which they may take */
} PtrsAccessStackNeeds;

/* What is called with a stack block, and the number of its call. */
typedef void (*PtrsAccessFrameFunction)(PtrsBlock block, int64_t number);

/**
 * Bytes that the stack blocks of the calling thread may take together.
 *
 * @param levels The interpreter's recursion limit.
 * @return At least 1, as 0 would be no limit to ptrs_stack_call().
 */
int64_t ptrs_access_stack_limit(int64_t levels, const PtrsAccessStackNeeds *needs);

/**
 * As ptrs_stack_call(), with that limit.
 *
 * @param number Passed on; costs less to make and to look up than an address does
 *        that an interpreter has to keep.
 */
PtrsStatus ptrs_access_stack_call(int64_t levels,
                                  const PtrsAccessStackNeeds *needs,
                                  size_t size,
                                  size_t align,
                                  PtrsAccessFrameFunction fn,
                                  int64_t number);
/* cdef: end */

#endif
