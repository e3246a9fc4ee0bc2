// SPDX-License-Identifier: MIT
/**
 * @file guard.h
 * A guard allocator: each block alone on pages of its own, flush against a page
 * that cannot be touched.  One byte too far, even from foreign code that knows
 * only the address, and the program ends at that very instruction.
 *
 *     default                               PTRS_GUARD_UNDERFLOW
 *     +----------+-----------+------------+ +------------+-----------+----------+
 *     | (unused) |   block   | guard page | | guard page |   block   | (unused) |
 *     +----------+-----------+------------+ +------------+-----------+----------+
 *
 * The start of a block is always flush with its guard page, the end where the
 * size is a multiple of the alignment, or of the page size.  Else up to
 * alignment - 1 bytes, and less than a page, lie between, which are filled with a
 * pattern; so are up to 64 bytes on the block's other side.  The pattern is
 * checked when the block is freed or resized, and when the allocator is closed.  A block of no
 * bytes has an address where no byte can be touched (with PTRS_GUARD_UNDERFLOW: no byte before it).
 *
 * Freed pages become unreadable too, and stay so in a quarantine of bounded
 * size, so that a use after free by address is also caught at the instruction.
 * A block that is resized always moves.  The capacity of a block is its size.
 *
 * Cost: two pages and two mappings of the kernel a block, of which Linux lets a
 * process have a certain number: vm.max_map_count.  The allocator leaves one
 * sixteenth of these to the rest of the program, and has no memory beyond that.
 * Up to 16 MiB of address space that have left the quarantine wait for blocks of
 * about their size, which spares most of the system calls.
 *
 * Threads: any function may be called by any thread.  After fork(2), the child
 * has its own copy of everything.
 */
#ifndef PTRS_GUARD_H
#define PTRS_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ptrs/allocator.h"
#include "ptrs/attributes.h"
#include "ptrs/status.h"

/* cdef: begin */
typedef enum {
  PTRS_GUARD_UNDERFLOW = 1 /* guard the start of each block, not its end */
} PtrsGuardFlags;

typedef struct {
  uint64_t quarantine_blocks; /* freed blocks whose pages must not be touched yet */
  uint64_t quarantine_bytes;  /* of address space, which these keep */
  uint64_t damaged_blocks;    /* blocks that ended with bytes beside them overwritten */
  uint64_t mappings;          /* that all guard allocators have, freed blocks included */
  uint64_t max_mappings;      /* that they may have; 0: any number */
  bool is_full; /* no more blocks: max_mappings has been reached, and no freed block gives way */
} PtrsGuardInfo;

/**
 * Make a guard allocator.
 *
 * @param flags PtrsGuardFlags (else BAD_ARG).
 * @param quarantine_size Bytes of address space, guard pages included, that freed
 *        blocks may keep, the oldest giving way; 0: freed pages may be used again
 *        at once.  Of blocks up to 16 pages the memory is kept, too.  Freed blocks
 *        give way earlier, the oldest of all first, if a block of any guard
 *        allocator could get no memory or no mapping otherwise.
 * @param[out] guard To be given up with ptrs_allocator_release().
 * @return NO_MEM.
 */
PTRS_API PtrsStatus ptrs_guard_new(unsigned flags, size_t quarantine_size, PtrsAllocator **guard);

/**
 * Read the state of a guard allocator, in addition to its statistics.
 *
 * @param guard Made by ptrs_guard_new() (else BAD_ARG).
 * @param[out] info As it is at this instant.
 */
PTRS_API PtrsStatus ptrs_guard_info(PtrsAllocator *guard, PtrsGuardInfo *info);

/**
 * Say where a block comes from, for ptrs_guard_report_faults().  A block keeps
 * its label when it is resized, and when it is freed.
 *
 * @param mem First byte of a live block of any guard allocator (else BAD_ARG).
 * @param label A few words, such as "example.py:12"; copied.  Of more than 159
 *        bytes the last 156 are kept, behind three dots.
 */
PTRS_API PtrsStatus ptrs_guard_label(const void *mem, const char *label);

/**
 * From now on, when the process is about to end by a fault in the pages of a
 * guard allocator, first write a line to a file: which block it was, its size, by
 * how many bytes it was missed, and its label.  Also write a line for each block
 * that ends with bytes beside it overwritten.
 *
 *     pointers: fault at 0x7f08: 1 byte past the end of a live block of 8 bytes at 0x7f00 (a.py:1)
 *     pointers: overwritten: 3 bytes past the end of a block of 10 bytes at 0x7f00 (a.py:2)
 *
 * Installs handlers for SIGSEGV and SIGBUS, which pass every signal on to what
 * was installed before: a handler is called, with its own mask; without one the
 * instruction is tried again, and the kernel ends the program there.  They call
 * nothing but async-signal-safe functions and wait for no lock.  They run on a
 * thread's alternate signal stack where the thread has made itself one with
 * sigaltstack(2), else on its stack, and need about 2 KiB of it.  A handler that
 * is installed later and passes signals on, by calling or by raising them again,
 * does no harm.
 *
 * Again: only the file changes.
 *
 * A line that the reader of a pipe does not take is given up, since the reader may
 * be a thread that waits for this one.  A line about overwritten bytes does not
 * wait at all (ptrs_guard_info() counts them), one about a fault for a second at
 * most.
 *
 * @param fd File descriptor that is open for writing, such as 2 (else BAD_ARG).
 *        A copy of it is kept until the next call, so that it may be closed; exec
 *        closes the copy, fork keeps it.  If the program closes the copy, nothing
 *        is written any more.  -1 takes the handlers out again.
 * @return OS if there are no descriptors left; NOT_SUPPORTED for -1 if others
 *         have been put above the handlers: they stay and write nothing.
 */
PTRS_API PtrsStatus ptrs_guard_report_faults(int fd);
/* cdef: end */

#endif
