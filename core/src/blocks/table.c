// SPDX-License-Identifier: MIT
#include "blocks/table.h"

#include <assert.h>

#include "base/fork.h"
#include "base/spin.h"
#include "blocks/thread_stack.h"
#include "os/os.h"

// Segment 0 has this many slots, and each later one as many as all before
// it.  Segments are made when needed, and never moved or given back.
#define SEGMENT_BASE_LOG2 10
#define SEGMENT_BASE ((uint32_t)1 << SEGMENT_BASE_LOG2)
#define N_SEGMENTS (PTRS_INDEX_BITS - SEGMENT_BASE_LOG2 + 1)

// Threads that allocate at the same time use different shards, so that they do not wait for
// each other.  A shard takes fresh slots in batches: a single thread fills the table densely.
#define N_SHARDS 16
#define SHARD_BATCH 64

// Slots of a shard with memory of one size, so that a block which ends and the next one spare
// the allocator; no more, so that memory goes back after a burst.  A sanitizer is to see
// memory go at once.
#if defined(__SANITIZE_ADDRESS__)
#  define MAX_KEPT 0
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
#    define MAX_KEPT 0
#  endif
#endif
#ifndef MAX_KEPT
#  define MAX_KEPT 32
#endif

// Sizes of memory are told apart as glibc does: 24, 40, ... bytes.  With others, memory serves
// what is smaller by up to 15 bytes.
#define KEPT_STEP 16
#define KEPT_FIRST 24
#define N_KEPT ((PTRS_KEPT_SIZE - KEPT_FIRST) / KEPT_STEP + 1)

typedef struct {
  _Alignas(64) PtrsSpin lock;
  uint32_t free_list;   // index of the first free slot, or PTRS_NO_SLOT
  uint32_t fresh;       // next slot of the shard's batch that was never used
  uint32_t fresh_limit; // end of the batch
  uint32_t n_kept[N_KEPT];
  PtrsSlot *kept[N_KEPT][MAX_KEPT + 1]; // whose `next` is their own index, as if claimed
} Shard;

static_assert(sizeof(PtrsSlot) <= 48 || sizeof(void *) != 8, "bookkeeping of a block");
static_assert(SEGMENT_BASE % SHARD_BATCH == 0, "a batch lies in one segment");

// What each access reads shares no cache line with what is written now and then
static _Alignas(64) PtrsAtomicPointer segments[N_SEGMENTS];
static Shard shards[N_SHARDS];
static _Alignas(64) PtrsAtomic n_batches; // batches that shards have taken
static PtrsAtomic n_threads;              // threads that have chosen a shard
static _Alignas(64) PtrsAtomic n_holding; // threads amid long work; FORK_WAITS: none may begin
#define FORK_WAITS ((uint64_t)1 << 63)

static PTRS_OS_THREAD_LOCAL Shard *thread_shard;

static unsigned
segment_of(uint32_t index)
{
  const uint32_t doublings = index >> SEGMENT_BASE_LOG2;
  return doublings ? 32U - (unsigned)__builtin_clz(doublings) : 0U;
}

static uint32_t
segment_start(unsigned segment)
{
  return segment ? SEGMENT_BASE << (segment - 1) : 0;
}

static size_t
segment_slots(unsigned segment)
{
  return segment ? (size_t)SEGMENT_BASE << (segment - 1) : SEGMENT_BASE;
}

// NULL if the segment has not been made
static PtrsSlot *
slot_at(uint32_t index)
{
  const unsigned segment = segment_of(index);
  PtrsSlot *const slots  = (PtrsSlot *)ptrs_atomic_load_pointer(&segments[segment]);
  return slots ? slots + (index - segment_start(segment)) : NULL;
}

static PtrsSlot *
make_slot_at(uint32_t index)
{
  const unsigned segment = segment_of(index);
  if (!ptrs_atomic_load_pointer(&segments[segment])) {
    const size_t size = segment_slots(segment) * sizeof(PtrsSlot);
    void *const slots = ptrs_os_map(size);
    if (!slots) {
      return NULL;
    }
    if (!ptrs_atomic_set_pointer_once(&segments[segment], slots)) {
      ptrs_os_unmap(slots, size);
    }
  }
  return slot_at(index);
}

// Let no thread begin long work, and wait until none is amid it
static void
close_hold(void)
{
  uint64_t seen = ptrs_atomic_load(&n_holding);
  while (!ptrs_atomic_swap_if(&n_holding, &seen, seen | FORK_WAITS)) {
  }
  for (unsigned round = 0; ptrs_atomic_load(&n_holding) != FORK_WAITS; ++round) {
    ptrs_os_backoff(round);
  }
}

static void
lock_for_fork(void *ctx)
{
  (void)ctx;
  close_hold();
  for (unsigned i = 0; i < N_SHARDS; ++i) {
    ptrs_spin_lock(&shards[i].lock);
  }
}

static void
unlock_after_fork(void *ctx)
{
  (void)ctx;
  for (unsigned i = N_SHARDS; i-- > 0;) {
    ptrs_spin_unlock(&shards[i].lock);
  }
  ptrs_atomic_store(&n_holding, 0);
}

static void
push_free(PtrsSlot *slot, uint32_t index)
{
  Shard *const shard = &shards[slot->shard];
  slot->next         = shard->free_list;
  shard->free_list   = index;
}

// Locked
static void
retire(PtrsSlot *slot, uint32_t index)
{
  const uint32_t number = ptrs_state_generation(ptrs_atomic_load(&slot->state));
  if (number == PTRS_GENERATION_MAX) {
    ptrs_atomic_store(&slot->state, PTRS_STATE_RETIRED);
    return;
  }
  const uint64_t next = (uint64_t)number + 1;
  ptrs_atomic_store(&slot->state, next << PTRS_GENERATION_SHIFT);
  push_free(slot, index);
}

// Whether a live block lies on the stack of a thread that does not exist in the child of a
// fork: threads that start there get this memory for their own stacks
static bool
is_on_lost_stack(const PtrsSlot *slot, uint64_t state)
{
  return (state & PTRS_STATE_LIVE) && slot->on_stack && !ptrs_thread_stack_has(slot->mem);
}

// In the child of a fork, threads that were inside of blocks do not exist
static void
evict_lost_threads(void *ctx)
{
  const uint32_t n_slots = ptrs_table_count();
  for (uint32_t index = 0; index < n_slots; ++index) {
    PtrsSlot *const slot = slot_at(index);
    if (!slot) {
      continue;
    }
    const uint64_t inside = PTRS_STATE_EXCLUSIVE | PTRS_STATE_READERS;
    const uint64_t state  = ptrs_atomic_load(&slot->state);
    if (is_on_lost_stack(slot, state)) {
      retire(slot, index); // all shards are locked
    } else if (state & inside) {
      ptrs_atomic_clear_bits(&slot->state, inside);
    }
  }
  unlock_after_fork(ctx);
}

static void
init_table(void)
{
  for (unsigned i = 0; i < N_SHARDS; ++i) {
    shards[i].free_list = PTRS_NO_SLOT;
  }
  static PtrsForkEntry entry = {.level   = PTRS_FORK_TABLE,
                                .prepare = lock_for_fork,
                                .parent  = unlock_after_fork,
                                .child   = evict_lost_threads};
  ptrs_fork_add(&entry);
}

// The calling thread's shard; the process's first call makes the table
static Shard *
own_shard(void)
{
  if (!thread_shard) {
    static PtrsOnce once = {.start = PTRS_ONCE_START};
    ptrs_os_once(&once, init_table);
    thread_shard = &shards[ptrs_atomic_count(&n_threads, 1) % N_SHARDS];
  }
  return thread_shard;
}

// A slot that was never used, or NULL.  The shard is locked.
static PtrsSlot *
take_fresh(Shard *shard)
{
  if (shard->fresh == shard->fresh_limit) {
    const uint64_t start = (ptrs_atomic_count(&n_batches, 1) - 1) * SHARD_BATCH;
    if (start > PTRS_INDEX_MASK) {
      return NULL;
    }
    shard->fresh       = (uint32_t)start;
    shard->fresh_limit = (uint32_t)start + SHARD_BATCH;
  }

  // Without memory for the slot, the batch is kept for the next call
  PtrsSlot *const slot = make_slot_at(shard->fresh);
  if (slot) {
    slot->next  = shard->fresh++;
    slot->shard = (uint8_t)(shard - shards);
    ptrs_atomic_store(&slot->state, (uint64_t)1 << PTRS_GENERATION_SHIFT);
  }
  return slot;
}

PtrsSlot *
ptrs_table_claim(void)
{
  Shard *const shard = own_shard();
  PtrsSlot *slot     = NULL;

  ptrs_spin_lock(&shard->lock);
  if (shard->free_list != PTRS_NO_SLOT) {
    const uint32_t index = shard->free_list;
    slot                 = slot_at(index);
    shard->free_list     = slot->next;
    slot->next           = index;
  } else {
    slot = take_fresh(shard);
  }
  ptrs_spin_unlock(&shard->lock);
  return slot;
}

PtrsSlot *
ptrs_table_claim_kept(const PtrsAllocator *allocator, size_t size)
{
  const size_t class = size <= KEPT_FIRST ? 0 : (size - KEPT_FIRST + KEPT_STEP - 1) / KEPT_STEP;
  Shard *const shard = own_shard();
  PtrsSlot *slot     = NULL;

  ptrs_spin_lock(&shard->lock);
  if (shard->n_kept[class]) {
    slot = shard->kept[class][shard->n_kept[class] - 1];
    if (slot->allocator == allocator) {
      shard->n_kept[class] -= 1;
    } else {
      slot = NULL;
    }
  }
  ptrs_spin_unlock(&shard->lock);
  return slot;
}

static void
lock(const PtrsSlot *slot)
{
  ptrs_spin_lock(&shards[slot->shard].lock);
}

static void
unlock(const PtrsSlot *slot)
{
  ptrs_spin_unlock(&shards[slot->shard].lock);
}

void
ptrs_table_unclaim(PtrsSlot *slot)
{
  lock(slot);
  push_free(slot, slot->next);
  unlock(slot);
}

PtrsBlock
ptrs_table_publish(PtrsSlot *slot, bool held)
{
  const uint64_t state  = ptrs_atomic_load(&slot->state);
  const PtrsBlock block = ptrs_state_block(state, slot->next);
  ptrs_atomic_store(&slot->state, state | PTRS_STATE_LIVE | (held ? PTRS_STATE_EXCLUSIVE : 0));
  return block;
}

void
ptrs_table_begin_work(const PtrsSlot *slot, bool is_long)
{
  if (!is_long) {
    lock(slot);
    return;
  }
  uint64_t seen = ptrs_atomic_load(&n_holding);
  for (unsigned round = 0;;) {
    if (seen & FORK_WAITS) {
      ptrs_os_backoff(round++);
      seen = ptrs_atomic_load(&n_holding);
    } else if (ptrs_atomic_swap_if(&n_holding, &seen, seen + 1)) {
      return;
    }
  }
}

void
ptrs_table_end_work(const PtrsSlot *slot, bool is_long)
{
  if (is_long) {
    ptrs_atomic_sub(&n_holding, 1);
  } else {
    unlock(slot);
  }
}

void
ptrs_table_retire(PtrsSlot *slot, uint32_t index, bool is_long, bool free_memory)
{
  // A retired slot may belong to another block at once, so its fields are read before
  PtrsAllocator *const allocator = free_memory ? slot->allocator : NULL;
  uint8_t *const mem             = slot->mem;
  const size_t size              = slot->size;
  const size_t align             = ptrs_slot_align(slot);
  if (is_long) {
    lock(slot);
    retire(slot, index);
    unlock(slot);
  }
  if (allocator) {
    allocator->free(allocator, mem, size, align);
  }
  if (!is_long) {
    retire(slot, index);
  }
}

bool
ptrs_table_keep(PtrsSlot *slot)
{
  PtrsAllocator *const allocator = slot->allocator;
  const size_t capacity          = ptrs_slot_capacity(slot);
  const size_t class             = (capacity - KEPT_FIRST) / KEPT_STEP;
  if (capacity < KEPT_FIRST || capacity > PTRS_KEPT_SIZE || !allocator || !allocator->keep ||
      slot->flags || ptrs_slot_align(slot) != PTRS_ALIGN_DEFAULT) {
    return false;
  }
  Shard *const shard = &shards[slot->shard];
  ptrs_spin_lock(&shard->lock);
  const uint64_t number = ptrs_state_generation(ptrs_atomic_load(&slot->state));
  const bool keeps      = shard->n_kept[class] != MAX_KEPT && number < PTRS_GENERATION_MAX;
  if (keeps) {
    allocator->keep(allocator, slot->size);
    shard->kept[class][shard->n_kept[class]++] = slot;
    ptrs_atomic_store(&slot->state, (number + 1) << PTRS_GENERATION_SHIFT);
  }
  ptrs_spin_unlock(&shard->lock);
  return keeps;
}

PtrsSlot *
ptrs_table_find(PtrsBlock block)
{
  return block > 0 ? slot_at(ptrs_block_index(block)) : NULL;
}

PtrsSlot *
ptrs_table_slot(uint32_t index)
{
  return slot_at(index);
}

uint32_t
ptrs_table_count(void)
{
  // Shards that ask for a batch of a full table are counted, too
  const uint64_t n_slots = ptrs_atomic_peek(&n_batches) * SHARD_BATCH;
  return (uint32_t)(n_slots <= PTRS_INDEX_MASK ? n_slots : PTRS_INDEX_MASK + 1);
}
