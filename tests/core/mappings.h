// SPDX-License-Identifier: MIT
// What the kernel tells of the address space of this process.
#ifndef MAPPINGS_H
#define MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>

size_t count_mappings(void);

// Whether the byte at an address can be read and written; asked of the kernel,
// nothing is touched.
bool is_touchable(const void *address);

// Whether the page at an address has memory of its own.
bool is_resident(const void *address);

#endif
