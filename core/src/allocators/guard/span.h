// SPDX-License-Identifier: MIT
// The record of a span: a block of a guard allocator, its pages, and its guard page.
//
// The memory of a record is never given back, so that a signal handler may read any record
// at any time.  The fields for handlers stand under a sequence number, which is odd while a
// thread writes.  A handler that finds the number odd, or changed, has read a mixture and
// reads again; after some tries it leaves that record out.
#ifndef PTRS_GUARD_SPAN_H
#define PTRS_GUARD_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allocators/guard/pages.h"
#include "base/atomic.h"

// Bytes of a label with its terminator
#define PTRS_LABEL_SIZE ((size_t)160)
#define PTRS_LABEL_WORDS (PTRS_LABEL_SIZE / sizeof(uint64_t))

typedef enum {
  PTRS_SPAN_NONE, // not in use, or about to be unmapped
  PTRS_SPAN_LIVE, // its block is live
  PTRS_SPAN_FREED // its block has been freed, and the pages must not be touched
} PtrsSpanState;

// What a signal handler may know of a span
typedef struct {
  PtrsSpanState state;
  uintptr_t base; // first byte that is mapped
  size_t extent;  // bytes that are mapped
  uintptr_t mem;  // first byte of the block, live or freed
  size_t size;    // bytes that were asked for
  char label[PTRS_LABEL_SIZE];
} PtrsSpanView;

typedef struct PtrsSpanImpl PtrsSpan;

// The spans of one allocator: quarantine.h
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

  // Under the lock of the table, or of the one thread that is at work on the span
  PtrsGuardStore *store; // NULL: the record is free
  PtrsGuardPages pages;  // base and extent, for all but signal handlers
  PtrsSpan *next;        // in the list that holds the span
  PtrsSpan *next_in_bucket;
  PtrsSpan *older; // among the live ones of its allocator, or among all in quarantine
  PtrsSpan *newer;
  bool is_zero; // the pages are zero
};

#endif
