// SPDX-License-Identifier: MIT
// Transitions of a slot's state word.  Each is a compare-and-swap that
// succeeds only on a live slot of the right generation: no counter is ever
// raised first and checked later.
#include "blocks/table.h"
#include "os/os.h"

#define PINS_OF(state) ((state)&PTRS_STATE_PINS)

// What to do in a live state; the first field that is set decides
typedef struct {
  bool wait;         // wait for another thread, then look again
  PtrsStatus status; // refuse with this status
  uint64_t next;     // change the state to this one
} Step;

typedef Step (*Transition)(uint64_t state);

// Why a handle does not name the live block of its slot.  Generations before the slot's own
// have been freed.  Later ones were never issued, nor was the slot's own generation, since
// the slot is not live.
static PtrsStatus
why_not(uint64_t state, PtrsBlock block)
{
  const uint64_t number = (uint64_t)block >> PTRS_INDEX_BITS;
  const bool freed =
      number && (state == PTRS_STATE_RETIRED || number < ptrs_state_generation(state));
  return freed ? PTRS_STATUS_STALE : PTRS_STATUS_BAD_HANDLE;
}

static bool
names(uint64_t state, PtrsBlock block)
{
  return (state & PTRS_STATE_LIVE) &&
         ptrs_state_generation(state) == (uint64_t)block >> PTRS_INDEX_BITS;
}

// Make a transition; *state becomes the state before it.  Inlined, so that each transition
// is one loop without a call.
__attribute__((always_inline)) static inline PtrsStatus
change(PtrsSlot *slot, PtrsBlock block, Transition transition, uint64_t *state)
{
  *state = ptrs_atomic_load(&slot->state);
  for (unsigned round = 0;;) {
    if (!names(*state, block)) {
      return why_not(*state, block);
    }
    const Step step = transition(*state);
    if (step.wait) {
      ptrs_os_backoff(round++);
      *state = ptrs_atomic_load(&slot->state);
    } else if (step.status || ptrs_atomic_swap_if(&slot->state, state, step.next)) {
      return step.status;
    }
  }
}

static Step
add_reader(uint64_t state)
{
  const bool full = (state & PTRS_STATE_READERS) == PTRS_STATE_READERS;
  const Step step = {.wait = full || (state & PTRS_STATE_EXCLUSIVE),
                     .next = state + PTRS_STATE_READER};
  return step;
}

static Step
set_exclusive(uint64_t state)
{
  const Step step = {.wait = state & PTRS_STATE_EXCLUSIVE, .next = state | PTRS_STATE_EXCLUSIVE};
  return step;
}

static Step
set_exclusive_unpinned(uint64_t state)
{
  Step step = set_exclusive(state);
  if (!step.wait && PINS_OF(state)) {
    step.status = PTRS_STATUS_PINNED;
  }
  return step;
}

// Waits for a thread that is freeing or moving the block, since that thread has seen no pin
static Step
add_pin(uint64_t state)
{
  const bool full = PINS_OF(state) == PTRS_STATE_PINS;
  const Step step = {.wait   = !full && (state & PTRS_STATE_EXCLUSIVE),
                     .status = full ? PTRS_STATUS_OVERFLOW : PTRS_STATUS_SUCCESS,
                     .next   = state + PTRS_STATE_PIN};
  return step;
}

// Whether the block ends with its next unpin: it was dropped and has one pin left
static bool
ends_with_pin(uint64_t state)
{
  return (state & PTRS_STATE_DROPPED) && PINS_OF(state) == PTRS_STATE_PIN;
}

static Step
remove_pin(uint64_t state)
{
  const bool ends = ends_with_pin(state);
  const Step step = {.wait   = ends && (state & PTRS_STATE_EXCLUSIVE),
                     .status = PINS_OF(state) ? PTRS_STATUS_SUCCESS : PTRS_STATUS_BAD_ARG,
                     .next   = (state - PTRS_STATE_PIN) | (ends ? PTRS_STATE_EXCLUSIVE : 0)};
  return step;
}

static Step
drop(uint64_t state)
{
  const Step step = {.wait = state & PTRS_STATE_EXCLUSIVE,
                     .next = state | (PINS_OF(state) ? PTRS_STATE_DROPPED : PTRS_STATE_EXCLUSIVE)};
  return step;
}

void
ptrs_slot_drain(PtrsSlot *slot)
{
  for (unsigned round = 0; ptrs_atomic_load(&slot->state) & PTRS_STATE_READERS; ++round) {
    ptrs_os_backoff(round);
  }
}

PtrsStatus
ptrs_slot_enter_shared(PtrsBlock block, PtrsSlot **slot)
{
  PtrsSlot *const found = ptrs_table_find(block);
  if (!found) {
    return PTRS_STATUS_BAD_HANDLE;
  }
  uint64_t before         = 0;
  const PtrsStatus status = change(found, block, add_reader, &before);
  if (!status) {
    *slot = found;
  }
  return status;
}

void
ptrs_slot_leave_shared(PtrsSlot *slot)
{
  ptrs_atomic_sub(&slot->state, PTRS_STATE_READER);
}

PtrsStatus
ptrs_slot_enter_exclusive(PtrsBlock block, bool unpinned, PtrsSlot **slot)
{
  PtrsSlot *const found = ptrs_table_find(block);
  if (!found) {
    return PTRS_STATUS_BAD_HANDLE;
  }
  uint64_t before         = 0;
  const PtrsStatus status = unpinned ? change(found, block, set_exclusive_unpinned, &before)
                                     : change(found, block, set_exclusive, &before);
  if (!status) {
    if (before & PTRS_STATE_READERS) {
      ptrs_slot_drain(found);
    }
    *slot = found;
  }
  return status;
}

void
ptrs_slot_leave_exclusive(PtrsSlot *slot)
{
  ptrs_atomic_clear_bits(&slot->state, PTRS_STATE_EXCLUSIVE);
}

PtrsStatus
ptrs_slot_try_enter(PtrsBlock block, bool shared, PtrsSlot **slot, bool *would_block)
{
  PtrsSlot *const found = ptrs_table_find(block);
  if (!found) {
    return PTRS_STATUS_BAD_HANDLE;
  }
  for (uint64_t state = ptrs_atomic_load(&found->state);;) {
    if (!names(state, block)) {
      return why_not(state, block);
    }
    const Step step = shared ? add_reader(state) : set_exclusive(state);
    // Entering exclusively would wait for readers, too
    if (step.wait || (!shared && (state & PTRS_STATE_READERS))) {
      *would_block = true;
      return PTRS_STATUS_SUCCESS;
    }
    if (ptrs_atomic_swap_if(&found->state, &state, step.next)) {
      *slot = found;
      return PTRS_STATUS_SUCCESS;
    }
  }
}

bool
ptrs_slot_enter_idle(PtrsBlock block, PtrsSlot **slot)
{
  PtrsSlot *const found = ptrs_table_find(block);
  const uint64_t number = (uint64_t)block >> PTRS_INDEX_BITS;
  uint64_t idle         = number << PTRS_GENERATION_SHIFT | PTRS_STATE_LIVE;
  if (!found || !ptrs_atomic_swap_if(&found->state, &idle, idle | PTRS_STATE_EXCLUSIVE)) {
    return false;
  }
  *slot = found;
  return true;
}

PtrsStatus
ptrs_slot_try_close(PtrsSlot *slot, bool *would_block)
{
  for (uint64_t state = ptrs_atomic_load(&slot->state);;) {
    const Step step = set_exclusive_unpinned(state);
    if (step.wait) {
      *would_block = true;
      return PTRS_STATUS_SUCCESS;
    }
    if (step.status || ptrs_atomic_swap_if(&slot->state, &state, step.next)) {
      return step.status;
    }
  }
}

PtrsStatus
ptrs_slot_try_drop(PtrsSlot *slot, bool *pinned, bool *would_block)
{
  for (uint64_t state = ptrs_atomic_load(&slot->state);;) {
    const Step step = drop(state);
    if (step.wait) {
      *would_block = true;
      return PTRS_STATUS_SUCCESS;
    }
    if (ptrs_atomic_swap_if(&slot->state, &state, step.next)) {
      *pinned = PINS_OF(state);
      return PTRS_STATUS_SUCCESS;
    }
  }
}

PtrsStatus
ptrs_slot_pin(PtrsSlot *slot, PtrsBlock block)
{
  uint64_t before = 0;
  return change(slot, block, add_pin, &before);
}

PtrsStatus
ptrs_slot_unpin(PtrsSlot *slot, PtrsBlock block, bool *last)
{
  uint64_t before         = 0;
  const PtrsStatus status = change(slot, block, remove_pin, &before);
  *last                   = !status && ends_with_pin(before);
  if (*last) {
    ptrs_slot_drain(slot);
  }
  return status;
}

PtrsStatus
ptrs_slot_drop(PtrsSlot *slot, PtrsBlock block, bool *last)
{
  uint64_t before         = 0;
  const PtrsStatus status = change(slot, block, drop, &before);
  *last                   = !status && !PINS_OF(before);
  if (*last) {
    ptrs_slot_drain(slot);
  }
  return status;
}
