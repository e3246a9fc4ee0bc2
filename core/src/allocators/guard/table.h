// SPDX-License-Identifier: MIT
// The spans of all guard allocators: a block, its pages, and its guard page.
// Each has a record, which is found by the address of the block under a lock,
// and which a signal handler can read without it.
//
// A record's memory is never given back, so that a handler may read any record
// at any time.  What it reads stands under a sequence number, which is odd while
// somebody writes: a handler that finds it odd, or changed, has read a mixture
// and reads again; after some tries it leaves that record out.
#ifndef PTRS_GUARD_TABLE_H
#define PTRS_GUARD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "ptrs/allocator.h"

// Bytes of a label with its terminator
#define PTRS_LABEL_SIZE ((size_t)160)
#define PTRS_LABEL_WORDS (PTRS_LABEL_SIZE / sizeof(uint64_t))

typedef enum {
  PTRS_SPAN_NONE, // not in use, or about to be unmapped
  PTRS_SPAN_LIVE, // its block is live
  PTRS_SPAN_FREED // its block has been freed, and nobody may touch the pages
} PtrsSpanState;

// What a handler may know
typedef struct {
  PtrsSpanState state;
  uintptr_t base; // first byte that is mapped
  size_t extent;  // bytes that are mapped
  uintptr_t mem;  // first byte of the block, live or freed
  size_t size;    // bytes that were asked for
  char label[PTRS_LABEL_SIZE];
} PtrsSpanView;

typedef struct PtrsSpanImpl PtrsSpan;

// What an allocator has of them: guard_store.h
typedef struct PtrsGuardStoreImpl PtrsGuardStore;

struct PtrsSpanImpl {
  // Under the sequence number
  PtrsAtomic sequence;
  PtrsAtomic state;
  PtrsAtomic base;
  PtrsAtomic extent;
  PtrsAtomic mem;
  PtrsAtomic size;
  PtrsAtomic label[PTRS_LABEL_WORDS];

  // Under the lock, or of the one thread that is at work on the span
  PtrsGuardStore *store; // NULL: the record is free
  PtrsSpan *next;        // in the list in which it is
  PtrsSpan *next_in_bucket;
  PtrsSpan *older; // among the live ones of its allocator, or among all in quarantine
  PtrsSpan *newer;
  bool is_busy; // a thread is at work on it
  bool is_zero; // its pages are zero
};

// Called before all others, any number of times.
void ptrs_guard_table_init(void);

// The lock of the table, and of all guard allocators.
void ptrs_guard_lock(void);
void ptrs_guard_unlock(void);

// The following are called with the lock held.

// A record that is busy, whose mappings count from now on.  NULL if there is no
// memory for it; or if there would be more mappings than there may be: *is_full.
PtrsSpan *ptrs_guard_claim(PtrsGuardStore *store, bool *is_full);

// Give back a record whose pages are mapped no more.
void ptrs_guard_release(PtrsSpan *span);

// Begin a block, which is found from now on; not busy any more.
void ptrs_guard_begin(PtrsSpan *span, void *base, size_t extent, void *mem, size_t size);

// End a block, which has come to be busy.
void ptrs_guard_end(PtrsSpan *span);

// Before its pages are unmapped, of a span whose block has ended.
void ptrs_guard_forget(PtrsSpan *span);

// The live block that starts at `mem`, or NULL.
PtrsSpan *ptrs_guard_find(const void *mem);

// Cut at the front where it is too long: the end tells the place in a file.
void ptrs_guard_set_label(PtrsSpan *span, const char *label);

// Whether there are as many mappings as there may be.
bool ptrs_guard_is_full(void);

// Mappings of all spans; and how many there may be, SIZE_MAX: any number.
size_t ptrs_guard_mappings(void);
size_t ptrs_guard_max_mappings(void);
void ptrs_guard_set_max_mappings(size_t count); // for tests

// The following need no lock.

// Visit all records, until one visit returns false.
void ptrs_guard_each(bool (*visit)(PtrsSpan *span, void *ctx), void *ctx);

// Read a record, all but the label, or all; false if it changes all the time.
bool ptrs_guard_view(const PtrsSpan *span, bool with_label, PtrsSpanView *view);

#endif
