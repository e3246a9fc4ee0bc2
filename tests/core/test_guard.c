// SPDX-License-Identifier: MIT
// The promises of guard allocators alone: where their blocks lie, and what becomes
// of the pages.
#define _GNU_SOURCE
#include "ptrs/guard.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conformance.h"
#include "environment.h"
#include "mappings.h"
#include "ptrs/system.h"
#include "tap.h"

#define QUARANTINE ((size_t)1 << 20)

static PtrsAllocator *
make(unsigned flags, size_t quarantine_size)
{
  PtrsAllocator *guard = NULL;
  CHECK_EQ(ptrs_guard_new(flags, quarantine_size, &guard), PTRS_STATUS_SUCCESS);
  return guard;
}

static PtrsGuardInfo
info_of(PtrsAllocator *guard)
{
  PtrsGuardInfo info;
  memset(&info, 0, sizeof(info));
  CHECK_EQ(ptrs_guard_info(guard, &info), PTRS_STATUS_SUCCESS);
  return info;
}

static size_t
page_size(void)
{
  return (size_t)sysconf(_SC_PAGESIZE);
}

static void
bad_arguments_are_refused(void)
{
  PtrsAllocator *guard = NULL;
  PtrsGuardInfo info;
  CHECK_EQ(ptrs_guard_new(2, 0, &guard), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_guard_new(PTRS_GUARD_UNDERFLOW | 4, 0, &guard), PTRS_STATUS_BAD_ARG);
  CHECK_PTR(guard, NULL);
  CHECK_EQ(ptrs_guard_info(ptrs_system_allocator(), &info), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_guard_info(NULL, &info), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_guard_report_faults(-2), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_guard_report_faults(987654), PTRS_STATUS_BAD_ARG); // not open
}

static void
what_it_tells_of_itself(void)
{
  PtrsAllocator *const guard = make(0, QUARANTINE);
  CHECK_STR(ptrs_allocator_name(guard), "guard");
  CHECK_EQ(ptrs_allocator_max_size(guard), PTRS_SIZE_MAX);
  CHECK_EQ(ptrs_allocator_max_align(guard), PTRS_ALIGN_MAX);
  CHECK(!ptrs_allocator_is_closed(guard));
  CHECK(!info_of(guard).is_full);
  CHECK_EQ(info_of(guard).quarantine_bytes, 0);
  ptrs_allocator_release(guard);
}

static const size_t sizes[] = {1, 2, 7, 16, 24, 100, 4000, 4096, 4097, 8192, 40000, 70000, 2000000};
static const size_t aligns[] = {1, 2, 8, 16, 64, 4096, 8192, PTRS_ALIGN_MAX};

#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))
#define N_ALIGNS (sizeof(aligns) / sizeof(aligns[0]))

// The first byte that cannot be touched comes right behind the block, rounded to
// its alignment
static void
ends_are_flush(void)
{
  PtrsAllocator *const guard = make(0, QUARANTINE);
  for (size_t i = 0; i < N_SIZES; ++i) {
    for (size_t j = 0; j < N_ALIGNS; ++j) {
      const size_t step    = aligns[j] < page_size() ? aligns[j] : page_size();
      const size_t rounded = (sizes[i] + step - 1) / step * step;
      uint8_t *const mem   = (uint8_t *)guard->alloc(guard, sizes[i], aligns[j]);
      CHECK_EQ((uintptr_t)mem % aligns[j], 0);
      CHECK(is_touchable(mem));
      CHECK(is_touchable(mem + rounded - 1));
      CHECK(!is_touchable(mem + rounded));
      CHECK(!is_touchable(mem + rounded + page_size() - 1));
      CHECK_EQ(guard->capacity(guard, mem, sizes[i], aligns[j]), sizes[i]);
      guard->free(guard, mem, sizes[i], aligns[j]);
    }
  }
  ptrs_allocator_release(guard);
}

static void
starts_are_flush(void)
{
  PtrsAllocator *const guard = make(PTRS_GUARD_UNDERFLOW, QUARANTINE);
  for (size_t i = 0; i < N_SIZES; ++i) {
    for (size_t j = 0; j < N_ALIGNS; ++j) {
      uint8_t *const mem = (uint8_t *)guard->alloc(guard, sizes[i], aligns[j]);
      CHECK_EQ((uintptr_t)mem % aligns[j], 0);
      CHECK(!is_touchable(mem - 1));
      CHECK(!is_touchable(mem - page_size()));
      CHECK(is_touchable(mem));
      CHECK(is_touchable(mem + sizes[i] - 1));
      guard->free(guard, mem, sizes[i], aligns[j]);
    }
  }
  ptrs_allocator_release(guard);
}

static void
empty_blocks_have_no_bytes(void)
{
  PtrsAllocator *const guard = make(0, QUARANTINE);
  uint8_t *blocks[8];
  for (size_t i = 0; i < 8; ++i) {
    blocks[i] = (uint8_t *)guard->alloc(guard, 0, (size_t)1 << (2 * i));
    CHECK(!is_touchable(blocks[i]));
    for (size_t j = 0; j < i; ++j) {
      CHECK(blocks[i] != blocks[j]);
    }
  }
  for (size_t i = 0; i < 8; ++i) {
    guard->free(guard, blocks[i], 0, (size_t)1 << (2 * i));
  }
  CHECK_EQ(info_of(guard).damaged_blocks, 0);
  ptrs_allocator_release(guard);
}

static void
freed_pages_cannot_be_touched(void)
{
  for (unsigned flags = 0; flags <= PTRS_GUARD_UNDERFLOW; ++flags) {
    PtrsAllocator *const guard = make(flags, QUARANTINE);
    for (size_t i = 0; i < 8; ++i) {
      uint8_t *const mem = (uint8_t *)guard->alloc(guard, sizes[i], 8);
      memset(mem, 'x', sizes[i]);
      guard->free(guard, mem, sizes[i], 8);
      CHECK(!is_touchable(mem));
      CHECK(!is_touchable(mem + sizes[i] - 1));
    }
    ptrs_allocator_release(guard);
  }
}

// Sizes below and above the one from which freed pages go back to the system
static void
large_blocks_give_their_memory_back(void)
{
  if (under_emulator()) {
    tap_skip("the emulator does not tell which pages have memory");
    return;
  }
  PtrsAllocator *const guard = make(0, (size_t)8 << 20);
  for (size_t size = 1000; size <= 1000000; size *= 10) {
    uint8_t *const mem = (uint8_t *)guard->alloc(guard, size, 8);
    memset(mem, 'x', size);
    CHECK(is_resident(mem));
    guard->free(guard, mem, size, 8);
    CHECK_EQ(is_resident(mem), size < 16 * page_size());
  }
  ptrs_allocator_release(guard);
}

// Other code has mapped pages where the next block would lie: over all of its place,
// or over the lower part
static void
others_map_pages_in_between(void)
{
  for (unsigned flags = 0; flags <= PTRS_GUARD_UNDERFLOW; ++flags) {
    PtrsAllocator *const guard = make(flags, 0);
    uint8_t *blocks[20];
    void *pages[20];
    for (size_t i = 0; i < 20; ++i) {
      blocks[i] = (uint8_t *)guard->alloc(guard, page_size(), 16);
      memset(blocks[i], (int)i, page_size());
      CHECK(!is_touchable(flags ? blocks[i] - 1 : blocks[i] + page_size()));
      uint8_t *const below = blocks[i] - page_size() * (flags + 1 + i % 2);
      pages[i] =
          mmap(below, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      CHECK(pages[i] != MAP_FAILED);
      memset(pages[i], 'o', page_size());
    }
    for (size_t i = 0; i < 20; ++i) {
      CHECK_FILLED(blocks[i], page_size(), (int)i);
      CHECK_FILLED(pages[i], page_size(), 'o');
      guard->free(guard, blocks[i], page_size(), 16);
      CHECK(!is_touchable(blocks[i]));
      CHECK_FILLED(pages[i], page_size(), 'o');
      CHECK_EQ(munmap(pages[i], page_size()), 0);
    }
    ptrs_allocator_release(guard);
  }
}

// Blocks leave the quarantine in the order in which they came
static void
the_quarantine_is_bounded(void)
{
  const size_t span          = 2 * page_size();
  PtrsAllocator *const guard = make(0, 5 * span + 1);
  void *freed[20];
  for (size_t i = 0; i < 20; ++i) {
    freed[i] = guard->alloc(guard, 8, 8);
    for (size_t j = 0; j < i && j < 5; ++j) {
      CHECK(freed[i] != freed[i - 1 - j]);
    }
    if (i > 5) {
      CHECK_PTR(freed[i], freed[i - 6]);
    }
    guard->free(guard, freed[i], 8, 8);
    const PtrsGuardInfo info = info_of(guard);
    CHECK_EQ(info.quarantine_blocks, i < 5 ? i + 1 : 5);
    CHECK_EQ(info.quarantine_bytes, info.quarantine_blocks * span);
  }

  // A block larger than the quarantine does not stay in it, and pushes out all others
  void *const large = guard->alloc(guard, 10 * span, 8);
  guard->free(guard, large, 10 * span, 8);
  CHECK_EQ(info_of(guard).quarantine_blocks, 0);
  CHECK_EQ(info_of(guard).quarantine_bytes, 0);
  CHECK(!is_touchable(large));
  ptrs_allocator_release(guard);
}

static void
without_a_quarantine_pages_are_used_again(void)
{
  PtrsAllocator *const guard = make(0, 0);
  void *const mem            = guard->alloc(guard, 8, 8);
  guard->free(guard, mem, 8, 8);
  CHECK(!is_touchable(mem));
  CHECK_EQ(info_of(guard).quarantine_blocks, 0);
  CHECK_PTR(guard->alloc(guard, 8, 8), mem);
  guard->free(guard, mem, 8, 8);
  ptrs_allocator_release(guard);
}

// Sizes whose freed pages are kept, and sizes whose pages go back to the system
static void
zeroed_blocks_are_zero_when_pages_are_used_again(void)
{
  PtrsAllocator *const guard = make(0, 0);
  for (size_t i = 0; i < N_SIZES; ++i) {
    for (unsigned round = 0; round < 3; ++round) {
      uint8_t *const mem = (uint8_t *)guard->zalloc(guard, sizes[i], 1);
      CHECK_FILLED(mem, sizes[i], 0);
      memset(mem, 0xEE, sizes[i]);
      guard->free(guard, mem, sizes[i], 1);
    }
  }
  ptrs_allocator_release(guard);
}

static void
resized_blocks_move(void)
{
  PtrsAllocator *const guard = make(0, QUARANTINE);
  uint8_t *const old         = (uint8_t *)guard->alloc(guard, 100, 4);
  memset(old, 'k', 100);
  uint8_t *const same = (uint8_t *)guard->realloc(guard, old, 100, 100, 4);
  CHECK(same != old);
  CHECK(!is_touchable(old));
  CHECK_FILLED(same, 100, 'k');
  uint8_t *const shorter = (uint8_t *)guard->realloc(guard, same, 100, 60, 4);
  CHECK_FILLED(shorter, 60, 'k');
  CHECK(!is_touchable(shorter + 60));
  CHECK(!is_touchable(same));
  guard->free(guard, shorter, 60, 4);
  CHECK_EQ(info_of(guard).quarantine_blocks, 3);
  ptrs_allocator_release(guard);
}

typedef struct {
  unsigned flags;
  size_t size;
  size_t align;
  int offset; // of the byte to be overwritten; from the end if not negative
} Damage;

static const Damage damages[] = {
    {0, 10, 16, 0},   {0, 10, 16, 5},    {0, 1, 8, 6},     {0, 100, 8, -1},
    {0, 100, 8, -64}, {0, 5000, 64, 55}, {0, 1, 8192, 99}, {PTRS_GUARD_UNDERFLOW, 10, 16, 0},
    {0, 4090, 4, 1},  {0, 4090, 4, -4},  {0, 9, 4096, 9},  {PTRS_GUARD_UNDERFLOW, 4096 + 9, 1, 63},
};

#define N_DAMAGES (sizeof(damages) / sizeof(damages[0]))

static uint8_t *
damaged_block(PtrsAllocator *guard, const Damage *damage)
{
  uint8_t *const mem = (uint8_t *)guard->alloc(guard, damage->size, damage->align);
  memset(mem, 0xFD, damage->size);
  *(damage->offset < 0 ? mem + damage->offset : mem + damage->size + damage->offset) ^= 0x10;
  return mem;
}

static void
damage_is_found(void)
{
  for (size_t i = 0; i < N_DAMAGES; ++i) {
    const Damage *const damage = &damages[i];
    const size_t size          = damage->size;
    PtrsAllocator *const guard = make(damage->flags, QUARANTINE);
    guard->free(guard, damaged_block(guard, damage), size, damage->align);
    CHECK_EQ(info_of(guard).damaged_blocks, 1);

    // A resize finds the damage and moves the block away from it
    void *const mem =
        guard->realloc(guard, damaged_block(guard, damage), size, 2 * size, damage->align);
    CHECK_EQ(info_of(guard).damaged_blocks, 2);
    guard->free(guard, mem, 2 * size, damage->align);
    CHECK_EQ(info_of(guard).damaged_blocks, 2);

    (void)damaged_block(guard, damage);
    CHECK_EQ(ptrs_allocator_close(guard), PTRS_STATUS_SUCCESS);
    CHECK_EQ(info_of(guard).damaged_blocks, 3);
    ptrs_allocator_release(guard);
  }
}

static void
labels_are_for_live_blocks(void)
{
  PtrsAllocator *const guard = make(0, QUARANTINE);
  char *const mem            = (char *)guard->alloc(guard, 8, 1);
  CHECK_EQ(ptrs_guard_label(mem, "here"), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_guard_label(mem, ""), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_guard_label(mem, NULL), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_guard_label(mem + 1, "inside"), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_guard_label(NULL, "none"), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_guard_label(&guard, "foreign"), PTRS_STATUS_BAD_ARG);
  guard->free(guard, mem, 8, 1);
  CHECK_EQ(ptrs_guard_label(mem, "freed"), PTRS_STATUS_BAD_ARG);
  ptrs_allocator_release(guard);
}

static void
handlers_come_and_go(void)
{
  CHECK_EQ(ptrs_guard_report_faults(-1), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_guard_report_faults(2), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_guard_report_faults(1), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_guard_report_faults(-1), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_guard_report_faults(-1), PTRS_STATUS_SUCCESS);
}

static void
conforms(unsigned flags, size_t quarantine_size)
{
  PtrsAllocator *const guard = make(flags, quarantine_size);
  conformance_run(guard);
  CHECK_EQ(info_of(guard).damaged_blocks, 0);
  ptrs_allocator_release(guard);
}

int
main(void)
{
  conforms(0, QUARANTINE);
  conforms(PTRS_GUARD_UNDERFLOW, 0);
  TAP_RUN(bad_arguments_are_refused);
  TAP_RUN(what_it_tells_of_itself);
  TAP_RUN(ends_are_flush);
  TAP_RUN(starts_are_flush);
  TAP_RUN(empty_blocks_have_no_bytes);
  TAP_RUN(freed_pages_cannot_be_touched);
  TAP_RUN(large_blocks_give_their_memory_back);
  TAP_RUN(others_map_pages_in_between);
  TAP_RUN(the_quarantine_is_bounded);
  TAP_RUN(without_a_quarantine_pages_are_used_again);
  TAP_RUN(zeroed_blocks_are_zero_when_pages_are_used_again);
  TAP_RUN(resized_blocks_move);
  TAP_RUN(damage_is_found);
  TAP_RUN(labels_are_for_live_blocks);
  TAP_RUN(handlers_come_and_go);
  return tap_end();
}
