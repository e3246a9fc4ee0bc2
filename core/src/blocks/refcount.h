// SPDX-License-Identifier: MIT
// The part of an allocator that checked blocks need: a count of the
// allocator's users, the chain of its blocks, and the lock of that chain.  An allocator that
// is never closed has none of these.
//
// Locks, in the order in which they may be taken: the mutex of a lifecycle; the table's
// hold, by which a fork waits for long work; a shard of the table; the lock inside of an
// allocator, and then the one of its parent.  No thread waits for a slot while it holds any
// of them, or another slot, except for readers that are inside of a slot that the thread
// holds exclusively.
//
// Under a lock no more than O(log n) is done, in blocks, marks and chunks, and no more than
// PTRS_SHORT bytes are copied or cleared.  Long work is done by a thread that holds a slot
// exclusively, and at most the table's hold.  The one exception is invalidating many blocks
// at once: the lifecycle's mutex is held for as many steps as there are blocks that end, and
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
  // PINNED, and nothing done, while memory is lent to other allocators.  Takes the
  // allocator's own lock.
  PtrsStatus (*clear)(PtrsAllocator *allocator);

  // Checked blocks are freed one by one as they end, since clear() does not know them.
  bool frees_singly;

  // For allocators whose clear() gives memory back without looking for single blocks: memory
  // is taken, and put into the chain of blocks, in one step under the lifecycle's mutex.
  // Both functions take the allocator's own lock, and no long time; NULL for others.
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
  PtrsSpin *memory_lock;    // the allocator's own lock, taken around fork(2); NULL without one
  unsigned depth;           // number of parents above
  PtrsAtomic n_users;       // callers, checked blocks, and allocators with this one as parent
  PtrsAtomic n_lent;        // pieces of memory that such allocators hold
  PtrsMutex mutex;          // of the fields below
  uint32_t blocks;          // chain of the checked blocks, newest memory first, or PTRS_NO_SLOT
  uint32_t invalidated;     // chain of the blocks that a thread is about to end
  bool is_invalidating;     // there is such a thread
  bool is_closed;
  PtrsAtomic is_dropped; // closed, except for pinned blocks and lent memory; peeked at unlocked
  PtrsForkEntry fork_mutex;
  PtrsForkEntry fork_memory;
};

// Begin the lifecycle of an allocator, with the caller as its first user.  The rest of the
// object has been set up, and no other thread knows the object yet.
void ptrs_lifecycle_init(PtrsLifecycle *lifecycle,
                         PtrsAllocator *allocator,
                         PtrsAllocator *parent,
                         PtrsSpin *memory_lock,
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

// As ptrs_lifecycle_wait(); CLOSED, and not locked, if the allocator has been closed.
PtrsStatus ptrs_lifecycle_enter(PtrsLifecycle *lifecycle);

// The same, but where that would wait, set *would_block and return CLOSED.  NULL: it waits.
PtrsStatus ptrs_lifecycle_try_enter(PtrsLifecycle *lifecycle, bool *would_block);

// Lock in any state; the second one only if no other thread holds the lock.
void ptrs_lifecycle_lock(PtrsLifecycle *lifecycle);
bool ptrs_lifecycle_try_lock(PtrsLifecycle *lifecycle);

void ptrs_lifecycle_unlock(PtrsLifecycle *lifecycle);

bool ptrs_lifecycle_is_closed(PtrsLifecycle *lifecycle);

// Put a live slot into the chain, take it out, or move it to the front.  Locked.
void ptrs_lifecycle_link(PtrsLifecycle *lifecycle, PtrsSlot *slot, uint32_t index);
void ptrs_lifecycle_unlink(PtrsLifecycle *lifecycle, PtrsSlot *slot);
void ptrs_lifecycle_relink(PtrsLifecycle *lifecycle, PtrsSlot *slot, uint32_t index);

// Count one user more; the caller is a user, or is inside of one of the blocks.
void ptrs_lifecycle_retain(PtrsLifecycle *lifecycle);

// Count one user less; without any, the allocator is destroyed.  Not locked.
void ptrs_lifecycle_release(PtrsLifecycle *lifecycle);

// Give all memory of an allocator back, and count the allocator as closed.  PINNED, and
// nothing done, while memory is lent.  Locked.
PtrsStatus ptrs_lifecycle_clear(PtrsAllocator *allocator, void *ctx);

// Clear an allocator that was dropped and that no block uses any more, then its parent if
// that is such an allocator, and so on upwards; NULL does nothing.  To be called, without
// any lock, after a block has ended or an allocator below has given memory back.
void ptrs_lifecycle_settle(PtrsLifecycle *lifecycle);

#endif
