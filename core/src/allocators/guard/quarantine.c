// SPDX-License-Identifier: MIT
#include "allocators/guard/quarantine.h"

// Address space of an allocator's freed spans that have left the quarantine and wait
// for the next block of their class
#define SPARE_SIZE ((size_t)16 << 20)

static PtrsSpanList quarantine;     // of all allocators, in the order in which blocks were freed
static PtrsGuardStore *with_spares; // stores that have spare spans
static size_t freed_bytes;          // of the spans in quarantine and the spare ones

void
ptrs_span_list_add(PtrsSpanList *list, PtrsSpan *span)
{
  span->older = list->newest;
  span->newer = NULL;
  if (list->newest) {
    list->newest->newer = span;
  } else {
    list->oldest = span;
  }
  list->newest = span;
}

void
ptrs_span_list_remove(PtrsSpanList *list, PtrsSpan *span)
{
  if (span->older) {
    span->older->newer = span->newer;
  } else {
    list->oldest = span->newer;
  }
  if (span->newer) {
    span->newer->older = span->older;
  } else {
    list->newest = span->older;
  }
}

static size_t
extent_of(const PtrsSpan *span)
{
  return span->pages.extent;
}

void
ptrs_quarantine_put(PtrsGuardStore *store, PtrsSpan *span)
{
  span->next = NULL;
  if (store->newest) {
    store->newest->next = span;
  } else {
    store->oldest = span;
  }
  store->newest = span;
  store->quarantine_bytes += extent_of(span);
  store->n_quarantined += 1;
  freed_bytes += extent_of(span);
  ptrs_span_list_add(&quarantine, span);
}

PtrsSpan *
ptrs_quarantine_take(PtrsGuardStore *store)
{
  PtrsSpan *const span = store->oldest;
  if (span) {
    store->oldest = span->next;
    if (!store->oldest) {
      store->newest = NULL;
    }
    store->quarantine_bytes -= extent_of(span);
    store->n_quarantined -= 1;
    freed_bytes -= extent_of(span);
    ptrs_span_list_remove(&quarantine, span);
  }
  return span;
}

static void
add_to_stores(PtrsGuardStore *store)
{
  store->previous_with_spares = NULL;
  store->next_with_spares     = with_spares;
  if (with_spares) {
    with_spares->previous_with_spares = store;
  }
  with_spares = store;
}

static void
remove_from_stores(PtrsGuardStore *store)
{
  if (store->previous_with_spares) {
    store->previous_with_spares->next_with_spares = store->next_with_spares;
  } else {
    with_spares = store->next_with_spares;
  }
  if (store->next_with_spares) {
    store->next_with_spares->previous_with_spares = store->previous_with_spares;
  }
}

bool
ptrs_quarantine_keep(PtrsGuardStore *store, PtrsSpan *span)
{
  const size_t extent       = extent_of(span);
  const unsigned size_class = ptrs_guard_class(&store->form, extent);
  if (size_class == PTRS_GUARD_NO_CLASS || extent > SPARE_SIZE - store->spare_bytes) {
    return false;
  }
  if (!store->spare_bytes) {
    add_to_stores(store);
  }
  span->next               = store->spare[size_class];
  store->spare[size_class] = span;
  store->spare_bytes += extent;
  freed_bytes += extent;
  return true;
}

PtrsSpan *
ptrs_quarantine_take_spare(PtrsGuardStore *store, unsigned size_class)
{
  PtrsSpan *const span = store->spare[size_class];
  if (span) {
    store->spare[size_class] = span->next;
    store->spare_bytes -= extent_of(span);
    freed_bytes -= extent_of(span);
    if (!store->spare_bytes) {
      remove_from_stores(store);
    }
  }
  return span;
}

// Take the largest spare span of an allocator
static PtrsSpan *
take_any_spare(PtrsGuardStore *store)
{
  PtrsSpan *span = NULL;
  for (unsigned i = PTRS_GUARD_CLASSES; !span && i-- > 0;) {
    span = ptrs_quarantine_take_spare(store, i);
  }
  return span;
}

PtrsSpan *
ptrs_quarantine_take_any(PtrsGuardStore *store)
{
  PtrsGuardStore *const sparing = store ? store : with_spares;
  if (sparing && sparing->spare_bytes) {
    return take_any_spare(sparing);
  }
  // The oldest span of all is also the oldest one of its allocator
  PtrsGuardStore *const oldest = store               ? store
                                 : quarantine.oldest ? quarantine.oldest->store
                                                     : NULL;
  return oldest ? ptrs_quarantine_take(oldest) : NULL;
}

size_t
ptrs_quarantine_bytes(void)
{
  return freed_bytes;
}
