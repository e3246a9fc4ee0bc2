// SPDX-License-Identifier: MIT
// Memory in which workloads keep their books.  It comes straight from the system:
// from malloc(3) it would change the very heap that is measured.  And it is
// counted, so that it does not pass for memory of the allocator.
#ifndef HARNESS_H
#define HARNESS_H

#include <stddef.h>
#include <stdint.h>

// Zeroed, with every page touched; NULL if there is none.
void *harness_map(size_t count, size_t size);

// `mem` may be NULL.
void harness_unmap(void *mem, size_t count, size_t size);

// What it took at most, in bytes, and the page faults of touching it.
uint64_t harness_peak(void);
uint64_t harness_faults(void);

#endif
