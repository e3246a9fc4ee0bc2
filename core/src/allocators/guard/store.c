// SPDX-License-Identifier: MIT
#include "allocators/guard/store.h"

#include "allocators/guard/table.h"
#include "os/pages.h"

// Spans that are taken at a time to be unmapped
#define BATCH ((size_t)64)

// Put a span that is in no list into one for unmap_all(): locked
static void
condemn(PtrsSpan *span, PtrsSpan **victims)
{
  ptrs_guard_forget(span);
  span->next = *victims;
  *victims   = span;
}

// Unmap condemned spans: not locked
static void
unmap_all(PtrsSpan *victims)
{
  if (!victims) {
    return;
  }
  for (const PtrsSpan *span = victims; span; span = span->next) {
    ptrs_os_pages_unmap(span->pages.base, span->pages.extent);
  }
  ptrs_guard_lock();
  while (victims) {
    PtrsSpan *const span = victims;
    victims              = span->next;
    ptrs_guard_release(span);
  }
  ptrs_guard_unlock();
}

// Condemn freed spans of one allocator, or, where that is NULL, of any: locked
static PtrsSpan *
evict(PtrsGuardStore *store, size_t max_count)
{
  PtrsSpan *victims = NULL;
  PtrsSpan *span    = NULL;
  for (; max_count && (span = ptrs_quarantine_take_any(store)); --max_count) {
    condemn(span, &victims);
  }
  return victims;
}

// A spare span whose pages suit a block, opened; or NULL
static PtrsSpan *
recycle(PtrsGuardStore *store, unsigned size_class, size_t size, size_t align)
{
  if (size_class == PTRS_GUARD_NO_CLASS) {
    return NULL;
  }
  ptrs_guard_lock();
  PtrsSpan *span = store->spare[size_class];
  if (span) {
    const uint8_t *const mem = ptrs_guard_place(&store->form, &span->pages, size, align);
    const bool is_aligned    = !((uintptr_t)mem & (align - 1));
    span                     = is_aligned ? ptrs_quarantine_take_spare(store, size_class) : NULL;
  }
  ptrs_guard_unlock();
  if (span && !ptrs_guard_open(&store->form, &span->pages)) {
    ptrs_guard_store_drop(span);
    return NULL;
  }
  return span;
}

// A record for a new span.  A freed span gives way where there are too many mappings.
static PtrsSpan *
claim(PtrsGuardStore *store)
{
  for (;;) {
    bool is_full      = false;
    PtrsSpan *victims = NULL;
    ptrs_guard_lock();
    PtrsSpan *const span = store->is_closed ? NULL : ptrs_guard_claim(store, &is_full);
    if (is_full) {
      victims = evict(NULL, 1);
    }
    ptrs_guard_unlock();
    if (!victims) {
      return span;
    }
    unmap_all(victims);
  }
}

// A new span, or NULL.  Freed spans give way if they have the address space.
static PtrsSpan *
make(PtrsGuardStore *store, size_t extent, size_t size, size_t align)
{
  PtrsSpan *const span = claim(store);
  if (!span) {
    return NULL;
  }
  bool gives_way = false;
  while (!ptrs_guard_map(&store->form, extent, size, align, &span->pages)) {
    PtrsSpan *victims = NULL;
    ptrs_guard_lock();
    gives_way = gives_way || ptrs_quarantine_bytes() >= extent;
    if (gives_way) {
      victims = evict(NULL, BATCH);
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
ptrs_guard_store_get(PtrsGuardStore *store, size_t size, size_t align)
{
  size_t extent       = 0;
  unsigned size_class = 0;
  if (size > PTRS_SIZE_MAX || !ptrs_guard_measure(&store->form, size, &extent, &size_class)) {
    return NULL;
  }
  PtrsSpan *const span = recycle(store, size_class, size, align);
  return span ? span : make(store, extent, size, align);
}

void
ptrs_guard_store_begin(PtrsGuardStore *store, PtrsSpan *span, void *mem, size_t size)
{
  ptrs_guard_begin(span, mem, size);
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
  const bool is_shut = ptrs_guard_close(&store->form, &span->pages, &span->is_zero);
  bool has_gone      = false; // into a list, from where other threads may take the span
  bool is_done       = false;
  while (!is_done) {
    PtrsSpan *victims = NULL;
    ptrs_guard_lock();
    if (!has_gone && (!is_shut || store->is_closed)) {
      condemn(span, &victims);
    } else if (!has_gone) {
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
ptrs_guard_store_drop(PtrsSpan *span)
{
  PtrsSpan *victims = NULL;
  ptrs_guard_lock();
  condemn(span, &victims);
  ptrs_guard_unlock();
  unmap_all(victims);
}

// End some live blocks, which makes their spans busy: locked
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

void
ptrs_guard_store_close(PtrsGuardStore *store, PtrsSpanCheck at_end)
{
  store->is_closed = true;
  for (bool is_done = false; !is_done;) {
    PtrsSpan *victims = evict(store, BATCH);
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
