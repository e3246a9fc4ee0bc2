// SPDX-License-Identifier: MIT
#include "allocators/marks.h"

static uint64_t
depth_of(const PtrsMark *mark)
{
  return mark ? mark->depth : 0;
}

// Marks of the group that a mark is the head of
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

// What is in the two groups below the head of one
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
    // Where the far one is not before it, none between is
    const bool far = mark->far && !ptrs_mark_is_before(mark->far, chunk, offset);
    mark           = far ? mark->far : mark->older;
  }
  return mark;
}

// From the newest mark down to one, the next on the way
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
    // All of a group that is newer, or the head of one that is not
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
