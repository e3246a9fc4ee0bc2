// SPDX-License-Identifier: MIT
// What the kernel tells of the address space of this process.
#ifndef MAPPINGS_H
#define MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>

size_t count_mappings(void);

// Take addresses, where they have 32 bits, until no block of PTRS_SIZE_MAX bytes can
// be had any more; where they have 64, none ever can.
void forbid_huge_blocks(void);

// Whether the byte at an address can be read and written; asked of the kernel,
// nothing is touched.
bool is_touchable(const void *address);

// Whether the page at an address has memory of its own.
bool is_resident(const void *address);

#endif
