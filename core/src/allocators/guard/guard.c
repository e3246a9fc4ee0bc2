// SPDX-License-Identifier: MIT
#include "ptrs/guard.h"

#include <string.h>

#include "allocators/guard/buckets.h"
#include "allocators/guard/report.h"
#include "allocators/guard/store.h"
#include "allocators/guard/table.h"
#include "allocators/lifecycle.h"
#include "base/checked.h"
#include "base/stats.h"
#include "os/os.h"
#include "os/pages.h"

// Under the lock of the table, but for what does not change
typedef struct {
  PtrsAllocator base;
  PtrsGuardStore store;
  PtrsStats stats;
  uint64_t n_damaged;
  PtrsLifecycle lifecycle;
} PtrsGuard;

static uint8_t *
mem_of(const PtrsSpan *span)
{
  return (uint8_t *)(uintptr_t)ptrs_atomic_peek(&span->mem);
}

static size_t
size_of(const PtrsSpan *span)
{
  return (size_t)ptrs_atomic_peek(&span->size);
}

static PtrsGuard *
guard_of(const PtrsSpan *span)
{
  return (PtrsGuard *)span->store->allocator;
}

// The live block of this allocator that starts at `mem`, or NULL: locked
static PtrsSpan *
find(const PtrsGuard *guard, const void *mem)
{
  PtrsSpan *const span = ptrs_guard_buckets_find(mem);
  return span && guard_of(span) == guard ? span : NULL;
}

// Whether the pattern around a block is whole; no other thread changes the span
static bool
is_whole(const PtrsSpan *span)
{
  const PtrsGuardForm *form = &guard_of(span)->store.form;
  ptrdiff_t offset          = 0;
  if (ptrs_guard_check(form, &span->pages, mem_of(span), size_of(span), &offset)) {
    return true;
  }
  ptrs_guard_report_damage(span, offset);
  return false;
}

// Count a block that has ended if the pattern around it was damaged: not locked
static void
check_at_end(const PtrsSpan *span)
{
  if (!is_whole(span)) {
    ptrs_guard_lock();
    guard_of(span)->n_damaged += 1;
    ptrs_guard_unlock();
  }
}

// A busy span with a place for a block that is zero from an offset on; or NULL
static PtrsSpan *
get(PtrsGuard *guard, size_t size, size_t align, size_t zero_from, uint8_t **mem)
{
  PtrsSpan *const span = ptrs_guard_store_get(&guard->store, size, align);
  if (span) {
    *mem = ptrs_guard_place(&guard->store.form, &span->pages, size, align);
    if (zero_from < size && !span->is_zero) {
      memset(*mem + zero_from, 0, size - zero_from);
    }
    ptrs_guard_fill(&guard->store.form, &span->pages, *mem, size);
  }
  return span;
}

static void *
allocate(PtrsAllocator *allocator, size_t size, size_t align, size_t zero_from)
{
  PtrsGuard *const guard = (PtrsGuard *)allocator;
  uint8_t *mem           = NULL;
  PtrsSpan *const span   = get(guard, size, align, zero_from, &mem);
  if (!span) {
    return NULL;
  }
  ptrs_guard_lock();
  const bool is_closed = guard->store.is_closed;
  if (!is_closed) {
    ptrs_guard_store_begin(&guard->store, span, mem, size);
    ptrs_stats_alloc(&guard->stats, size);
  }
  ptrs_guard_unlock();
  if (is_closed) {
    ptrs_guard_store_drop(span);
    return NULL;
  }
  return mem;
}

static void *
guard_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  return allocate(allocator, size, align, size);
}

static void *
guard_zalloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  return allocate(allocator, size, align, 0);
}

// Check a block that has ended, and take its span back
static void
retire(PtrsGuard *guard, PtrsSpan *span)
{
  check_at_end(span);
  ptrs_guard_store_put(&guard->store, span);
}

static void *
guard_zrealloc(PtrsAllocator *allocator,
               void *mem,
               size_t old_size,
               size_t kept,
               size_t new_size,
               size_t align)
{
  PtrsGuard *const guard   = (PtrsGuard *)allocator;
  uint8_t *new_mem         = NULL;
  PtrsSpan *const new_span = get(guard, new_size, align, kept, &new_mem);
  if (!new_span) {
    return NULL;
  }
  memcpy(new_mem, mem, kept);

  ptrs_guard_lock();
  PtrsSpan *const old_span = guard->store.is_closed ? NULL : find(guard, mem);
  if (old_span) {
    PtrsSpanView old;
    ptrs_guard_store_begin(&guard->store, new_span, new_mem, new_size);
    if (ptrs_guard_view(old_span, true, &old)) {
      ptrs_guard_set_label(new_span, old.label);
    }
    ptrs_guard_store_end(&guard->store, old_span);
    ptrs_stats_resize(&guard->stats, old_size, new_size);
  }
  ptrs_guard_unlock();
  if (!old_span) { // the allocator has been closed, or `mem` is no block
    ptrs_guard_store_drop(new_span);
    return NULL;
  }
  retire(guard, old_span);
  return new_mem;
}

static void *
guard_realloc(PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align)
{
  return guard_zrealloc(allocator, mem, old_size, ptrs_min(old_size, new_size), new_size, align);
}

static void
guard_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  PtrsGuard *const guard = (PtrsGuard *)allocator;
  (void)align;
  ptrs_guard_lock();
  PtrsSpan *const span = find(guard, mem);
  if (span) {
    ptrs_guard_store_end(&guard->store, span);
  }
  if (span && !guard->store.is_closed) { // else guard_clear() has counted it
    ptrs_stats_free(&guard->stats, size);
  }
  ptrs_guard_unlock();
  if (span) {
    retire(guard, span);
  }
}

static void
guard_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  ptrs_guard_lock();
  *stats = ((PtrsGuard *)allocator)->stats;
  ptrs_guard_unlock();
}

static PtrsStatus
guard_clear(PtrsAllocator *allocator)
{
  PtrsGuard *const guard = (PtrsGuard *)allocator;
  ptrs_guard_lock();
  if (ptrs_lifecycle_is_lending(&guard->lifecycle)) {
    ptrs_guard_unlock();
    return PTRS_STATUS_PINNED;
  }
  guard->stats.current_blocks = 0;
  guard->stats.current_bytes  = 0;
  ptrs_guard_store_close(&guard->store, check_at_end); // unlocks
  return PTRS_STATUS_SUCCESS;
}

static bool
is_guard(const PtrsAllocator *allocator)
{
  return allocator && allocator->alloc == guard_alloc;
}

PtrsStatus
ptrs_guard_new(unsigned flags, size_t quarantine_size, PtrsAllocator **guard)
{
  // No lock of its own: the table of spans takes its lock around fork(2)
  static const PtrsLifecycleOps ops = {
      .object_size = sizeof(PtrsGuard), .object_align = PTRS_ALIGN_DEFAULT, .clear = guard_clear};
  if (flags & ~(unsigned)PTRS_GUARD_UNDERFLOW) {
    return PTRS_STATUS_BAD_ARG;
  }
  PtrsGuard *const made = (PtrsGuard *)ptrs_os_malloc(sizeof(PtrsGuard), PTRS_ALIGN_DEFAULT);
  if (!made) {
    return PTRS_STATUS_NO_MEM;
  }
  const PtrsGuard fresh = {
      .base =
          {
              .alloc    = guard_alloc,
              .zalloc   = guard_zalloc,
              .realloc  = guard_realloc,
              .zrealloc = guard_zrealloc,
              .free     = guard_free,
              .capacity = ptrs_exact_capacity,
              .name     = "guard",
              .stats    = guard_stats,
          },
      .store =
          {
              .allocator = &made->base,
              .form      = {.page = ptrs_os_page_size(), .at_start = flags & PTRS_GUARD_UNDERFLOW},
              .quarantine_size = quarantine_size,
          },
  };
  *made = fresh;
  ptrs_guard_table_init();
  ptrs_lifecycle_init(&made->lifecycle, &made->base, NULL, &ops);
  *guard = &made->base;
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_guard_label(const void *mem, const char *label)
{
  if (!label) {
    return PTRS_STATUS_BAD_ARG;
  }
  ptrs_guard_table_init();
  ptrs_guard_lock();
  PtrsSpan *const span = ptrs_guard_buckets_find(mem);
  if (span) {
    ptrs_guard_set_label(span, label);
  }
  ptrs_guard_unlock();
  return span ? PTRS_STATUS_SUCCESS : PTRS_STATUS_BAD_ARG;
}

PtrsStatus
ptrs_guard_info(PtrsAllocator *guard, PtrsGuardInfo *info)
{
  if (!is_guard(guard)) {
    return PTRS_STATUS_BAD_ARG;
  }
  const PtrsGuard *const self = (const PtrsGuard *)guard;
  ptrs_guard_lock();
  const size_t max_mappings = ptrs_guard_max_mappings();
  info->quarantine_bytes    = self->store.quarantine_bytes;
  info->quarantine_blocks   = self->store.n_quarantined;
  info->damaged_blocks      = self->n_damaged;
  info->mappings            = ptrs_guard_mappings();
  info->max_mappings        = max_mappings == SIZE_MAX ? 0 : max_mappings;
  info->is_full             = ptrs_guard_is_full() && !ptrs_quarantine_bytes();
  ptrs_guard_unlock();
  return PTRS_STATUS_SUCCESS;
}
