// SPDX-License-Identifier: MIT
// Pages of address space, and who may touch them.  Addresses and sizes are
// multiples of the page size.
#ifndef PTRS_OS_PAGES_H
#define PTRS_OS_PAGES_H

#include <stdbool.h>
#include <stddef.h>

// Bytes of a page; a power of two.
size_t ptrs_os_page_size(void);

// Mappings that this process may have at once; SIZE_MAX if there is no limit.
size_t ptrs_os_max_mappings(void);

// Address space that nobody may touch and that has no memory; or NULL.
void *ptrs_os_pages_reserve(size_t size);

// The same at a certain address, false if that is not free or the system cannot
// tell.  And at once with zero pages, as ptrs_os_pages_commit() gives them.
bool ptrs_os_pages_reserve_at(void *mem, size_t size);
bool ptrs_os_pages_commit_at(void *mem, size_t size);

// Give address space back, with what memory it has.
void ptrs_os_pages_unmap(void *mem, size_t size);

// The others change pages inside of what was reserved.  False: what they are
// now is not known, and they may only be unmapped.

// Give zero pages to space that was reserved.  They stay a mapping of their own,
// however they are protected later, which is what makes protecting them cheap:
// the kernel need neither split a mapping nor join two.
bool ptrs_os_pages_commit(void *mem, size_t size);

// From now on nobody may touch them; what they hold is kept.
bool ptrs_os_pages_forbid(void *mem, size_t size);

// As ptrs_os_pages_forbid(), but their memory is given back: once they are
// allowed again they are zero.
bool ptrs_os_pages_discard(void *mem, size_t size);

// From now on everybody may read and write them.
bool ptrs_os_pages_allow(void *mem, size_t size);

#endif
