// SPDX-License-Identifier: MIT
/**
 * @file guard.h
 * A guard allocator: each block alone on pages of its own, flush against a page
 * that nobody can touch.  One byte too far, even from foreign code that knows
 * only the address, and the program ends at that very instruction.
 *
 *     default                               PTRS_GUARD_UNDERFLOW
 *     +----------+-----------+------------+ +------------+-----------+----------+
 *     | (unused) |   block   | guard page | | guard page |   block   | (unused) |
 *     +----------+-----------+------------+ +------------+-----------+----------+
 *
 * The end (or the start) of a block is flush where its size is a multiple of its
 * alignment; else up to alignment - 1 bytes lie between, which are filled with
 * a pattern that is checked when the block is freed.
 *
 * Freed pages become unreadable too, and stay so in a quarantine of bounded
 * size, so that a use after free by address is also caught at the instruction.
 */
#ifndef PTRS_GUARD_H
#define PTRS_GUARD_H

#include "ptrs/allocator.h"
#include "ptrs/attributes.h"
#include "ptrs/status.h"

/* cdef: begin */
typedef enum {
  PTRS_GUARD_UNDERFLOW = 1 /* guard the start of each block, not its end */
} PtrsGuardFlags;

PTRS_API PtrsStatus ptrs_guard_new(unsigned flags, size_t quarantine_size, PtrsAllocator **guard);

PTRS_API PtrsStatus ptrs_guard_label(const void *mem, const char *label);

PTRS_API PtrsStatus ptrs_guard_report_faults(int fd);
/* cdef: end */

/**
 * @fn ptrs_guard_new
 * Make a guard allocator.
 *
 * @param flags PtrsGuardFlags (else BAD_ARG).
 * @param quarantine_size Bytes of address space that freed blocks may keep, the
 *        oldest giving way; 0: freed pages are reused at once.
 * @param[out] guard To be given up with ptrs_allocator_release().
 *
 * @fn ptrs_guard_label
 * Say where a block comes from, for ptrs_guard_report_faults().
 *
 * @param mem First byte of a live block of any guard allocator (else BAD_ARG).
 * @param label A few words, such as "example.py:12"; copied, and cut where it
 *        is too long.
 *
 * @fn ptrs_guard_report_faults
 * From now on, when the process is about to end by a fault near a block of a
 * guard allocator, first write to a file which block it was, its size, by how
 * many bytes it was missed, and its label.
 *
 * Installs handlers for SIGSEGV and SIGBUS that pass every signal on to what was
 * installed before, and write with nothing but async-signal-safe functions.
 *
 * @param fd File descriptor, such as 2; -1 takes the handlers out again, unless
 *        somebody has put others above them (NOT_SUPPORTED).
 */

#endif
