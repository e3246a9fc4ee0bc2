// SPDX-License-Identifier: MIT
/**
 * @file status.h
 * The result of every function that can fail.
 *
 * A function that returns a PtrsStatus writes its outputs only when it
 * returns PTRS_STATUS_SUCCESS; on any other value the outputs, the memory and
 * the handles that were passed are as they were before the call.  Nothing
 * here prints or aborts, and `errno` says nothing.
 */
#ifndef PTRS_STATUS_H
#define PTRS_STATUS_H

#include "ptrs/attributes.h"

/* cdef: begin */
typedef enum {
  PTRS_STATUS_SUCCESS         = 0,  /* done */
  PTRS_STATUS_NO_MEM          = 1,  /* the allocator has no memory to give */
  PTRS_STATUS_BAD_ARG         = 2,  /* an argument outside its documented domain */
  PTRS_STATUS_OVERFLOW        = 3,  /* a size or a count that cannot be represented */
  PTRS_STATUS_OUT_OF_BOUNDS   = 4,  /* a range that does not lie inside the block */
  PTRS_STATUS_BAD_HANDLE      = 5,  /* a handle that was never a block */
  PTRS_STATUS_STALE           = 6,  /* a handle whose block has been freed */
  PTRS_STATUS_PINNED          = 7,  /* the block is pinned: it can neither move nor go */
  PTRS_STATUS_NOT_FREEABLE    = 8,  /* the block's memory was adopted: its owner frees it */
  PTRS_STATUS_STACK_EXHAUSTED = 9,  /* not enough room on this thread's stack */
  PTRS_STATUS_NOT_SUPPORTED   = 10, /* this block, platform or build cannot do it */
  PTRS_STATUS_OS              = 11, /* the operating system refused */
  PTRS_STATUS_FOREIGN         = 12, /* a foreign library or symbol is missing */
  PTRS_STATUS_CORRUPT         = 13, /* bytes that are not the image of an object */
  PTRS_STATUS_TOO_LARGE       = 14, /* a size or alignment that this allocator does not serve */
  PTRS_STATUS_CLOSED          = 15, /* the allocator has been closed */
  PTRS_STATUS_TOO_DEEP        = 16  /* parents of parents beyond PTRS_DEPTH_MAX */
} PtrsStatus;

/**
 * Describe a status in a few English words, in the manner of strerror(3).
 *
 * @param status Any value, also one that is not in the enumeration.
 * @return A constant string without a final stop; never NULL.  Thread-safe.
 */
PTRS_API const char *ptrs_strerror(PtrsStatus status);
/* cdef: end */

#endif
