// SPDX-License-Identifier: MIT
#include "ptrs/lender.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "allocators/lifecycle.h"
#include "base/checked.h"
#include "ptrs/guard.h"

static_assert(PTRS_LENT_HEAD >= sizeof(size_t) && PTRS_LENT_HEAD % PTRS_ALIGN_DEFAULT == 0,
              "a size fits into a head, and memory behind it is aligned as the head is");

// The alignment that a piece of so many bytes in all has been given
static size_t
align_of(const PtrsLender *lender, size_t total)
{
  return lender->is_flush ? ptrs_min(total & (~total + 1), lender->align) : lender->align;
}

// The piece with its head; it may be aligned to a byte
static void *
begin(void *head, size_t total)
{
  memcpy(head, &total, sizeof(total));
  return (uint8_t *)head + PTRS_LENT_HEAD;
}

static uint8_t *
head_of(void *mem, size_t *total)
{
  uint8_t *const head = (uint8_t *)mem - PTRS_LENT_HEAD;
  memcpy(total, head, sizeof(*total));
  return head;
}

static void *
lend(const PtrsLender *lender,
     size_t size,
     void *(*alloc)(PtrsAllocator *allocator, size_t size, size_t align))
{
  size_t total = 0;
  if (!ptrs_checked_add(size, PTRS_LENT_HEAD, &total) || total > PTRS_SIZE_MAX ||
      !ptrs_lifecycle_begin_loan(lender->allocator)) {
    return NULL;
  }
  void *const head = alloc(lender->allocator, total, align_of(lender, total));
  if (!head) {
    ptrs_lifecycle_end_loan(lender->allocator);
    // Those who borrow have their own words for it
    PtrsRefusal unheard;
    (void)ptrs_allocator_refusal(&unheard);
    return NULL;
  }
  return begin(head, total);
}

// Whether an allocator gives more to those that have a piece of it already
static bool
is_open(const PtrsAllocator *allocator)
{
  return !allocator->lifecycle || !ptrs_atomic_peek(&allocator->lifecycle->is_dropped);
}

void
ptrs_lender_init(PtrsLender *lender, PtrsAllocator *allocator)
{
  PtrsGuardInfo info;
  const PtrsLender made = {
      .allocator = allocator,
      .align     = ptrs_min(PTRS_ALIGN_DEFAULT, ptrs_allocator_max_align(allocator)),
      .is_flush  = !ptrs_guard_info(allocator, &info),
  };
  ptrs_allocator_retain(allocator);
  *lender = made;
}

void
ptrs_lender_end(PtrsLender *lender)
{
  ptrs_allocator_release(lender->allocator);
  lender->allocator = NULL;
}

void *
ptrs_lender_alloc(const PtrsLender *lender, size_t size)
{
  return lend(lender, size, lender->allocator->alloc);
}

void *
ptrs_lender_zalloc(const PtrsLender *lender, size_t size)
{
  return lend(lender, size, lender->allocator->zalloc);
}

void *
ptrs_lender_realloc(const PtrsLender *lender, void *mem, size_t size)
{
  if (!mem) {
    return ptrs_lender_alloc(lender, size);
  }
  PtrsAllocator *const allocator = lender->allocator;
  size_t old_total               = 0;
  size_t total                   = 0;
  uint8_t *const head            = head_of(mem, &old_total);
  if (!ptrs_checked_add(size, PTRS_LENT_HEAD, &total) || total > PTRS_SIZE_MAX ||
      (total > old_total && !is_open(allocator))) {
    return NULL;
  }
  const size_t old_align = align_of(lender, old_total);
  const size_t align     = align_of(lender, total);
  if (align == old_align) {
    void *const new_head = allocator->realloc(allocator, head, old_total, total, align);
    return new_head ? begin(new_head, total) : NULL;
  }
  // Memory keeps its alignment as it is resized; the loan goes from one piece to the other
  void *const new_head = allocator->alloc(allocator, total, align);
  if (new_head) {
    memcpy(new_head, head, ptrs_min(old_total, total));
    allocator->free(allocator, head, old_total, old_align);
  }
  return new_head ? begin(new_head, total) : NULL;
}

void
ptrs_lender_free(const PtrsLender *lender, void *mem)
{
  if (mem) {
    size_t total        = 0;
    uint8_t *const head = head_of(mem, &total);
    lender->allocator->free(lender->allocator, head, total, align_of(lender, total));
    ptrs_lifecycle_end_loan(lender->allocator);
  }
}
