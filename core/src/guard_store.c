// SPDX-License-Identifier: MIT
#include "guard_store.h"

#include "os_pages.h"

// Address space of freed spans that have left the quarantine and wait for the
// next block of their class
#define SPARE_SIZE ((size_t)16 << 20)

// Take a span, which is in no list, for unmapping: locked
static void
condemn(PtrsSpan *span, PtrsSpan **victims)
{
  ptrs_guard_forget(span);
  span->is_busy = true;
  span->next    = *victims;
  *victims      = span;
}

// Unmap what was condemned: not locked
static void
unmap_all(PtrsSpan *victims)
{
  if (!victims) {
    return;
  }
  for (const PtrsSpan *span = victims; span; span = span->next) {
    const PtrsGuardPages pages = ptrs_guard_pages_of(span);
    ptrs_os_pages_unmap(pages.base, pages.extent);
  }
  ptrs_guard_lock();
  while (victims) {
    PtrsSpan *const span = victims;
    victims              = span->next;
    ptrs_guard_release(span);
  }
  ptrs_guard_unlock();
}

static void
put_into_quarantine(PtrsGuardStore *store, PtrsSpan *span)
{
  span->next    = NULL;
  span->is_busy = false;
  if (store->newest) {
    store->newest->next = span;
  } else {
    store->oldest = span;
  }
  store->newest = span;
  store->quarantine_bytes += ptrs_guard_pages_of(span).extent;
  store->n_quarantined += 1;
}

static PtrsSpan *
take_from_quarantine(PtrsGuardStore *store)
{
  PtrsSpan *const span = store->oldest;
  if (span) {
    store->oldest = span->next;
    if (!store->oldest) {
      store->newest = NULL;
    }
    store->quarantine_bytes -= ptrs_guard_pages_of(span).extent;
    store->n_quarantined -= 1;
  }
  return span;
}

static PtrsSpan *
take_spare(PtrsGuardStore *store, unsigned size_class)
{
  PtrsSpan *const span = store->spare[size_class];
  if (span) {
    store->spare[size_class] = span->next;
    store->spare_bytes -= ptrs_guard_pages_of(span).extent;
    span->is_busy = true;
  }
  return span;
}

// Keep a span for the next block of its class, or condemn it
static void
keep_spare(PtrsGuardStore *store, PtrsSpan *span, PtrsSpan **victims)
{
  const size_t extent       = ptrs_guard_pages_of(span).extent;
  const unsigned size_class = ptrs_guard_class(&store->form, extent);
  if (size_class == PTRS_GUARD_NO_CLASS || extent > SPARE_SIZE - store->spare_bytes) {
    condemn(span, victims);
    return;
  }
  span->next               = store->spare[size_class];
  store->spare[size_class] = span;
  store->spare_bytes += extent;
}

// Condemn freed spans, those first that nobody misses: locked
static PtrsSpan *
evict(PtrsGuardStore *store, size_t max_count)
{
  PtrsSpan *victims = NULL;
  PtrsSpan *span    = NULL;
  for (unsigned i = PTRS_GUARD_CLASSES; i-- > 0;) {
    while (max_count && (span = take_spare(store, i))) {
      condemn(span, &victims);
      --max_count;
    }
  }
  while (max_count && (span = take_from_quarantine(store))) {
    condemn(span, &victims);
    --max_count;
  }
  return victims;
}

// A freed span whose pages suit a block, opened, or NULL
static PtrsSpan *
recycle(
    PtrsGuardStore *store, unsigned size_class, size_t size, size_t align, PtrsGuardPages *pages)
{
  if (size_class == PTRS_GUARD_NO_CLASS) {
    return NULL;
  }
  ptrs_guard_lock();
  PtrsSpan *span = store->spare[size_class];
  if (span) {
    *pages                   = ptrs_guard_pages_of(span);
    const uint8_t *const mem = ptrs_guard_place(&store->form, pages, size, align);
    span                     = (uintptr_t)mem & (align - 1) ? NULL : take_spare(store, size_class);
  }
  ptrs_guard_unlock();
  if (!span) {
    return NULL;
  }
  *pages = ptrs_guard_pages_of(span);
  if (!ptrs_guard_open(&store->form, pages)) {
    ptrs_guard_store_drop(span, pages);
    return NULL;
  }
  return span;
}

// A record for a new span.  Freed ones give way where there are too many.
static PtrsSpan *
claim(PtrsGuardStore *store)
{
  for (;;) {
    bool is_full      = false;
    PtrsSpan *victims = NULL;
    ptrs_guard_lock();
    PtrsSpan *const span = store->is_closed ? NULL : ptrs_guard_claim(store->allocator, &is_full);
    if (is_full) {
      victims = evict(store, 1);
    }
    ptrs_guard_unlock();
    if (!victims) {
      return span;
    }
    unmap_all(victims);
  }
}

// A new span, or NULL.  Freed ones give way if that may help.
static PtrsSpan *
make(PtrsGuardStore *store, size_t extent, size_t size, size_t align, PtrsGuardPages *pages)
{
  PtrsSpan *const span = claim(store);
  if (!span) {
    return NULL;
  }
  while (!ptrs_guard_map(&store->form, extent, size, align, pages)) {
    PtrsSpan *victims = NULL;
    ptrs_guard_lock();
    if (store->quarantine_bytes + store->spare_bytes >= extent) {
      victims = evict(store, SIZE_MAX);
    }
    if (!victims) {
      ptrs_guard_release(span);
    }
    ptrs_guard_unlock();
    if (!victims) {
      return NULL;
    }
    unmap_all(victims);
  }
  return span;
}

PtrsSpan *
ptrs_guard_store_get(PtrsGuardStore *store, size_t size, size_t align, PtrsGuardPages *pages)
{
  size_t extent       = 0;
  unsigned size_class = 0;
  if (size > PTRS_SIZE_MAX || !ptrs_guard_measure(&store->form, size, &extent, &size_class)) {
    return NULL;
  }
  PtrsSpan *const span = recycle(store, size_class, size, align, pages);
  return span ? span : make(store, extent, size, align, pages);
}

void
ptrs_guard_store_put(PtrsGuardStore *store, PtrsSpan *span)
{
  const PtrsGuardPages pages = ptrs_guard_pages_of(span);
  PtrsSpan *victims          = NULL;
  const bool is_shut         = ptrs_guard_close(&store->form, &pages, &span->is_zero);

  ptrs_guard_lock();
  if (!is_shut || store->is_closed) {
    condemn(span, &victims);
  } else {
    put_into_quarantine(store, span);
    while (store->quarantine_bytes > store->quarantine_size) {
      keep_spare(store, take_from_quarantine(store), &victims);
    }
  }
  ptrs_guard_unlock();
  unmap_all(victims);
}

void
ptrs_guard_store_drop(PtrsSpan *span, const PtrsGuardPages *pages)
{
  ptrs_guard_lock();
  ptrs_guard_forget(span);
  ptrs_guard_unlock();
  ptrs_os_pages_unmap(pages->base, pages->extent);
  ptrs_guard_lock();
  ptrs_guard_release(span);
  ptrs_guard_unlock();
}

typedef struct {
  PtrsAllocator *allocator;
  PtrsSpanCheck at_end;
  PtrsSpan *victims;
} Closing;

static bool
take(PtrsSpan *span, void *ctx)
{
  Closing *const closing = (Closing *)ctx;
  if (span->guard != closing->allocator || span->is_busy) {
    return true;
  }
  if (ptrs_atomic_peek(&span->state) == PTRS_SPAN_LIVE) {
    closing->at_end(span);
    ptrs_guard_end(span);
  }
  condemn(span, &closing->victims);
  return true;
}

void
ptrs_guard_store_close(PtrsGuardStore *store, PtrsSpanCheck at_end)
{
  Closing closing         = {.allocator = store->allocator, .at_end = at_end};
  store->is_closed        = true;
  store->oldest           = NULL;
  store->newest           = NULL;
  store->quarantine_bytes = 0;
  store->n_quarantined    = 0;
  store->spare_bytes      = 0;
  for (unsigned i = 0; i < PTRS_GUARD_CLASSES; ++i) {
    store->spare[i] = NULL;
  }
  ptrs_guard_each(take, &closing);
  ptrs_guard_unlock();
  unmap_all(closing.victims);
}
