// SPDX-License-Identifier: MIT
// Chains of live slots, doubly linked by their indices.
#ifndef PTRS_CHAIN_H
#define PTRS_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "blocks/table.h"

// Put a slot, whose index is `index`, at the start of a chain
static inline void
ptrs_chain_add(uint32_t *chain, PtrsSlot *slot, uint32_t index)
{
  slot->next     = *chain;
  slot->previous = PTRS_NO_SLOT;
  if (*chain != PTRS_NO_SLOT) {
    ptrs_table_slot(*chain)->previous = index;
  }
  *chain = index;
}

// Take a slot out of its chain
static inline void
ptrs_chain_remove(uint32_t *chain, PtrsSlot *slot)
{
  if (slot->previous == PTRS_NO_SLOT) {
    *chain = slot->next;
  } else {
    ptrs_table_slot(slot->previous)->next = slot->next;
  }
  if (slot->next != PTRS_NO_SLOT) {
    ptrs_table_slot(slot->next)->previous = slot->previous;
  }
}

// Take the first slot off a chain; NULL if there is none
static inline PtrsSlot *
ptrs_chain_pop(uint32_t *chain, uint32_t *index)
{
  *index = *chain;
  if (*chain == PTRS_NO_SLOT) {
    return NULL;
  }
  PtrsSlot *const slot = ptrs_table_slot(*chain);
  ptrs_chain_remove(chain, slot);
  return slot;
}

#endif
