// SPDX-License-Identifier: MIT
/**
 * @file foreign.h
 * Any malloc(3) family of any shared library as an allocator: mimalloc,
 * jemalloc, tcmalloc, a debugging one, ...
 *
 * A library is never unloaded: threads that have used it may have to run its
 * code when they end.
 */
#ifndef PTRS_FOREIGN_H
#define PTRS_FOREIGN_H

#include "ptrs/allocator.h"
#include "ptrs/attributes.h"
#include "ptrs/status.h"

/* cdef: begin */
/**
 * Load a library and make an allocator of its functions.
 *
 * Needed are `malloc`, `calloc`, `realloc` and `free`, each behind the prefix.
 * With one of `aligned_alloc`, `memalign` and `posix_memalign` the allocator
 * serves every alignment, else up to PTRS_ALIGN_DEFAULT.  Capacities come from
 * `malloc_usable_size`, if the library has it.  A function counts only if it lies
 * in this library, not if the library merely uses it from the C library.
 *
 * @param path As for dlopen(3): a name without a slash is searched for.
 * @param prefix Of the names of the functions, such as "mi_"; may be "".
 * @param[out] message On failure, the missing part in words; always ends
 *        with NUL.
 * @param message_size Bytes of `message`, at least 1.
 * @param[out] allocator To be given up with ptrs_allocator_release().  Each call
 *        makes another one, with statistics of its own.
 * @return FOREIGN if the library or one of its functions is missing; NO_MEM.
 */
PTRS_API PtrsStatus ptrs_foreign_new(const char *path,
                                     const char *prefix,
                                     char *message,
                                     size_t message_size,
                                     PtrsAllocator **allocator);
/* cdef: end */

#endif
