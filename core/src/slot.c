// SPDX-License-Identifier: MIT
// Transitions of a slot's state word.  Each is a compare-and-swap that
// succeeds only on a live slot of the right generation: no counter is ever
// raised first and checked later.
#include "os.h"
#include "table.h"

// Why a handle does not name the live block of its slot: all generations
// before the slot's own have been freed, later ones were never issued, and its
// own, since the slot is not live, neither
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

PtrsStatus
ptrs_slot_enter_shared(PtrsBlock block, PtrsSlot **slot)
{
  PtrsSlot *const found = ptrs_table_find(block);
  if (!found) {
    return PTRS_STATUS_BAD_HANDLE;
  }
  uint64_t state = ptrs_atomic_load(&found->state);
  for (unsigned round = 0;;) {
    if (!names(state, block)) {
      return why_not(state, block);
    }
    if ((state & PTRS_STATE_EXCLUSIVE) || (state & PTRS_STATE_READERS) == PTRS_STATE_READERS) {
      ptrs_os_relax(round++);
      state = ptrs_atomic_load(&found->state);
    } else if (ptrs_atomic_swap_if(&found->state, &state, state + PTRS_STATE_READER)) {
      *slot = found;
      return PTRS_STATUS_SUCCESS;
    }
  }
}

void
ptrs_slot_leave_shared(PtrsSlot *slot)
{
  ptrs_atomic_sub(&slot->state, PTRS_STATE_READER);
}

static void
drain_readers(PtrsSlot *slot)
{
  for (unsigned round = 0; ptrs_atomic_load(&slot->state) & PTRS_STATE_READERS; ++round) {
    ptrs_os_relax(round);
  }
}

PtrsStatus
ptrs_slot_enter_exclusive(PtrsBlock block, bool unpinned, PtrsSlot **slot)
{
  PtrsSlot *const found = ptrs_table_find(block);
  if (!found) {
    return PTRS_STATUS_BAD_HANDLE;
  }
  uint64_t state = ptrs_atomic_load(&found->state);
  for (unsigned round = 0;;) {
    if (!names(state, block)) {
      return why_not(state, block);
    }
    if (state & PTRS_STATE_EXCLUSIVE) {
      ptrs_os_relax(round++);
      state = ptrs_atomic_load(&found->state);
    } else if (unpinned && (state & PTRS_STATE_PINS)) {
      return PTRS_STATUS_PINNED;
    } else if (ptrs_atomic_swap_if(&found->state, &state, state | PTRS_STATE_EXCLUSIVE)) {
      break;
    }
  }
  if (state & PTRS_STATE_READERS) {
    drain_readers(found);
  }
  *slot = found;
  return PTRS_STATUS_SUCCESS;
}

void
ptrs_slot_leave_exclusive(PtrsSlot *slot)
{
  ptrs_atomic_clear_bits(&slot->state, PTRS_STATE_EXCLUSIVE);
}

PtrsStatus
ptrs_slot_pin(PtrsSlot *slot, PtrsBlock block)
{
  uint64_t state = ptrs_atomic_load(&slot->state);
  for (unsigned round = 0;;) {
    if (!names(state, block)) {
      return why_not(state, block);
    }
    if ((state & PTRS_STATE_PINS) == PTRS_STATE_PINS) {
      return PTRS_STATUS_OVERFLOW;
    }
    if (state & PTRS_STATE_EXCLUSIVE) {
      // Whoever is freeing or moving the block has seen that it has no pin
      ptrs_os_relax(round++);
      state = ptrs_atomic_load(&slot->state);
    } else if (ptrs_atomic_swap_if(&slot->state, &state, state + PTRS_STATE_PIN)) {
      return PTRS_STATUS_SUCCESS;
    }
  }
}

PtrsStatus
ptrs_slot_unpin(PtrsSlot *slot, PtrsBlock block, bool *last)
{
  uint64_t state = ptrs_atomic_load(&slot->state);
  for (unsigned round = 0;;) {
    if (!names(state, block)) {
      return why_not(state, block);
    }
    if (!(state & PTRS_STATE_PINS)) {
      return PTRS_STATUS_BAD_ARG;
    }
    const bool ends = (state & PTRS_STATE_DROPPED) && (state & PTRS_STATE_PINS) == PTRS_STATE_PIN;
    const uint64_t exclusive = ends ? PTRS_STATE_EXCLUSIVE : 0;
    if (ends && (state & PTRS_STATE_EXCLUSIVE)) {
      ptrs_os_relax(round++);
      state = ptrs_atomic_load(&slot->state);
    } else if (ptrs_atomic_swap_if(&slot->state, &state, (state - PTRS_STATE_PIN) | exclusive)) {
      *last = ends;
      break;
    }
  }
  if (*last) {
    drain_readers(slot);
  }
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_slot_drop(PtrsSlot *slot, PtrsBlock block, bool *last)
{
  uint64_t state = ptrs_atomic_load(&slot->state);
  for (unsigned round = 0;;) {
    if (!names(state, block)) {
      return why_not(state, block);
    }
    if (state & PTRS_STATE_EXCLUSIVE) {
      ptrs_os_relax(round++);
      state = ptrs_atomic_load(&slot->state);
      continue;
    }
    const bool ends    = !(state & PTRS_STATE_PINS);
    const uint64_t bit = ends ? PTRS_STATE_EXCLUSIVE : PTRS_STATE_DROPPED;
    if (ptrs_atomic_swap_if(&slot->state, &state, state | bit)) {
      *last = ends;
      break;
    }
  }
  if (*last) {
    drain_readers(slot);
  }
  return PTRS_STATUS_SUCCESS;
}
