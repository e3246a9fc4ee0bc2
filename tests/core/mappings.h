// SPDX-License-Identifier: MIT
// What the kernel says about the address space of this process.
#ifndef MAPPINGS_H
#define MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>

size_t count_mappings(void);

// Where addresses have 32 bits, take so many that no block of PTRS_SIZE_MAX bytes
// finds a place; where they have 64, no such block ever does.
void forbid_huge_blocks(void);

// Whether the byte at an address can be read and written.  The kernel is asked;
// the byte is not touched.
bool is_touchable(const void *address);

// Whether the page at an address is in memory.
bool is_resident(const void *address);

#endif
