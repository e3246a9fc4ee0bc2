// SPDX-License-Identifier: MIT
#include "allocators/marks.h"

static uint64_t
depth_of(const PtrsMark *mark)
{
  return mark ? mark->depth : 0;
}

// Number of marks in the group whose head a mark is
static uint64_t
group_size(const PtrsMark *mark)
{
  return mark->depth - depth_of(mark->far);
}

static void
add(PtrsAccount *account, const PtrsAccount *other)
{
  account->bytes += other->bytes;
  account->blocks += other->blocks;
}

static void
subtract(PtrsAccount *account, const PtrsAccount *other)
{
  account->bytes -= other->bytes;
  account->blocks -= other->blocks;
}

// Blocks of the two groups below the head of a group
static PtrsAccount
account_below(const PtrsMark *mark)
{
  PtrsAccount below = {0, 0};
  if (mark->far != mark->older) {
    add(&below, &mark->older->all);
    add(&below, &mark->older->far->all);
  }
  return below;
}

void
ptrs_marks_push(PtrsMark **newest, PtrsMark *mark)
{
  PtrsMark *const first  = *newest;
  PtrsMark *const second = first ? first->far : NULL;
  const bool joins       = second && group_size(first) == group_size(second);
  mark->older            = first;
  mark->far              = joins ? second->far : first;
  mark->depth            = depth_of(first) + 1;
  mark->all              = account_below(mark);
  *newest                = mark;
}

PtrsMark *
ptrs_marks_find(PtrsMark *newest, uint64_t number)
{
  PtrsMark *mark = newest;
  while (mark && mark->number > number) {
    mark = mark->far && mark->far->number >= number ? mark->far : mark->older;
  }
  return mark && mark->number == number ? mark : NULL;
}

PtrsMark *
ptrs_marks_before(PtrsMark *newest, const PtrsChunk *chunk, size_t offset)
{
  PtrsMark *mark = newest;
  while (mark && !ptrs_mark_is_before(mark, chunk, offset)) {
    // If the far mark is not before the place, no mark between is
    const bool far = mark->far && !ptrs_mark_is_before(mark->far, chunk, offset);
    mark           = far ? mark->far : mark->older;
  }
  return mark;
}

// The next mark on the way from a head down to a mark
static PtrsMark *
next_towards(const PtrsMark *head, const PtrsMark *mark)
{
  return depth_of(head->far) >= mark->depth ? head->far : head->older;
}

static bool
is_of_group(const PtrsMark *head, const PtrsMark *mark)
{
  return depth_of(head->far) < mark->depth;
}

void
ptrs_marks_count(PtrsMark *newest, const PtrsMark *mark, const PtrsAccount *change)
{
  for (PtrsMark *head = mark ? newest : NULL; head;
       head           = head == mark ? NULL : next_towards(head, mark)) {
    if (is_of_group(head, mark)) {
      add(&head->all, change);
    }
  }
}

PtrsAccount
ptrs_marks_pop(PtrsMark **newest, PtrsMark *mark)
{
  PtrsAccount popped = {0, 0};
  for (const PtrsMark *head = *newest; head;
       head                 = head == mark ? NULL : next_towards(head, mark)) {
    // The whole group, if all of it is newer than the mark; else its head alone
    add(&popped, &head->all);
    if (is_of_group(head, mark)) {
      const PtrsAccount below = account_below(head);
      subtract(&popped, &below);
    }
  }
  mark->all = account_below(mark);
  *newest   = mark;
  return popped;
}
