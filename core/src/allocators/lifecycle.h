// SPDX-License-Identifier: MIT
// What an allocator that can be closed keeps: the chain of its checked blocks,
// and who still needs it.
//
// Locks, in the order in which they may be taken: an owner's; the table's hold, by
// which a fork waits for long work; a lane of the table; the lock inside of an
// allocator, and then the one of its parent.  No thread waits for a slot while it
// holds any of them, or another slot, except for readers that are inside of a slot
// that it holds exclusively.
//
// Under a lock no more than O(log n) is done, in blocks, marks and chunks, and no
// more than PTRS_SHORT bytes are copied or cleared.  What is long is done by a thread
// that holds a slot exclusively, and at most the table's hold.  Only where many blocks
// are ended at once, the owner's lock is held for as many steps as there are blocks
// that end, and chunks that are given back: others who use this allocator would wait
// for that in any case, or find it closed.
#ifndef PTRS_OWNER_H
#define PTRS_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/fork.h"
#include "os/os.h"
#include "ptrs/allocator.h"
#include "ptrs/block.h"
#include "ptrs/status.h"
#include "blocks/table.h"

// What the back end does for its owner
typedef struct {
  // Give all memory back, count it as freed, and from then on allocate no more:
  // NULL.  PINNED, and nothing done, while ptrs_owner_is_lending().  Takes the
  // allocator's own lock.
  PtrsStatus (*clear)(PtrsAllocator *allocator);

  // Checked blocks are freed one by one as they end, since clear() does not
  // know them.
  bool frees_singly;

  // Of allocators whose memory is not found singly when it is cleared: it is had, and
  // put into the chain of blocks, in one step under the owner's lock.  Both take the
  // allocator's own lock, and no long time; NULL for others.
  //
  // As alloc() of allocator.h; the last *clean bytes are zero.
  void *(*take)(PtrsAllocator *allocator, size_t size, size_t align, size_t *clean);
  // As realloc(), but where the block moves, the old memory stays as it is, and what is
  // kept is to be copied.  The last *clean bytes are zero, of those that come.
  void *(*place)(PtrsAllocator *allocator,
                 void *mem,
                 size_t old_size,
                 size_t new_size,
                 size_t align,
                 size_t *clean);

  // Give the object itself back, which has been cleared.  Takes no lock.
  void (*destroy)(PtrsAllocator *allocator);

  // The allocator's own lock, taken around fork(2); NULL if it has none
  void (*lock)(PtrsAllocator *allocator);
  void (*unlock)(PtrsAllocator *allocator);
} PtrsOwnerOps;

struct PtrsOwnerImpl {
  const PtrsOwnerOps *ops;
  PtrsAllocator *allocator; // the one that this is part of
  PtrsAllocator *parent;    // NULL if it has none
  unsigned depth;           // parents above it
  PtrsAtomic n_needs;       // users, checked blocks, and allocators below this one
  PtrsAtomic n_lent;        // pieces of memory that allocators below this one hold
  PtrsMutex mutex;          // of the rest
  uint32_t blocks;          // chain of the checked blocks, newest memory first, or PTRS_NO_SLOT
  uint32_t ending;          // chain of those that a thread is about to end
  bool is_ending;           // there is such a thread
  bool is_closed;
  PtrsAtomic
      is_dropped; // closed, but for pinned blocks and memory that is lent; peeked at unlocked
  PtrsForkEntry fork_mutex;
  PtrsForkEntry fork_lock;
};

// Make an allocator known; the caller is its user.  The object has been set up
// but for this, and is not used by any thread yet.
void ptrs_owner_init(PtrsOwner *owner,
                     PtrsAllocator *allocator,
                     PtrsAllocator *parent,
                     const PtrsOwnerOps *ops);

// The owner of an allocator's parent; NULL if that has none.
static inline PtrsOwner *
ptrs_owner_above(const PtrsOwner *owner)
{
  return owner->parent ? owner->parent->owner : NULL;
}

// Lock, wait until no thread is ending blocks, and stay locked.
void ptrs_owner_wait(PtrsOwner *owner);

// As ptrs_owner_wait(); CLOSED, and not
// locked, if the allocator has been closed.
PtrsStatus ptrs_owner_enter(PtrsOwner *owner);

// Lock, whatever the state.
void ptrs_owner_lock(PtrsOwner *owner);

void ptrs_owner_unlock(PtrsOwner *owner);

// Lock, if that can be had at once.
bool ptrs_owner_try_lock(PtrsOwner *owner);

// Put a live slot into the chain, or take it out, or to the front.  Locked.
void ptrs_owner_link(PtrsOwner *owner, PtrsSlot *slot, uint32_t index);
void ptrs_owner_unlink(PtrsOwner *owner, PtrsSlot *slot);
void ptrs_owner_relink(PtrsOwner *owner, PtrsSlot *slot, uint32_t index);

// Add a need: of a caller who has one already, or is inside of a block.
void ptrs_owner_retain(PtrsOwner *owner);

// Take a need back; the last one destroys the allocator.  Not locked.
void ptrs_owner_release(PtrsOwner *owner);

// Which blocks are to be ended: from the newest memory on, those that come before the
// first for which `selects` is false
typedef struct {
  bool (*selects)(const PtrsSlot *slot, void *ctx); // NULL: all
  bool leaves_pinned;                               // to their last pins, instead of PINNED
  // Gives the memory back, under the owner's lock; if it fails, nothing is ended
  PtrsStatus (*clear)(PtrsAllocator *allocator, void *ctx);
  void *ctx;
} PtrsEnding;

// End checked blocks, all or none: close them to all threads, wait until these
// have left, give the memory back, retire the slots.  PINNED if one is pinned.
PtrsStatus ptrs_owner_end_blocks(PtrsOwner *owner, const PtrsEnding *ending);

bool ptrs_owner_is_closed(PtrsOwner *owner);

// End all checked blocks and close the allocator; again, it does nothing.
PtrsStatus ptrs_owner_close(PtrsOwner *owner);

// As ptrs_owner_close(), but leave pinned blocks to their last pins.  The
// allocator gives its memory back once it has no block and lends nothing.
void ptrs_owner_drop(PtrsOwner *owner);

// Give the memory back of an allocator that was dropped, if nothing uses it any
// more, and so on upwards; NULL is nothing.  To be called, without any lock,
// wherever a block has gone or memory has come back from below.
void ptrs_owner_settle(PtrsOwner *owner);

// Whether an allocator serves blocks of that size and alignment: TOO_LARGE.
static inline PtrsStatus
ptrs_allocator_check(const PtrsAllocator *allocator, size_t size, size_t align)
{
  const bool too_large = (allocator->max_size && size > allocator->max_size) ||
                         (allocator->max_align && align > allocator->max_align);
  return too_large ? PTRS_STATUS_TOO_LARGE : PTRS_STATUS_SUCCESS;
}

// Whether an allocator may be the parent of another one, which takes memory of that
// size and alignment: TOO_LARGE, TOO_DEEP.
PtrsStatus ptrs_owner_check_parent(const PtrsAllocator *parent, size_t size, size_t align);

// Memory from a parent, which must not go before it is given back; the last *clean
// bytes are zero.
void *ptrs_owner_borrow(PtrsAllocator *parent, size_t size, size_t align, size_t *clean);
void ptrs_owner_give_back(PtrsAllocator *parent, void *mem, size_t size, size_t align);

// Whether allocators below this one hold memory of it.  To be asked under the
// allocator's own lock: then nobody borrows meanwhile.
bool ptrs_owner_is_lending(const PtrsOwner *owner);

#endif
