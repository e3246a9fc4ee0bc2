// SPDX-License-Identifier: MIT
/**
 * @file allocator.h
 * The interface of an allocator: a table of functions, passed first.
 *
 * A concrete allocator embeds a PtrsAllocator as its first member, so that
 * its functions can cast the pointer back to the whole object.
 *
 * What every allocator promises:
 *
 * - `size` is in bytes; 0 is allowed and gives a distinct address.
 * - `align` is in bytes: a power of two, at most PTRS_ALIGN_MAX.  The caller
 *   checks this (`ptrs_align_is_valid`) and passes the same value again to
 *   `realloc` and `free`.
 * - A failed `alloc`, `zalloc` or `realloc` returns NULL and changes nothing.
 * - All functions may be called by several threads at once.
 * - Blocks do not move unless they are reallocated.
 *
 * The system allocator lives as long as the process.  All others are made and
 * closed: see ptrs_allocator_close().
 */
#ifndef PTRS_ALLOCATOR_H
#define PTRS_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ptrs/attributes.h"
#include "ptrs/status.h"

/** The greatest alignment that an allocator must honour: 2 MiB, a huge page. */
#define PTRS_ALIGN_MAX ((size_t)1 << 21)

/** An alignment that fits every standard C type, the same on every machine. */
#define PTRS_ALIGN_DEFAULT ((size_t)16)

/** The greatest size of one block: half of the address space, as in ISO C. */
#define PTRS_SIZE_MAX ((size_t)PTRDIFF_MAX)

/** The most parents above an allocator: each calls the next one, which takes stack. */
#define PTRS_DEPTH_MAX ((unsigned)64)

/* cdef: begin */
typedef struct {
  uint64_t current_bytes;  /* requested bytes of the blocks that are live */
  uint64_t peak_bytes;     /* greatest value of current_bytes; see below */
  uint64_t total_bytes;    /* requested bytes of all blocks ever allocated */
  uint64_t current_blocks; /* blocks that are live */
  uint64_t peak_blocks;    /* greatest value of current_blocks; see below */
  uint64_t total_blocks;   /* blocks ever allocated */
} PtrsStats;

typedef struct PtrsAllocatorImpl PtrsAllocator;

/**
 * Read an allocator's statistics.
 *
 * Current values and totals are exact while no other thread is at work with the
 * allocator; otherwise what is under way counts in part.  Peaks of an arena, a pool
 * or a guard are exact.  Those of the system and of a foreign allocator are exact
 * if one thread alone has used it.  If several have, a peak is never less than
 * what was live at one time, and more by at most 32 KiB and 128 blocks for each
 * of them, for 16 of them at most.
 *
 * @param allocator An allocator.
 * @param[out] stats Bytes and block counts.  Never fails.
 */
PTRS_API void ptrs_allocator_stats(PtrsAllocator *allocator, PtrsStats *stats);

/** The kind of an allocator: "system", "arena", "pool", "guard", "foreign", "limit". */
PTRS_API const char *ptrs_allocator_name(const PtrsAllocator *allocator);

/**
 * Greatest size of a block that an allocator serves, in bytes; PTRS_SIZE_MAX if
 * the allocator has no limit of its own.
 */
PTRS_API size_t ptrs_allocator_max_size(const PtrsAllocator *allocator);

/** Greatest alignment that an allocator serves, in bytes; at most PTRS_ALIGN_MAX. */
PTRS_API size_t ptrs_allocator_max_align(const PtrsAllocator *allocator);

/**
 * The limit of an allocator: the most that `current_bytes` of its statistics may be.
 *
 * @return 0 without a limit.
 */
PTRS_API size_t ptrs_allocator_limit(PtrsAllocator *allocator);

/**
 * Set the limit of an arena, a pool or an allocator of limit.h.  What would exceed it is
 * refused, as where there is no memory, and ptrs_allocator_refusal() tells why.
 *
 * @param limit Bytes, 1 to PTRS_SIZE_MAX (else BAD_ARG).
 * @return TOO_LARGE if more than that lives; then nothing has changed.  NOT_SUPPORTED for other
 *         allocators.
 */
PTRS_API PtrsStatus ptrs_allocator_set_limit(PtrsAllocator *allocator, size_t limit);

/** What a limit has refused. */
typedef struct {
  size_t limit; /* bytes that may live at one time */
  size_t lives; /* bytes that did */
  size_t asked; /* bytes that were asked for, or by which a block was to grow */
} PtrsRefusal;

/**
 * Tell what a limit last refused to the calling thread, of an allocator or of one of its parents.
 *
 * @param[out] refusal Written if there is one that has not been told yet.
 * @return Whether there is.
 */
PTRS_API bool ptrs_allocator_refusal(PtrsRefusal *refusal);

/** Whether an allocator has been closed. */
PTRS_API bool ptrs_allocator_is_closed(PtrsAllocator *allocator);

/**
 * End all checked blocks of an allocator and give its memory back.
 *
 * On success every handle of its blocks is stale, memory that was taken from
 * it without a handle is gone, and it refuses to allocate: NULL, or CLOSED for
 * a checked block.  The object itself stays until it is released.  Closing
 * again does nothing.  Accesses that are under way in other threads end first.
 *
 * @return PINNED while a block is pinned, or while an allocator that has this
 *         one as its parent holds memory of it; then nothing has changed.
 *         NOT_SUPPORTED for the system allocator.
 */
PTRS_API PtrsStatus ptrs_allocator_close(PtrsAllocator *allocator);

/**
 * Close an allocator as far as that is possible now, and the rest of it later.
 *
 * Blocks that are pinned stay as they are, and end each with its last pin, as
 * after ptrs_block_drop(); all others end now.  The allocator refuses to allocate
 * from now on, also for allocators that have it as their parent.  Its memory is
 * given back when its last block has ended and those allocators hold none of it.
 * Until then ptrs_allocator_close() answers as before.  For callers that cannot
 * try again later.
 *
 * @return NOT_SUPPORTED for the system allocator.  Dropping an allocator that was
 *         dropped or closed before does nothing.
 */
PTRS_API PtrsStatus ptrs_allocator_drop(PtrsAllocator *allocator);

/**
 * Become one more user of an allocator, which stays until each user has released it.
 *
 * @param allocator One that the caller uses already.  Retaining the system allocator does
 *        nothing.
 */
PTRS_API void ptrs_allocator_retain(PtrsAllocator *allocator);

/**
 * Give up an allocator that was made by a `..._new` function, or retained; exactly once.
 *
 * This does not close the allocator: its memory stays until its last checked
 * block has been freed and the last allocator that has it as its parent has gone;
 * then everything is given back.  If there are none, that is now.  Memory that was
 * taken without a handle does not keep the allocator.
 *
 * @param allocator Not to be used by the caller any more.  Releasing the system
 *        allocator does nothing.
 */
PTRS_API void ptrs_allocator_release(PtrsAllocator *allocator);
/* cdef: end */

/** Users and blocks of an allocator that can be closed; private. */
typedef struct PtrsLifecycleImpl PtrsLifecycle;

struct PtrsAllocatorImpl {
  /** Allocate `size` bytes of undefined contents; NULL if there are none. */
  void *(*alloc)(PtrsAllocator *allocator, size_t size, size_t align);

  /** Allocate `size` zero bytes, without touching fresh pages; or NULL. */
  void *(*zalloc)(PtrsAllocator *allocator, size_t size, size_t align);

  /**
   * Change a block's size, moving it if need be.
   *
   * The first min(capacity, new_size) bytes are kept, where capacity is what
   * `capacity` says of the old block; the rest is undefined.  On NULL the old
   * block is as it was.  A resized block counts in `total_*` only for the
   * bytes by which it grew.
   */
  void *(*realloc)(
      PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align);

  /**
   * As `realloc`, but the first `kept` bytes alone are kept, which is no more than
   * `realloc` would keep, and those up to `new_size` are zero, if possible without
   * touching fresh pages.  If NULL, callers use `realloc` and memset(3).
   */
  void *(*zrealloc)(PtrsAllocator *allocator,
                    void *mem,
                    size_t old_size,
                    size_t kept,
                    size_t new_size,
                    size_t align);

  /** Give a block back; `size` is what was last asked for. */
  void (*free)(PtrsAllocator *allocator, void *mem, size_t size, size_t align);

  /**
   * Let a block go that is not freed here: free(3) will do that.  NULL, or false and nothing
   * done, if free(3) cannot.
   */
  bool (*give)(PtrsAllocator *allocator, const void *mem, size_t size, size_t align);

  /**
   * Count a block as allocated, or as freed, whose memory has stayed, or stays, with its handle's
   * slot: small blocks that come and go need not pass through the allocator each time.  NULL:
   * memory does not stay; it cannot where max_size, max_align or a lifecycle is set.
   */
  void (*reuse)(PtrsAllocator *allocator, size_t size);
  void (*keep)(PtrsAllocator *allocator, size_t size);

  /** Bytes that a block of `size` requested bytes really has; >= size. */
  size_t (*capacity)(PtrsAllocator *allocator, const void *mem, size_t size, size_t align);

  /** Write the statistics, as far as they are known at this instant. */
  void (*stats)(PtrsAllocator *allocator, PtrsStats *stats);

  /**
   * Set the limit, unless it is 0, and tell it, as ptrs_allocator_set_limit() does.  NULL: an
   * allocator without limits.
   */
  PtrsStatus (*limit)(PtrsAllocator *allocator, size_t new_limit, size_t *limit);

  /** The kind of allocator, in one word. */
  const char *name;

  /** Greatest size and alignment of a block, in bytes; 0: no limit of its own. */
  size_t max_size;
  size_t max_align;

  /** Flags of all its checked blocks: PtrsBlockFlags of block.h. */
  unsigned block_flags;

  /** NULL: this allocator is never closed. */
  PtrsLifecycle *lifecycle;
};

/** Whether `align` is a power of two no greater than PTRS_ALIGN_MAX. */
static inline bool
ptrs_align_is_valid(size_t align)
{
  return align && !(align & (align - 1)) && align <= PTRS_ALIGN_MAX;
}

#endif
