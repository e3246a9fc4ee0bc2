// SPDX-License-Identifier: MIT
/**
 * @file arena.h
 * An arena: blocks one behind the other in large chunks, given back together.
 *
 *      chunk              chunk (current)          chunks that were used before
 *     +----+----+----+-+ +----+------+----------+ +-----------------+
 *     | a  | b  | c  |/| | d  |  e   |   free   | |      free       |
 *     +----+----+----+-+ +----+------+----------+ +-----------------+
 *                                    ^ next block
 *
 * Allocating moves one number up.  Freeing a block gives its bytes back only
 * if it is the last one; the last one also grows and shrinks where it is.  All
 * others wait for ptrs_arena_reset(), which keeps the chunks for what comes
 * next, or for a rewind to a mark.
 */
#ifndef PTRS_ARENA_H
#define PTRS_ARENA_H

#include "ptrs/allocator.h"
#include "ptrs/attributes.h"
#include "ptrs/status.h"

/* cdef: begin */
/**
 * Make an arena; it takes no chunk before the first allocation.
 *
 * @param parent Where chunks come from; it stays until the arena has gone.
 * @param chunk_size Bytes of a chunk, 1 to PTRS_SIZE_MAX (else BAD_ARG).  A
 *        block that does not fit gets a chunk of its own.
 * @param[out] arena To be given up with ptrs_allocator_release().
 * @return NO_MEM if there is no memory for the arena itself; TOO_LARGE if the
 *         parent does not serve chunks of that size; TOO_DEEP if the parent has
 *         PTRS_DEPTH_MAX parents above it.
 */
PTRS_API PtrsStatus ptrs_arena_new(PtrsAllocator *parent, size_t chunk_size, PtrsAllocator **arena);

/**
 * End all blocks, and start again at the first chunk.  All chunks are kept.
 *
 * O(1), or O(n) if n checked blocks have to end: meanwhile other threads wait that
 * want a block of this arena.
 *
 * @param arena Made by ptrs_arena_new() (else BAD_ARG).
 * @return PINNED while a checked block is pinned, or memory of the arena is
 *         lent to another allocator; CLOSED; then nothing has changed.
 */
PTRS_API PtrsStatus ptrs_arena_reset(PtrsAllocator *arena);

/**
 * Remember how far the arena is filled.  A mark takes up some 64 bytes of it.  With
 * marks, to free or resize a block is O(log n) in marks and chunks.
 *
 * @param[out] mark Never 0; valid until a reset, or a rewind to an earlier mark.
 * @return NO_MEM, CLOSED.
 */
PTRS_API PtrsStatus ptrs_arena_mark(PtrsAllocator *arena, uint64_t *mark);

/**
 * End all blocks that lie behind a mark: those that were allocated since, and
 * those that were moved there.  The mark stays valid.
 *
 * O(log n) in marks and chunks for each checked block that has to be ended.
 *
 * @return STALE for a mark that is not valid; else as ptrs_arena_reset().
 */
PTRS_API PtrsStatus ptrs_arena_rewind(PtrsAllocator *arena, uint64_t mark);

/**
 * Give the chunks back to the parent that hold no block: those behind the last block, as a reset
 * leaves them; all if nothing lives and there is no mark.
 *
 * O(n log n) in chunks that go.
 *
 * @param arena Made by ptrs_arena_new() (else BAD_ARG).
 * @param[out] size Bytes that were given back, with the chunks' own bookkeeping.
 * @return CLOSED.
 */
PTRS_API PtrsStatus ptrs_arena_release_unused(PtrsAllocator *arena, size_t *size);
/* cdef: end */

#endif
