// SPDX-License-Identifier: MIT
#include "allocators/guard/store.h"

#include "allocators/guard/quarantine.h"
#include "os/pages.h"

// Spans that are taken at a time to be unmapped
#define BATCH ((size_t)64)

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

// Condemn freed spans of any allocator, those first that nobody misses: locked
static PtrsSpan *
evict(size_t max_count)
{
  PtrsSpan *victims = NULL;
  PtrsSpan *span    = NULL;
  for (; max_count && (span = ptrs_quarantine_take_any()); --max_count) {
    condemn(span, &victims);
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
    const bool is_aligned    = !((uintptr_t)mem & (align - 1));
    span                     = is_aligned ? ptrs_quarantine_take_spare(store, size_class) : NULL;
  }
  if (span) {
    span->is_busy = true;
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
    PtrsSpan *const span = store->is_closed ? NULL : ptrs_guard_claim(store, &is_full);
    if (is_full) {
      victims = evict(1);
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
  bool gives_way = false;
  while (!ptrs_guard_map(&store->form, extent, size, align, pages)) {
    PtrsSpan *victims = NULL;
    ptrs_guard_lock();
    gives_way = gives_way || ptrs_quarantine_bytes() >= extent;
    if (gives_way) {
      victims = evict(BATCH);
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
ptrs_guard_store_begin(
    PtrsGuardStore *store, PtrsSpan *span, const PtrsGuardPages *pages, void *mem, size_t size)
{
  ptrs_guard_begin(span, pages->base, pages->extent, mem, size);
  ptrs_span_list_add(&store->live, span);
}

void
ptrs_guard_store_end(PtrsGuardStore *store, PtrsSpan *span)
{
  ptrs_span_list_remove(&store->live, span);
  ptrs_guard_end(span);
}

void
ptrs_guard_store_put(PtrsGuardStore *store, PtrsSpan *span)
{
  const PtrsGuardPages pages = ptrs_guard_pages_of(span);
  const bool is_shut         = ptrs_guard_close(&store->form, &pages, &span->is_zero);
  bool has_gone              = false; // into a list, where it is not ours any more
  bool is_done               = false;
  while (!is_done) {
    PtrsSpan *victims = NULL;
    ptrs_guard_lock();
    if (!has_gone && (!is_shut || store->is_closed)) {
      condemn(span, &victims);
    } else if (!has_gone) {
      span->is_busy = false;
      ptrs_quarantine_put(store, span);
    }
    has_gone      = true;
    size_t n_left = BATCH;
    for (; n_left && store->quarantine_bytes > store->quarantine_size; --n_left) {
      PtrsSpan *const oldest = ptrs_quarantine_take(store);
      if (!ptrs_quarantine_keep(store, oldest)) {
        condemn(oldest, &victims);
      }
    }
    is_done = n_left;
    ptrs_guard_unlock();
    unmap_all(victims);
  }
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

bool
ptrs_guard_store_is_exhausted(void)
{
  return !ptrs_quarantine_bytes();
}

// End some live spans, which come to be busy
static PtrsSpan *
end_some(PtrsGuardStore *store)
{
  PtrsSpan *ended = NULL;
  PtrsSpan *span  = NULL;
  for (size_t i = 0; i < BATCH && (span = store->live.oldest); ++i) {
    ptrs_guard_store_end(store, span);
    span->next = ended;
    ended      = span;
  }
  return ended;
}

// Condemn some freed ones
static PtrsSpan *
condemn_some(PtrsGuardStore *store)
{
  PtrsSpan *victims = NULL;
  PtrsSpan *span    = NULL;
  for (size_t i = 0; i < BATCH && (span = ptrs_quarantine_take_of(store)); ++i) {
    condemn(span, &victims);
  }
  return victims;
}

void
ptrs_guard_store_close(PtrsGuardStore *store, PtrsSpanCheck at_end)
{
  store->is_closed = true;
  for (bool is_done = false; !is_done;) {
    PtrsSpan *victims = condemn_some(store);
    PtrsSpan *ended   = end_some(store);
    is_done           = !victims && !ended;
    ptrs_guard_unlock();
    for (const PtrsSpan *span = ended; span; span = span->next) {
      at_end(span);
    }
    ptrs_guard_lock();
    while (ended) {
      PtrsSpan *const span = ended;
      ended                = span->next;
      condemn(span, &victims);
    }
    ptrs_guard_unlock();
    unmap_all(victims);
    ptrs_guard_lock();
  }
  ptrs_guard_unlock();
}
