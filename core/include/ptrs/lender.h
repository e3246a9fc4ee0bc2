// SPDX-License-Identifier: MIT
/**
 * @file lender.h
 * An allocator for code that does not tell sizes as it gives memory back.
 *
 *      +-------------------+----------------------------+
 *      | bytes in all      | memory that is lent        |
 *      +-------------------+----------------------------+
 *      |<-- PTRS_LENT_HEAD -->|
 *
 * Libraries that take functions like malloc(3) and free(3) are such code.  Each piece
 * has its size in front of it, so that its end is where the allocator puts ends: flush
 * with a guard page, for instance.
 *
 * Memory that is lent pins its allocator: until all of it has been given back, the
 * allocator can be neither closed nor reset (PINNED).
 *
 * All functions may be called by several threads at once, and hold no lock as they return.
 */
#ifndef PTRS_LENDER_H
#define PTRS_LENDER_H

#include <stdbool.h>
#include <stddef.h>

#include "ptrs/allocator.h"
#include "ptrs/attributes.h"

/** Bytes that each piece takes beside those that were asked for. */
#define PTRS_LENT_HEAD ((size_t)16)

/** How an allocator lends; its fields are private. */
typedef struct {
  PtrsAllocator *allocator;
  size_t align;  /* of each piece, at most */
  bool is_flush; /* ends are worth more than alignment */
} PtrsLender;

/**
 * Begin to lend memory of an allocator, which stays until ptrs_lender_end().
 *
 * @param[out] lender May be copied or moved.
 * @param allocator One that the caller uses.
 */
PTRS_API void ptrs_lender_init(PtrsLender *lender, PtrsAllocator *allocator);

/**
 * Release the allocator.  To be called once all memory has been given back.
 */
PTRS_API void ptrs_lender_end(PtrsLender *lender);

/**
 * Lend memory of undefined contents.
 *
 * It is aligned to PTRS_ALIGN_DEFAULT, or to what the allocator serves if that is less.  A
 * guard allocator aligns it to the greatest power of two that divides `size`, up to
 * PTRS_ALIGN_DEFAULT, so that its end is flush with the guard page.
 *
 * @param size Bytes; 0 gives a distinct address.
 * @return NULL if the allocator has no such memory, or has been closed or dropped.
 */
PTRS_API void *ptrs_lender_alloc(const PtrsLender *lender, size_t size);

/** The same, of zero bytes: without touching fresh pages, as `zalloc` of allocator.h. */
PTRS_API void *ptrs_lender_zalloc(const PtrsLender *lender, size_t size);

/**
 * Change the size of a piece, which may move.
 *
 * The first min(old size, size) bytes are kept, and the rest is undefined.
 *
 * @param mem What this lender has lent; NULL: as ptrs_lender_alloc().
 * @return NULL if there is no memory, or a dropped allocator would have to give more;
 *         then the piece is as it was.
 */
PTRS_API void *ptrs_lender_realloc(const PtrsLender *lender, void *mem, size_t size);

/**
 * Take a piece back.  An allocator that was dropped gives its memory back with the last one.
 *
 * @param mem What this lender has lent; NULL does nothing.
 */
PTRS_API void ptrs_lender_free(const PtrsLender *lender, void *mem);

#endif
