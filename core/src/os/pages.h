// SPDX-License-Identifier: MIT
// Pages of address space, and whether the program may touch them.  Addresses and sizes are
// multiples of the page size.
#ifndef PTRS_OS_PAGES_H
#define PTRS_OS_PAGES_H

#include <stdbool.h>
#include <stddef.h>

// Bytes of a page; a power of two.
size_t ptrs_os_page_size(void);

// Mappings that this process may have at once; SIZE_MAX if there is no limit.
size_t ptrs_os_max_mappings(void);

// Reserve address space that must not be touched and has no memory; NULL if there is none.
void *ptrs_os_pages_reserve(size_t size);

// Reserve address space at `mem`; false if it is not free, or the system cannot tell.  The
// second one also gives the space zero pages, as ptrs_os_pages_commit() does.
bool ptrs_os_pages_reserve_at(void *mem, size_t size);
bool ptrs_os_pages_commit_at(void *mem, size_t size);

// Give address space back, together with its memory.
void ptrs_os_pages_unmap(void *mem, size_t size);

// The functions below change pages of reserved space.  If one returns false, the state of the
// pages is not known, and they may only be unmapped.

// Give zero pages to reserved space.  The pages stay a mapping of their own in every state.
// That makes changes cheap: the kernel neither splits a mapping nor joins two.
bool ptrs_os_pages_commit(void *mem, size_t size);

// Forbid pages to be touched; their bytes are kept.
bool ptrs_os_pages_forbid(void *mem, size_t size);

// Forbid pages to be touched, and give their memory back: they are zero when allowed again.
bool ptrs_os_pages_discard(void *mem, size_t size);

// Allow pages to be read and written.
bool ptrs_os_pages_allow(void *mem, size_t size);

#endif
