// SPDX-License-Identifier: MIT
/**
 * @file pool.h
 * A pool: blocks of one size, cut from slabs, with a list of the free ones.
 *
 *      slab
 *     +--------+--------+--------+--------+---------------+
 *     |  used  | free ---------->|  used  | never used    |
 *     +--------+--------+--------+--------+---------------+
 *
 * A free block holds the address of the next free one, so that the list needs
 * no memory.  Blocks that were freed last are used first.  Slabs are kept until
 * the pool is closed, or ptrs_pool_release_unused() gives those back that are unused.
 */
#ifndef PTRS_POOL_H
#define PTRS_POOL_H

#include "ptrs/allocator.h"
#include "ptrs/attributes.h"
#include "ptrs/status.h"

/* cdef: begin */
/**
 * Make a pool; it takes no slab before the first allocation.
 *
 * @param parent Where slabs come from; it stays until the pool has gone.
 * @param block_size Bytes of each block, and the most that a request may ask
 *        for (else TOO_LARGE for a checked block, NULL for a plain one).
 * @param align Bytes; a power of two up to PTRS_ALIGN_MAX (else BAD_ARG): the
 *        alignment of each block, and the most that a request may ask for.
 * @param slab_blocks Blocks of a slab; 0: as many as fit into 64 KiB, at least 8.
 * @param[out] pool To be given up with ptrs_allocator_release().
 * @return OVERFLOW for a slab of more than PTRS_SIZE_MAX bytes; NO_MEM if there
 *         is no memory for the pool itself; TOO_LARGE if its parent does not
 *         serve slabs of that size; TOO_DEEP if the parent has PTRS_DEPTH_MAX
 *         parents above it.
 */
PTRS_API PtrsStatus ptrs_pool_new(PtrsAllocator *parent,
                                  size_t block_size,
                                  size_t align,
                                  size_t slab_blocks,
                                  PtrsAllocator **pool);

/**
 * Bytes of a block, as ptrs_pool_new() was told.
 *
 * @param pool Made by ptrs_pool_new(); 0 for any other allocator.
 */
PTRS_API size_t ptrs_pool_block_size(const PtrsAllocator *pool);

/**
 * Give the slabs back to the parent that have no block in use.
 *
 * O(n log n) in slabs and free blocks: meanwhile other threads wait that want a block of this
 * pool.  Blocks are then used in the order of their addresses.
 *
 * @param pool Made by ptrs_pool_new() (else BAD_ARG).
 * @param[out] size Bytes that were given back, with the slabs' own bookkeeping.
 * @return CLOSED.
 */
PTRS_API PtrsStatus ptrs_pool_release_unused(PtrsAllocator *pool, size_t *size);
/* cdef: end */

#endif
