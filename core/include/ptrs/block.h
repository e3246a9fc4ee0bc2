// SPDX-License-Identifier: MIT
/**
 * @file block.h
 * Checked blocks: memory behind generational handles.
 *
 * A PtrsBlock is a number, never an address.  It names a slot in a table of
 * the process together with the slot's generation:
 *
 *      62                            31 30                             0
 *     +--------------------------------+--------------------------------+
 *     |           generation           |           slot index           |
 *     +--------------------------------+--------------------------------+
 *
 * Freeing a block gives its slot the next generation, so that every handle
 * that was copied anywhere is stale from then on.  A slot whose generation
 * cannot be raised any more is retired: a handle never names a second block.
 * Handles are never negative, and 0 is never a block.
 *
 * Every access goes through the slot's state word: whether the block is live,
 * how many readers are inside, whether one thread has it exclusively, how
 * many pins it has.  Reading is shared.  Writing, resizing and freeing are
 * exclusive: they stop new entries and wait until the readers have left.  So
 * two writers never mix their bytes, no thread reads a block while it is being
 * freed, and of several threads that free the same block exactly one succeeds.
 *
 * Threads: every function may be called from any thread at any time.
 * Processes: after fork(2) the child's table is consistent; an access that
 * another thread of the parent had under way simply does not exist there
 * (bytes that such a thread was writing may be half old and half new).  Blocks
 * on the stacks of such threads have ended; pins that these held stay, and what
 * they were about to make or to free may stay allocated.
 * Cost: O(1) each beside the bytes that are touched; no lock on the access
 * path; 48 bytes of bookkeeping a block.
 *
 * Errors that all functions share: PTRS_STATUS_BAD_HANDLE for a number that
 * was never a block, PTRS_STATUS_STALE for a block that has been freed.
 */
#ifndef PTRS_BLOCK_H
#define PTRS_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ptrs/allocator.h"
#include "ptrs/attributes.h"
#include "ptrs/status.h"

/* cdef: begin */
typedef int64_t PtrsBlock;

/* What an adopted block refuses, and what is particular to others. */
typedef enum {
  PTRS_BLOCK_NOT_FREEABLE = 1, /* free, realloc, drop: NOT_FREEABLE */
  PTRS_BLOCK_NOT_PINNABLE = 2, /* pin: NOT_SUPPORTED */
  PTRS_BLOCK_IN_REGION    = 4, /* goes with all others of its arena; need not be freed */
  PTRS_BLOCK_OWNED        = 8  /* made by ptrs_block_own(); realloc: NOT_SUPPORTED */
} PtrsBlockFlags;

typedef struct {
  void *mem;                /* first byte */
  size_t size;              /* bytes that were asked for */
  size_t capacity;          /* bytes that the memory really has */
  size_t align;             /* alignment that was asked for, in bytes */
  PtrsAllocator *allocator; /* where it came from; may go with the block; NULL if elsewhere */
  unsigned flags;           /* PtrsBlockFlags */
  unsigned pins;            /* pins at this instant */
} PtrsBlockInfo;

/**
 * Allocate a block of undefined contents: the checked malloc(3).
 *
 * @param allocator Where the memory comes from.  It stays as long as the block.
 * @param size Bytes; 0 is allowed; at most PTRS_SIZE_MAX (else OVERFLOW).
 * @param align Bytes; a power of two up to PTRS_ALIGN_MAX (else BAD_ARG).
 * @param[out] block The handle.  The caller owns the block.
 * @return NO_MEM when the allocator or the table has no room; TOO_LARGE for a
 *         size or alignment that this allocator does not serve; CLOSED.
 */
PTRS_API PtrsStatus ptrs_block_alloc(PtrsAllocator *allocator,
                                     size_t size,
                                     size_t align,
                                     PtrsBlock *block);

/**
 * As ptrs_block_alloc(), with every byte of the capacity zero: the checked
 * calloc(3).
 */
PTRS_API PtrsStatus ptrs_block_zalloc(PtrsAllocator *allocator,
                                      size_t size,
                                      size_t align,
                                      PtrsBlock *block);

/**
 * As ptrs_block_zalloc(), but never waits for another thread that ends blocks of the allocator.
 *
 * @param[out] would_block Set to true if there is no block, since that would wait; else left as
 *        it is.  NULL: it waits.
 */
PTRS_API PtrsStatus ptrs_block_try_zalloc(
    PtrsAllocator *allocator, size_t size, size_t align, bool *would_block, PtrsBlock *block);

/**
 * Make a block of memory that is owned elsewhere, and not freed with the block.
 *
 * @param mem First byte, aligned to `align`; must stay valid until
 *        ptrs_block_disown() has succeeded.
 * @param flags PTRS_BLOCK_NOT_FREEABLE is required; PTRS_BLOCK_NOT_PINNABLE
 *        may be added (else BAD_ARG).
 */
PTRS_API PtrsStatus
ptrs_block_adopt(void *mem, size_t size, size_t align, unsigned flags, PtrsBlock *block);

/** Frees memory that was allocated elsewhere; `ctx` is the caller's. */
typedef void (*PtrsFree)(void *mem, void *ctx);

/**
 * Make a block of memory that was allocated elsewhere, and is freed with the block.
 *
 * @param mem First byte, aligned to `align`; not NULL (else BAD_ARG).
 * @param size Bytes, which end before the address space does (else OVERFLOW).
 * @param free Called once, with `mem` and `ctx`, by the thread that ends the block: in
 *        ptrs_block_free(), or with the last pin.  The block is gone by then, and no lock is held:
 *        the function may do anything.  NULL: the memory is not freed.
 * @param[out] block The handle.  On any error the memory stays the caller's.
 * @return NO_MEM.
 */
PTRS_API PtrsStatus
ptrs_block_own(void *mem, size_t size, size_t align, PtrsFree free, void *ctx, PtrsBlock *block);

/**
 * Set what is called where a block ends that was made by ptrs_block_own() without a function.
 *
 * A block that was dropped, and is pinned, can have one as well.
 *
 * @param free As for ptrs_block_own(), and not NULL.
 * @return BAD_ARG if it has a function, or was made otherwise; NO_MEM.
 */
PTRS_API PtrsStatus ptrs_block_set_free(PtrsBlock block, PtrsFree free, void *ctx);

/**
 * End a block, and leave its memory to the caller, for whom free(3) frees it; memory of
 * ptrs_block_own() is the caller's again as it was before.
 *
 * @param[out] mem The memory.
 * @return PINNED; NOT_FREEABLE if it was adopted; NOT_SUPPORTED if free(3) cannot free it, as that
 *         of an arena; then nothing has changed.
 */
PTRS_API PtrsStatus ptrs_block_give(PtrsBlock block, void **mem);

/**
 * End an adopted block, after the accesses that are under way: on return no
 * thread touches its memory, and every handle to it is stale.
 *
 * @return PINNED while it is pinned; BAD_ARG if it was not adopted.
 */
PTRS_API PtrsStatus ptrs_block_disown(PtrsBlock block);

/**
 * Change a block's size under the same handle: the checked realloc(3).  Bytes
 * up to the smaller size are kept, added bytes are zero.  The address may
 * change.
 *
 * @return PINNED, NOT_FREEABLE, OVERFLOW, TOO_LARGE or NO_MEM; then nothing has changed.
 */
PTRS_API PtrsStatus ptrs_block_realloc(PtrsBlock block, size_t size);

/**
 * Free a block: the checked free(3).
 *
 * @return PINNED or NOT_FREEABLE; then nothing has changed.
 */
PTRS_API PtrsStatus ptrs_block_free(PtrsBlock block);

/**
 * Free a block now, or if it is pinned, when the last pin goes.  For callers
 * that cannot try again later.
 */
PTRS_API PtrsStatus ptrs_block_drop(PtrsBlock block);

/**
 * Keep a block where it is, for as long as its address is in foreign hands.
 * A pin does not keep other threads from reading or writing.
 *
 * @param[out] mem The address; valid until ptrs_block_unpin().
 * @return OVERFLOW at 65535 pins; NOT_SUPPORTED where pins are refused.
 */
PTRS_API PtrsStatus ptrs_block_pin(PtrsBlock block, void **mem);

/** Take back one pin.  @return BAD_ARG if there is none. */
PTRS_API PtrsStatus ptrs_block_unpin(PtrsBlock block);

/** Describe a block as it is at this instant. */
PTRS_API PtrsStatus ptrs_block_info(PtrsBlock block, PtrsBlockInfo *info);

/** A block in a list, as it was when the list came to it. */
typedef struct {
  PtrsBlock block;
  PtrsBlockInfo info;
} PtrsBlockRecord;

/** How far a list of blocks has come: all zero at first; then private. */
typedef struct {
  uint32_t next;
  uint32_t end;
} PtrsBlockCursor;

/**
 * List the blocks that are live, by calls one after the other.
 *
 * Each block that lives from before the first call to after the last one is in the list once.
 * Blocks that are made or that end meanwhile may be in it, each once at most.  The list ends,
 * however many blocks other threads make.
 *
 * No lock is taken.  The list waits for a thread that is writing, resizing or freeing a block,
 * and such a thread waits for the list while that reads the block's few fields.
 *
 * @param allocator Whose blocks are listed, adopted ones not; NULL: all blocks.
 * @param[in,out] cursor Where the list goes on; of one thread at a time.
 * @param count Records that there is room for; 0 does nothing.
 * @param[out] records The next blocks.  An allocator in there may go with its block:
 *        ptrs_block_allocator() keeps it.
 * @return Number of records; fewer than `count` at the end of the list.
 */
PTRS_API size_t ptrs_block_list(const PtrsAllocator *allocator,
                                PtrsBlockCursor *cursor,
                                size_t count,
                                PtrsBlockRecord *records);

/**
 * The allocator that a block's memory comes from.
 *
 * @param[out] allocator To be given up with ptrs_allocator_release(), which may
 *        be after the end of the block; NULL if the block was adopted.
 */
PTRS_API PtrsStatus ptrs_block_allocator(PtrsBlock block, PtrsAllocator **allocator);

/**
 * Copy `size` bytes at `offset` out of a block.
 *
 * @param data Room for `size` bytes; may overlap the block, as in memmove(3).
 * @return OUT_OF_BOUNDS if the range is not inside the block.
 */
PTRS_API PtrsStatus ptrs_block_read(PtrsBlock block, size_t offset, size_t size, void *data);

/**
 * Copy `size` bytes into a block at `offset`.
 *
 * @param data The bytes; may overlap the block, as in memmove(3).
 * @return As ptrs_block_read().
 */
PTRS_API PtrsStatus ptrs_block_write(PtrsBlock block, size_t offset, size_t size, const void *data);

/** Set `size` bytes at `offset`, as memset(3).  @return As ptrs_block_read(). */
PTRS_API PtrsStatus ptrs_block_fill(PtrsBlock block, size_t offset, size_t size, int byte);

/** Copy between blocks or inside one, as memmove(3): ranges may overlap. */
PTRS_API PtrsStatus
ptrs_block_copy(PtrsBlock dst, size_t dst_offset, PtrsBlock src, size_t src_offset, size_t size);

/**
 * Compare two ranges as unsigned bytes, as memcmp(3).
 *
 * @param[out] order -1, 0 or 1.
 */
PTRS_API PtrsStatus ptrs_block_compare(
    PtrsBlock a, size_t a_offset, PtrsBlock b, size_t b_offset, size_t size, int *order);

/**
 * Write WITHOUT checking the range against the block: the memory behind the
 * block is destroyed if the range reaches there.  Handle, liveness and
 * exclusivity are checked as ever.  @return OVERFLOW if the range wraps.
 */
PTRS_API PtrsStatus ptrs_block_write_unsafe(PtrsBlock block,
                                            size_t offset,
                                            size_t size,
                                            const void *data);
/* cdef: end */

/** How a thread enters a block. */
typedef enum {
  PTRS_ACCESS_SHARED,   /* to read: other readers may be inside */
  PTRS_ACCESS_EXCLUSIVE /* to write: alone inside */
} PtrsAccess;

/** A block that the calling thread has entered. */
typedef struct {
  uint8_t *mem;      /* first byte; valid until ptrs_block_leave() */
  size_t size;       /* bytes that were asked for */
  size_t capacity;   /* bytes that the memory really has */
  void *slot;        /* private */
  PtrsAccess access; /* how it was entered */
} PtrsEntry;

/** Functions of a caller around a change of size; called while the block is held exclusively. */
typedef struct {
  /** Called before: any status but SUCCESS refuses.  NULL agrees.  May read `capacity` bytes. */
  PtrsStatus (*check)(const uint8_t *mem, size_t capacity, size_t new_size, void *ctx);

  /**
   * Called after a change; or NULL.  The first `kept` bytes are those from before, the others
   * up to `capacity` are zero; all may be written.
   */
  void (*changed)(uint8_t *mem, size_t kept, size_t capacity, void *ctx);

  void *ctx; /* passed on */
} PtrsResizeRules;

/**
 * Enter a block: it stays where it is, as it is, until it is left.
 *
 * A thread inside a block must leave it soon, must not wait for anything
 * else, and must not enter a second block.  (The functions above that take
 * two blocks enter them in a fixed order.)
 *
 * @param block A block.
 * @param access Shared to read, exclusive to write.
 * @param[out] entry Where the memory is; to be passed to ptrs_block_leave().
 */
PTRS_API PtrsStatus ptrs_block_enter(PtrsBlock block, PtrsAccess access, PtrsEntry *entry);

/**
 * As ptrs_block_enter(), but never waits.
 *
 * @param[out] would_block Set to true if the block could not be entered without
 *        waiting for another thread; else left as it is.
 */
PTRS_API PtrsStatus ptrs_block_try_enter(PtrsBlock block,
                                         PtrsAccess access,
                                         PtrsEntry *entry,
                                         bool *would_block);

/** The alignment of a block that was entered, in bytes, as it was asked for. */
PTRS_API size_t ptrs_entry_align(const PtrsEntry *entry);

/**
 * As ptrs_block_free(), but never waits.
 *
 * @param limit Bytes of the largest block that is freed: to give more back to
 *        the system may take long, too.
 * @param[out] would_block Set to true if the block was not freed, since that would
 *        wait for another thread, or the block is larger than `limit`; else left
 *        as it is.
 */
PTRS_API PtrsStatus ptrs_block_try_free(PtrsBlock block, size_t limit, bool *would_block);

/** The same for a block of an arena alone: *would_block is set for any other block, too. */
PTRS_API PtrsStatus ptrs_block_try_free_in_region(PtrsBlock block, size_t limit, bool *would_block);

/** Leave a block that was entered; exactly once. */
PTRS_API void ptrs_block_leave(const PtrsEntry *entry);

/**
 * As ptrs_block_realloc(), if the caller's rules agree.
 *
 * @param rules Its functions must not enter any block.
 */
PTRS_API PtrsStatus ptrs_block_realloc_if(PtrsBlock block,
                                          size_t size,
                                          const PtrsResizeRules *rules);

#endif
