// SPDX-License-Identifier: MIT
#include "allocators/guard/table.h"

#include <assert.h>
#include <string.h>

#include "allocators/guard/buckets.h"
#include "base/checked.h"
#include "base/fork.h"
#include "os/os.h"
#include "os/pages.h"

// A span has two mappings at most: its pages, and its guard page, which the kernel may join
// with the guard page of a neighbour
#define SPAN_MAPPINGS ((size_t)2)

// One in so many mappings is left to the rest of the process
#define OTHERS_SHARE ((size_t)16)

#define SEGMENT_SIZE ((size_t)64 << 10)
#define SEGMENT_SPANS ((SEGMENT_SIZE - sizeof(PtrsAtomicPointer)) / sizeof(PtrsSpan))

// How often a handler tries to read a record
#define N_TRIES 64

// Never moved or given back
typedef struct Segment {
  PtrsAtomicPointer next;
  PtrsSpan spans[];
} Segment;

static_assert(sizeof(Segment) + SEGMENT_SPANS * sizeof(PtrsSpan) <= SEGMENT_SIZE, "a segment");
static_assert(PTRS_LABEL_SIZE % sizeof(uint64_t) == 0, "a label is some words");

static PtrsMutex mutex;
static PtrsAtomicPointer segments; // the first one
static Segment *last_segment;
static PtrsSpan *free_spans;
static size_t n_mappings;
static size_t max_mappings;

static void
lock_for_fork(void *ctx)
{
  (void)ctx;
  ptrs_os_mutex_lock(&mutex);
}

// In the child, a span on which another thread was at work stays busy: that thread may have
// been anywhere in its work
static void
unlock_after_fork(void *ctx)
{
  (void)ctx;
  ptrs_os_mutex_unlock(&mutex);
}

static void
init(void)
{
  static PtrsForkEntry entry = {
      .level   = PTRS_FORK_MEMORY,
      .prepare = lock_for_fork,
      .parent  = unlock_after_fork,
      .child   = unlock_after_fork,
  };
  const size_t limit = ptrs_os_max_mappings();
  max_mappings       = limit == SIZE_MAX ? SIZE_MAX : limit - limit / OTHERS_SHARE;
  ptrs_os_mutex_init(&mutex);
  // Allocators whose parent is a guard allocator register later, so that their locks are
  // taken before this one
  ptrs_fork_add(&entry);
}

void
ptrs_guard_table_init(void)
{
  static PtrsOnce once = {.start = PTRS_ONCE_START};
  ptrs_os_once(&once, init);
}

void
ptrs_guard_lock(void)
{
  ptrs_os_mutex_lock(&mutex);
}

void
ptrs_guard_unlock(void)
{
  ptrs_os_mutex_unlock(&mutex);
}

static bool
add_segment(void)
{
  Segment *const segment = (Segment *)ptrs_os_map(SEGMENT_SIZE);
  if (!segment) {
    return false;
  }
  for (size_t i = SEGMENT_SPANS; i-- > 0;) {
    segment->spans[i].next = free_spans;
    free_spans             = &segment->spans[i];
  }
  PtrsAtomicPointer *const link = last_segment ? &last_segment->next : &segments;
  (void)ptrs_atomic_set_pointer_once(link, segment);
  last_segment = segment;
  return true;
}

bool
ptrs_guard_is_full(void)
{
  return max_mappings < SPAN_MAPPINGS || n_mappings > max_mappings - SPAN_MAPPINGS;
}

PtrsSpan *
ptrs_guard_claim(PtrsGuardStore *store, bool *is_full)
{
  *is_full = ptrs_guard_is_full();
  if (*is_full) {
    return NULL;
  }
  if (!ptrs_guard_buckets_reserve() || (!free_spans && !add_segment())) {
    return NULL;
  }
  PtrsSpan *const span = free_spans;
  free_spans           = span->next;
  span->store          = store;
  span->is_zero        = true;
  n_mappings += SPAN_MAPPINGS;
  return span;
}

void
ptrs_guard_release(PtrsSpan *span)
{
  span->store = NULL;
  span->next  = free_spans;
  free_spans  = span;
  n_mappings -= SPAN_MAPPINGS;
}

// Begin to write a record, or end that.  Every store is ordered behind the one before, so
// that a handler that reads a new value finds the number odd, or changed.
static void
step_sequence(PtrsSpan *span)
{
  ptrs_atomic_store(&span->sequence, ptrs_atomic_peek(&span->sequence) + 1);
}

static void
set_state(PtrsSpan *span, PtrsSpanState state)
{
  step_sequence(span);
  ptrs_atomic_store(&span->state, state);
  step_sequence(span);
}

void
ptrs_guard_begin(PtrsSpan *span, void *mem, size_t size)
{
  step_sequence(span);
  ptrs_atomic_store(&span->state, PTRS_SPAN_LIVE);
  ptrs_atomic_store(&span->base, (uintptr_t)span->pages.base);
  ptrs_atomic_store(&span->extent, span->pages.extent);
  ptrs_atomic_store(&span->mem, (uintptr_t)mem);
  ptrs_atomic_store(&span->size, size);
  ptrs_atomic_store(&span->label[0], 0); // the empty one
  step_sequence(span);

  ptrs_guard_buckets_add(span);
}

void
ptrs_guard_end(PtrsSpan *span)
{
  ptrs_guard_buckets_remove(span);
  set_state(span, PTRS_SPAN_FREED);
}

void
ptrs_guard_forget(PtrsSpan *span)
{
  set_state(span, PTRS_SPAN_NONE);
}

void
ptrs_guard_set_label(PtrsSpan *span, const char *label)
{
  static const char cut[]          = "...";
  uint64_t words[PTRS_LABEL_WORDS] = {0};
  char *const text                 = (char *)words;
  const size_t size                = strlen(label);
  if (size < PTRS_LABEL_SIZE) {
    memcpy(text, label, size);
  } else {
    const size_t n_cut = sizeof(cut) - 1;
    const size_t kept  = PTRS_LABEL_SIZE - 1 - n_cut;
    memcpy(text, cut, n_cut);
    memcpy(text + n_cut, label + size - kept, kept);
  }
  step_sequence(span);
  for (size_t i = 0; i < PTRS_LABEL_WORDS; ++i) {
    ptrs_atomic_store(&span->label[i], words[i]);
  }
  step_sequence(span);
}

size_t
ptrs_guard_mappings(void)
{
  return n_mappings;
}

size_t
ptrs_guard_max_mappings(void)
{
  return max_mappings;
}

void
ptrs_guard_set_max_mappings(size_t count)
{
  max_mappings = count;
}

void
ptrs_guard_each(bool (*visit)(PtrsSpan *span, void *ctx), void *ctx)
{
  for (Segment *segment = (Segment *)ptrs_atomic_load_pointer(&segments); segment;
       segment          = (Segment *)ptrs_atomic_load_pointer(&segment->next)) {
    for (size_t i = 0; i < SEGMENT_SPANS; ++i) {
      if (!visit(&segment->spans[i], ctx)) {
        return;
      }
    }
  }
}

static void
read_record(const PtrsSpan *span, bool with_label, PtrsSpanView *view)
{
  view->state  = (PtrsSpanState)ptrs_atomic_load(&span->state);
  view->base   = (uintptr_t)ptrs_atomic_load(&span->base);
  view->extent = (size_t)ptrs_atomic_load(&span->extent);
  view->mem    = (uintptr_t)ptrs_atomic_load(&span->mem);
  view->size   = (size_t)ptrs_atomic_load(&span->size);
  for (size_t i = 0; with_label && i < PTRS_LABEL_WORDS; ++i) {
    const uint64_t word = ptrs_atomic_load(&span->label[i]);
    memcpy(view->label + i * sizeof(word), &word, sizeof(word));
  }
}

bool
ptrs_guard_view(const PtrsSpan *span, bool with_label, PtrsSpanView *view)
{
  for (unsigned i = 0; i < N_TRIES; ++i) {
    const uint64_t before = ptrs_atomic_load(&span->sequence);
    if (before % 2 == 0) {
      read_record(span, with_label, view);
      if (ptrs_atomic_load(&span->sequence) == before) {
        return true;
      }
    }
  }
  return false;
}
