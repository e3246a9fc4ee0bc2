// SPDX-License-Identifier: MIT
/**
 * @file system.h
 * The C library's allocator: malloc(3), calloc(3), realloc(3), free(3) and
 * posix_memalign(3) for alignments beyond PTRS_ALIGN_DEFAULT.  From 1 MiB on,
 * such blocks are mapped by the kernel: not for free(3), but zero without being
 * touched, and resized without being copied.
 */
#ifndef PTRS_SYSTEM_H
#define PTRS_SYSTEM_H

#include "ptrs/allocator.h"
#include "ptrs/attributes.h"

/* cdef: begin */
/**
 * The one system allocator of the process.
 *
 * @return A static object, never NULL, that need not and cannot be closed.
 *         Thread-safe.  Overhead per call over the C library's function: two
 *         atomic additions for the statistics.
 */
PTRS_API PtrsAllocator *ptrs_system_allocator(void);
/* cdef: end */

#endif
