// SPDX-License-Identifier: MIT
#include "conformance.h"

#include <string.h>

#include "mappings.h"
#include "tap.h"

// The cases have no arguments
static PtrsAllocator *subject;

static const size_t sizes[] = {0,  1,   2,    7,    8,    15,        16,        17,
                               24, 100, 1023, 1024, 1025, 64 * 1024, 300 * 1024};

#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

typedef struct {
  uint8_t *mem;
  size_t size;
  size_t align;
} Piece;

static size_t
min(size_t a, size_t b)
{
  return a < b ? a : b;
}

static void *
get(size_t size, size_t align, bool zeroed)
{
  return zeroed ? subject->zalloc(subject, size, align) : subject->alloc(subject, size, align);
}

static void
give_back(const Piece *piece)
{
  subject->free(subject, piece->mem, piece->size, piece->align);
}

static size_t
capacity_of(const Piece *piece)
{
  return subject->capacity(subject, piece->mem, piece->size, piece->align);
}

// Greatest alignment that the allocator serves
static size_t
max_align(void)
{
  return ptrs_allocator_max_align(subject);
}

static void
addresses_are_aligned(void)
{
  for (size_t align = 1; align <= max_align(); align *= 2) {
    for (size_t i = 0; i < N_SIZES; ++i) {
      for (int zeroed = 0; zeroed < 2; ++zeroed) {
        const Piece piece = {(uint8_t *)get(sizes[i], align, zeroed), sizes[i], align};
        if (!CHECK(piece.mem)) {
          return;
        }
        CHECK_EQ((uintptr_t)piece.mem % align, 0);
        CHECK(capacity_of(&piece) >= sizes[i]);
        memset(piece.mem, 0x5A, capacity_of(&piece));
        give_back(&piece);
      }
    }
  }
}

// A block behind it after each step keeps the block from growing in place
static void
reallocated_addresses_are_aligned(void)
{
  for (size_t align = 1; align <= max_align(); align *= 2) {
    Piece neighbours[N_SIZES];
    Piece piece = {(uint8_t *)get(1, align, false), 1, align};
    for (size_t i = 0; i < N_SIZES; ++i) {
      const size_t size = 24 + 16 * i;
      neighbours[i]     = (Piece){(uint8_t *)get(size, 8, false), size, 8};
      uint8_t *const mem =
          (uint8_t *)subject->realloc(subject, piece.mem, piece.size, sizes[i], align);
      if (CHECK(mem)) {
        piece = (Piece){mem, sizes[i], align};
        CHECK_EQ((uintptr_t)mem % align, 0);
        CHECK(capacity_of(&piece) >= sizes[i]);
      }
    }
    for (size_t i = 0; i < N_SIZES; ++i) {
      give_back(&neighbours[i]);
    }
    give_back(&piece);
  }
}

// Blocks of all sizes at once, each filled to its capacity with its own number
static void
blocks_are_disjoint(void)
{
  Piece pieces[N_SIZES * 4];
  const size_t n_pieces = sizeof(pieces) / sizeof(pieces[0]);
  for (size_t i = 0; i < n_pieces; ++i) {
    const size_t size  = sizes[i % N_SIZES];
    const size_t align = min((size_t)1 << (i % 8), max_align());
    pieces[i]          = (Piece){(uint8_t *)get(size, align, i % 2), size, align};
    if (!CHECK(pieces[i].mem)) {
      return;
    }
    memset(pieces[i].mem, (int)i, capacity_of(&pieces[i]));
  }
  for (size_t i = 0; i < n_pieces; ++i) {
    CHECK_FILLED(pieces[i].mem, capacity_of(&pieces[i]), (int)i);
    for (size_t j = 0; j < i; ++j) {
      CHECK(pieces[i].mem != pieces[j].mem); // blocks of no bytes, too, have addresses of their own
    }
  }
  for (size_t i = 0; i < n_pieces; ++i) {
    give_back(&pieces[i]);
  }
}

// Freed memory with old bytes is likely to be handed out again
static void
zalloc_gives_zeros(void)
{
  static const size_t aligns[] = {1, 16, 64, 4096, PTRS_ALIGN_MAX};
  for (size_t i = 0; i < N_SIZES; ++i) {
    for (size_t j = 0; j < sizeof(aligns) / sizeof(aligns[0]); ++j) {
      for (int zeroed = 0; zeroed < 2; ++zeroed) {
        const size_t align = min(aligns[j], max_align());
        const Piece piece  = {(uint8_t *)get(sizes[i], align, zeroed), sizes[i], align};
        if (!CHECK(piece.mem)) {
          return;
        }
        if (zeroed) {
          CHECK_FILLED(piece.mem, sizes[i], 0);
        }
        memset(piece.mem, 0xFF, capacity_of(&piece));
        give_back(&piece);
      }
    }
  }
}

static void
realloc_keeps_contents(void)
{
  static const size_t aligns[] = {1, 16, 256, 8192};
  for (size_t a = 0; a < sizeof(aligns) / sizeof(aligns[0]); ++a) {
    for (size_t i = 0; i < N_SIZES; ++i) {
      for (size_t j = 0; j < N_SIZES; ++j) {
        const size_t align = min(aligns[a], max_align());
        Piece piece        = {(uint8_t *)get(sizes[i], align, false), sizes[i], align};
        if (!CHECK(piece.mem)) {
          return;
        }
        // Growth keeps bytes up to the capacity, not up to the old size alone
        const size_t filled = capacity_of(&piece);
        memset(piece.mem, 0x77, filled);
        void *const mem = subject->realloc(subject, piece.mem, sizes[i], sizes[j], align);
        if (CHECK(mem)) {
          piece = (Piece){(uint8_t *)mem, sizes[j], align};
          CHECK_FILLED(mem, filled < sizes[j] ? filled : sizes[j], 0x77);
        }
        give_back(&piece);
      }
    }
  }
}

// Added bytes are zero, not what the block held there before it shrank
static void
zrealloc_gives_zeros(void)
{
  static const size_t aligns[] = {1, 16, 256, 8192};
  for (size_t a = 0; subject->zrealloc && a < sizeof(aligns) / sizeof(aligns[0]); ++a) {
    for (size_t i = 0; i < N_SIZES; ++i) {
      for (size_t j = 0; j < N_SIZES; ++j) {
        const size_t align = min(aligns[a], max_align());
        Piece piece        = {(uint8_t *)get(sizes[i], align, false), sizes[i], align};
        if (!CHECK(piece.mem)) {
          return;
        }
        memset(piece.mem, 0x77, capacity_of(&piece));
        const size_t kept = min(sizes[i] - sizes[i] / 4, sizes[j]);
        void *const mem   = subject->zrealloc(subject, piece.mem, sizes[i], kept, sizes[j], align);
        if (CHECK(mem)) {
          piece = (Piece){(uint8_t *)mem, sizes[j], align};
          CHECK_EQ((uintptr_t)mem % align, 0);
          CHECK_FILLED(mem, kept, 0x77);
          CHECK_FILLED((uint8_t *)mem + kept, sizes[j] - kept, 0);
          memset(mem, 0xFF, capacity_of(&piece));
        }
        give_back(&piece);
      }
    }
  }
}

static void
statistics_are_exact(void)
{
  PtrsStats before;
  PtrsStats now;
  ptrs_allocator_stats(subject, &before);

  Piece a = {(uint8_t *)get(100, 16, false), 100, 16};
  Piece b = {(uint8_t *)get(50, 8, true), 50, 8};
  Piece c = {(uint8_t *)get(0, 1, false), 0, 1};
  ptrs_allocator_stats(subject, &now);
  CHECK_EQ(now.current_blocks - before.current_blocks, 3);
  CHECK_EQ(now.current_bytes - before.current_bytes, 150);
  CHECK_EQ(now.total_blocks - before.total_blocks, 3);
  CHECK_EQ(now.total_bytes - before.total_bytes, 150);
  CHECK(now.peak_blocks >= now.current_blocks);
  CHECK(now.peak_bytes >= now.current_bytes);

  // The total counts the bytes that growth adds; shrinking adds none
  a.mem  = (uint8_t *)subject->realloc(subject, a.mem, 100, 1000, 16);
  a.size = 1000;
  b.mem  = (uint8_t *)subject->realloc(subject, b.mem, 50, 20, 8);
  b.size = 20;
  ptrs_allocator_stats(subject, &now);
  CHECK_EQ(now.current_blocks - before.current_blocks, 3);
  CHECK_EQ(now.current_bytes - before.current_bytes, 1020);
  CHECK_EQ(now.total_blocks - before.total_blocks, 3);
  CHECK_EQ(now.total_bytes - before.total_bytes, 1050);

  // A failed call changes no statistic
  PtrsStats failed;
  CHECK_PTR(get(PTRS_SIZE_MAX, 16, false), NULL);
  CHECK_PTR(subject->realloc(subject, a.mem, 1000, PTRS_SIZE_MAX, 16), NULL);
  ptrs_allocator_stats(subject, &failed);
  CHECK(!memcmp(&failed, &now, sizeof(now)));

  give_back(&a);
  give_back(&b);
  give_back(&c);
  ptrs_allocator_stats(subject, &now);
  CHECK_EQ(now.current_blocks, before.current_blocks);
  CHECK_EQ(now.current_bytes, before.current_bytes);
  CHECK_EQ(now.total_bytes - before.total_bytes, 1050);
}

// Once the current value passes the old peak, it is the peak
static void
peaks_are_kept(void)
{
  PtrsStats before;
  PtrsStats high;
  PtrsStats after;
  ptrs_allocator_stats(subject, &before);

  Piece big[64];
  size_t n_big = 0;
  size_t left  = (size_t)before.peak_bytes + 10;
  for (; left && n_big < sizeof(big) / sizeof(big[0]); ++n_big) {
    const size_t size = min(left, ptrs_allocator_max_size(subject));
    big[n_big]        = (Piece){(uint8_t *)get(size, 16, false), size, 16};
    left -= size;
  }
  CHECK_EQ(left, 0);
  ptrs_allocator_stats(subject, &high);
  CHECK_EQ(high.peak_bytes, high.current_bytes);
  CHECK_EQ(high.peak_bytes, before.current_bytes + before.peak_bytes + 10);
  while (n_big) {
    give_back(&big[--n_big]);
  }

  ptrs_allocator_stats(subject, &after);
  CHECK_EQ(after.peak_bytes, high.peak_bytes);
  CHECK_EQ(after.current_bytes, before.current_bytes);

  Piece pieces[256];
  const size_t n_pieces = sizeof(pieces) / sizeof(pieces[0]);
  for (size_t i = 0; i < n_pieces; ++i) {
    pieces[i] = (Piece){(uint8_t *)get(1, 1, false), 1, 1};
  }
  ptrs_allocator_stats(subject, &high);
  for (size_t i = 0; i < n_pieces; ++i) {
    give_back(&pieces[i]);
  }
  ptrs_allocator_stats(subject, &after);
  CHECK_EQ(high.peak_blocks, high.current_blocks);
  CHECK_EQ(after.peak_blocks, high.peak_blocks);
  CHECK_EQ(after.current_blocks, before.current_blocks);
}

static void
exhaustion_gives_null(void)
{
  static const size_t huge[]   = {PTRS_SIZE_MAX, PTRS_SIZE_MAX - 1, PTRS_SIZE_MAX - 4096};
  static const size_t aligns[] = {1, 16, 32, 4096, PTRS_ALIGN_MAX};
  for (size_t i = 0; i < sizeof(huge) / sizeof(huge[0]); ++i) {
    for (size_t j = 0; j < sizeof(aligns) / sizeof(aligns[0]); ++j) {
      const size_t align = min(aligns[j], max_align());
      CHECK_PTR(get(huge[i], align, false), NULL);
      CHECK_PTR(get(huge[i], align, true), NULL);

      // A failed realloc leaves the old block unchanged
      const Piece piece = {(uint8_t *)get(40, align, false), 40, align};
      memset(piece.mem, 0x33, 40);
      CHECK_PTR(subject->realloc(subject, piece.mem, 40, huge[i], align), NULL);
      CHECK_FILLED(piece.mem, 40, 0x33);
      give_back(&piece);
    }
  }
}

// A request above the limit is refused, and changes no statistic
static void
limits_are_kept(void)
{
  PtrsStats before;
  PtrsStats after;
  const size_t size = ptrs_allocator_max_size(subject);
  ptrs_allocator_stats(subject, &before);
  if (size < PTRS_SIZE_MAX) {
    const Piece piece = {(uint8_t *)get(size, 16, false), size, 16};
    CHECK(piece.mem);
    CHECK_PTR(get(size + 1, 16, false), NULL);
    CHECK_PTR(get(size + 1, 16, true), NULL);
    CHECK_PTR(subject->realloc(subject, piece.mem, size, size + 1, 16), NULL);
    give_back(&piece);
  }
  if (max_align() < PTRS_ALIGN_MAX) {
    CHECK_PTR(get(1, max_align() * 2, false), NULL);
    CHECK_PTR(get(1, max_align() * 2, true), NULL);
  }
  ptrs_allocator_stats(subject, &after);
  CHECK_EQ(after.current_blocks, before.current_blocks);
  CHECK_EQ(after.current_bytes, before.current_bytes);
}

void
conformance_run(PtrsAllocator *allocator)
{
  subject = allocator;
  forbid_huge_blocks();
  TAP_RUN(addresses_are_aligned);
  TAP_RUN(reallocated_addresses_are_aligned);
  TAP_RUN(blocks_are_disjoint);
  TAP_RUN(zalloc_gives_zeros);
  TAP_RUN(realloc_keeps_contents);
  TAP_RUN(zrealloc_gives_zeros);
  TAP_RUN(statistics_are_exact);
  TAP_RUN(peaks_are_kept);
  TAP_RUN(exhaustion_gives_null);
  TAP_RUN(limits_are_kept);
}
