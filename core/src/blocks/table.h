// SPDX-License-Identifier: MIT
// The table of handles: slots and their state words, by which threads enter blocks.
#ifndef PTRS_TABLE_H
#define PTRS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "ptrs/allocator.h"
#include "ptrs/block.h"
#include "ptrs/status.h"

// State word of a slot:
//
//    63            32 31   30        29      28          16 15        0
//   +----------------+----+---------+-------+--------------+-----------+
//   |   generation   |live|exclusive|dropped|   readers    |   pins    |
//   +----------------+----+---------+-------+--------------+-----------+
//
// A dead slot has only a generation: that of its next block.  A thread that has claimed a dead
// slot, or holds a live one exclusively, may write the slot's other fields.  The state of a
// slot that was never used is 0, of one that has used up its generations PTRS_STATE_RETIRED.
#define PTRS_STATE_PIN ((uint64_t)1)
#define PTRS_STATE_PINS ((uint64_t)0xFFFF)
#define PTRS_STATE_READER ((uint64_t)1 << 16)
#define PTRS_STATE_READERS ((uint64_t)0x1FFF << 16)
#define PTRS_STATE_DROPPED ((uint64_t)1 << 29)
#define PTRS_STATE_EXCLUSIVE ((uint64_t)1 << 30)
#define PTRS_STATE_LIVE ((uint64_t)1 << 31)

#define PTRS_STATE_RETIRED PTRS_STATE_DROPPED

#define PTRS_GENERATION_SHIFT 32
#define PTRS_GENERATION_MAX UINT32_MAX

// A handle: the generation above the index of the slot.
#define PTRS_INDEX_BITS 31
#define PTRS_INDEX_MASK (((uint64_t)1 << PTRS_INDEX_BITS) - 1)

// Bytes that may be copied, cleared or given back to the system under a lock
#define PTRS_SHORT ((size_t)64 << 10)

// The end of a list of slots
#define PTRS_NO_SLOT UINT32_MAX

typedef struct {
  PtrsAtomic state;
  uint8_t *mem;
  size_t size;
  PtrsAllocator *allocator; // NULL if the memory was adopted
  uint32_t slack;           // bytes that the block may use beyond `size`
  uint32_t next;            // free: the next free slot; claimed: its own index; live: in the
  uint32_t previous;        // chain of its allocator's lifecycle, if that has one
  uint8_t align_log2;
  uint8_t flags; // PtrsBlockFlags
  uint8_t shard; // whose free list the slot returns to
  bool on_stack; // the memory is on the stack of the thread that adopted it
} PtrsSlot;

static inline uint32_t
ptrs_block_index(PtrsBlock block)
{
  return (uint32_t)((uint64_t)block & PTRS_INDEX_MASK);
}

// The allocator that a block's memory came from; NULL if that was none of ours
static inline PtrsAllocator *
ptrs_slot_source(const PtrsSlot *slot)
{
  return slot->flags & PTRS_BLOCK_OWNED ? NULL : slot->allocator;
}

static inline size_t
ptrs_slot_align(const PtrsSlot *slot)
{
  return (size_t)1 << slot->align_log2;
}

static inline size_t
ptrs_slot_capacity(const PtrsSlot *slot)
{
  return slot->size + slot->slack;
}

static inline uint32_t
ptrs_state_generation(uint64_t state)
{
  return (uint32_t)(state >> PTRS_GENERATION_SHIFT);
}

// The handle of the block that a slot has in a state
static inline PtrsBlock
ptrs_state_block(uint64_t state, uint32_t index)
{
  return (PtrsBlock)((uint64_t)ptrs_state_generation(state) << PTRS_INDEX_BITS | index);
}

// Take a dead slot out of the table; NULL if the table is full, or has no memory to grow.
PtrsSlot *ptrs_table_claim(void);

// Blocks of up to so many bytes may leave their memory with their slots, for the next block
#define PTRS_KEPT_SIZE ((size_t)136)

// As ptrs_table_claim(), with memory of an allocator for `size` bytes, or more by what the
// allocator itself would add; NULL if none is kept.  Of the slot's fields, size and slack, which
// are those of the memory's last block, are to be set.
PtrsSlot *ptrs_table_claim_kept(const PtrsAllocator *allocator, size_t size);

// End the lifetime of a slot that the caller holds exclusively, as ptrs_table_retire() does, and
// keep its memory; false, and nothing done, if that is no memory to be kept.
bool ptrs_table_keep(PtrsSlot *slot);

// Put a slot back that was claimed, but not published.
void ptrs_table_unclaim(PtrsSlot *slot);

// Make a claimed slot live, so that other threads may enter.  With `held`, the caller holds
// the slot exclusively, and other threads wait until the caller leaves it.
PtrsBlock ptrs_table_publish(PtrsSlot *slot, bool held);

// Begin and end work on the memory of a slot that the caller holds exclusively.  Until the end
// slot and memory may disagree, so that a fork waits for it.  Short work is done under the
// lock of the slot's shard.  Long work is not, since threads with other blocks need the lock.
void ptrs_table_begin_work(const PtrsSlot *slot, bool is_long);
void ptrs_table_end_work(const PtrsSlot *slot, bool is_long);

// Whether work on a slot's memory is long, if the memory gets another size, too.
static inline bool
ptrs_slot_is_long(const PtrsSlot *slot, size_t size)
{
  return ptrs_slot_capacity(slot) > PTRS_SHORT || size > PTRS_SHORT;
}

// Amid work: end the lifetime of a slot that the caller holds exclusively.  All handles to the
// slot are stale, and it may be claimed again.  `index` is the slot's own.  With
// `free_memory`, its memory goes back to its allocator, if it has one.
void ptrs_table_retire(PtrsSlot *slot, uint32_t index, bool is_long, bool free_memory);

// The slot of a block in any state; NULL if the table has no such slot.
PtrsSlot *ptrs_table_find(PtrsBlock block);

// The slot of an index; NULL if the table has no memory for it yet.
PtrsSlot *ptrs_table_slot(uint32_t index);

// Number of slots up to the last one that has ever been in use.
uint32_t ptrs_table_count(void);

// Enter as one of several readers, waiting while another thread is exclusive.
PtrsStatus ptrs_slot_enter_shared(PtrsBlock block, PtrsSlot **slot);
void ptrs_slot_leave_shared(PtrsSlot *slot);

// Enter as the only thread: keep others from entering, and wait until all have left.  With
// `unpinned`, a pinned block is refused at once with PINNED.
PtrsStatus ptrs_slot_enter_exclusive(PtrsBlock block, bool unpinned, PtrsSlot **slot);
void ptrs_slot_leave_exclusive(PtrsSlot *slot);

// As ptrs_slot_enter_shared() and ptrs_slot_enter_exclusive(), but where these
// would wait for another thread to leave, *would_block is set and nothing else happens.
PtrsStatus ptrs_slot_try_enter(PtrsBlock block, bool shared, PtrsSlot **slot, bool *would_block);

// As ptrs_slot_enter_exclusive() where no other thread is inside and there is no pin; else false,
// for whatever reason.
bool ptrs_slot_enter_idle(PtrsBlock block, PtrsSlot **slot);

// Close a live slot to all threads that want to enter, unless it is pinned (PINNED);
// *would_block as above.  Readers may be inside still.
PtrsStatus ptrs_slot_try_close(PtrsSlot *slot, bool *would_block);

// As ptrs_slot_try_close(), but a pinned slot is left to its last pin, with *pinned.  Always
// SUCCESS.
PtrsStatus ptrs_slot_try_drop(PtrsSlot *slot, bool *pinned, bool *would_block);

// Wait until no reader is inside of a slot that is held exclusively.
void ptrs_slot_drain(PtrsSlot *slot);

// Add a pin, waiting while another thread is exclusive.  The caller must not
// have entered the slot.
PtrsStatus ptrs_slot_pin(PtrsSlot *slot, PtrsBlock block);

// Take a pin away.  If that was the last pin of a dropped block, *last is set, and the caller
// holds the slot exclusively.
PtrsStatus ptrs_slot_unpin(PtrsSlot *slot, PtrsBlock block, bool *last);

// Leave a pinned block to its last pin; or, with *last, hold an unpinned one exclusively.
PtrsStatus ptrs_slot_drop(PtrsSlot *slot, PtrsBlock block, bool *last);

#endif
