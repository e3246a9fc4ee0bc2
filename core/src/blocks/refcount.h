// SPDX-License-Identifier: MIT
// The part of an allocator that checked blocks need: a count of the
// allocator's users, the chain of its blocks, and the lock of that chain.  An allocator that
// is never closed has none of these.
//
// Locks, in the order in which they may be taken: the lock of a lifecycle, and then the one of
// its parent's; the table's hold, by which a fork waits for long work; a shard of the table;
// the lock inside of a guard.  An arena or a pool has no second lock for its memory: a checked
// block takes memory and joins the chain in one step under the lifecycle's.  No thread waits
// for a slot while it holds any of them, or another slot, except for readers that are inside
// of a slot that the thread holds exclusively.
//
// Under a lock no more than O(log n) is done, in blocks, marks and chunks, and no more than
// PTRS_SHORT bytes are copied or cleared.  Long work is done by a thread that holds a slot
// exclusively, and at most the table's hold.  The one exception is invalidating many blocks
// at once: the lifecycle's lock is held for as many steps as there are blocks that end, and
// chunks that are given back.  Other users of the allocator would wait for that in any case,
// or find the allocator closed.
#ifndef PTRS_REFCOUNT_H
#define PTRS_REFCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/fork.h"
#include "base/spin.h"
#include "blocks/table.h"
#include "os/os.h"
#include "ptrs/allocator.h"
#include "ptrs/status.h"

// What differs between allocators that can be closed
typedef struct {
  // Bytes of the allocator's object, which came from ptrs_os_malloc(), and their alignment.
  size_t object_size;
  size_t object_align;

  // Give all memory back, count it as freed, and from then on allocate no more: NULL.
  // PINNED, and nothing done, while memory is lent to other allocators.  Locked, or without
  // any other user.
  PtrsStatus (*clear)(PtrsAllocator *allocator);

  // Checked blocks are freed one by one as they end, since clear() does not know them.
  bool frees_singly;

  // For allocators whose clear() gives memory back without looking for single blocks: memory
  // is taken, and put into the chain of blocks, in one step under the lifecycle's lock, which
  // the callers of these functions hold.  They take no long time; NULL for others.
  //
  // As alloc() of allocator.h; the last *clean bytes are zero.
  void *(*take)(PtrsAllocator *allocator, size_t size, size_t align, size_t *clean);
  // As realloc(), but where the block moves, the old memory stays as it is, and the caller
  // copies the bytes that are kept.  Of the bytes that are added, the last *clean are zero.
  void *(*place)(PtrsAllocator *allocator,
                 void *mem,
                 size_t old_size,
                 size_t new_size,
                 size_t align,
                 size_t *clean);
  // As free().
  void (*put_back)(PtrsAllocator *allocator, void *mem, size_t size);

  // For allocators whose memory is their parent's block by block, so that no memory is taken or
  // given back under a lock that the parent's may stand above.  Get memory of zeros for a block
  // that changes its size, counted as resized; and give memory back that has been counted.
  void *(*move)(PtrsAllocator *allocator, size_t old_size, size_t new_size, size_t align);
  void (*put_away)(PtrsAllocator *allocator, void *mem, size_t size, size_t align);
} PtrsLifecycleOps;

struct PtrsLifecycleImpl {
  const PtrsLifecycleOps *ops;
  PtrsAllocator *allocator; // of which this is a part
  PtrsAllocator *parent;    // NULL without one
  unsigned depth;           // number of parents above
  PtrsAtomic n_lent;        // pieces of memory that allocators with this one as parent hold
  PtrsAtomic n_users;       // callers, and such allocators; becomes 0 under the lock alone
  PtrsSpin lock;            // of the fields below, and of the memory inside of an arena or pool
  uint32_t blocks;          // chain of the checked blocks, newest memory first, or PTRS_NO_SLOT
  uint32_t invalidated;     // chain of the blocks that a thread is about to end
  bool is_invalidating;     // there is such a thread
  bool is_closed;
  PtrsAtomic is_dropped; // closed, except for pinned blocks and lent memory; peeked at unlocked
  PtrsForkEntry fork;
};

// Begin the lifecycle of an allocator, with the caller as its first user.  The rest of the
// object has been set up, and no other thread knows the object yet.
void ptrs_lifecycle_init(PtrsLifecycle *lifecycle,
                         PtrsAllocator *allocator,
                         PtrsAllocator *parent,
                         const PtrsLifecycleOps *ops);

// The lifecycle of an allocator's parent; NULL if the parent has none.
static inline PtrsLifecycle *
ptrs_lifecycle_above(const PtrsLifecycle *lifecycle)
{
  return lifecycle->parent ? lifecycle->parent->lifecycle : NULL;
}

// How many parents an allocator with this parent has.
static inline unsigned
ptrs_lifecycle_depth_below(const PtrsAllocator *parent)
{
  return !parent ? 0 : !parent->lifecycle ? 1 : parent->lifecycle->depth + 1;
}

// Lock, wait until no thread is invalidating blocks, and stay locked.
void ptrs_lifecycle_wait(PtrsLifecycle *lifecycle);

// Lock in any state; the second one only if no other thread holds the lock.
static inline void
ptrs_lifecycle_lock(PtrsLifecycle *lifecycle)
{
  ptrs_spin_lock(&lifecycle->lock);
}

static inline bool
ptrs_lifecycle_try_lock(PtrsLifecycle *lifecycle)
{
  return ptrs_spin_try_lock(&lifecycle->lock);
}

static inline void
ptrs_lifecycle_unlock(PtrsLifecycle *lifecycle)
{
  ptrs_spin_unlock(&lifecycle->lock);
}

// As ptrs_lifecycle_wait(); CLOSED, and not locked, if the allocator has been closed.
PtrsStatus ptrs_lifecycle_enter(PtrsLifecycle *lifecycle);

// The same, but where that would wait, set *would_block and return CLOSED.  NULL: it waits.
PtrsStatus ptrs_lifecycle_enter_slowly(PtrsLifecycle *lifecycle, bool *would_block);

static inline PtrsStatus
ptrs_lifecycle_try_enter(PtrsLifecycle *lifecycle, bool *would_block)
{
  if (ptrs_lifecycle_try_lock(lifecycle)) {
    if (!lifecycle->is_invalidating && !lifecycle->is_closed) {
      return PTRS_STATUS_SUCCESS;
    }
    ptrs_lifecycle_unlock(lifecycle);
  }
  return ptrs_lifecycle_enter_slowly(lifecycle, would_block);
}

// Unlock after a block has ended.  An allocator without users goes with its last block, and
// one that was dropped is cleared with it.
void ptrs_lifecycle_unlock_ended(PtrsLifecycle *lifecycle);

bool ptrs_lifecycle_is_closed(PtrsLifecycle *lifecycle);

// Put a live slot into the chain, take it out, or move it to the front.  Locked.  The allocator
// stays as long as the chain has a slot.
void ptrs_lifecycle_link(PtrsLifecycle *lifecycle, PtrsSlot *slot, uint32_t index);
void ptrs_lifecycle_unlink(PtrsLifecycle *lifecycle, PtrsSlot *slot);
void ptrs_lifecycle_relink(PtrsLifecycle *lifecycle, PtrsSlot *slot, uint32_t index);

// End the lifetime of a slot, which is held exclusively and in no chain, of an arena or a pool.
// Locked: with that alone, slot and memory change in one step for other threads and for a fork.
static inline void
ptrs_lifecycle_retire(PtrsLifecycle *lifecycle, PtrsSlot *slot, uint32_t index, bool free_memory)
{
  if (free_memory) {
    lifecycle->ops->put_back(lifecycle->allocator, slot->mem, slot->size);
  }
  ptrs_table_retire(slot, index, true, false);
}

// Count one user more; the caller is a user, or is inside of one of the blocks.
void ptrs_lifecycle_retain(PtrsLifecycle *lifecycle);

// Count one user less; without any, and without blocks, the allocator is destroyed.  Not locked.
void ptrs_lifecycle_release(PtrsLifecycle *lifecycle);

// Give all memory of an allocator back, and count the allocator as closed.  PINNED, and
// nothing done, while memory is lent.  Locked.
PtrsStatus ptrs_lifecycle_clear(PtrsAllocator *allocator, void *ctx);

// Clear an allocator that was dropped and that no block uses any more, then its parent if
// that is such an allocator, and so on upwards; NULL does nothing.  To be called, without
// any lock, after a block has ended or an allocator below has given memory back.
void ptrs_lifecycle_settle(PtrsLifecycle *lifecycle);

#endif
