// SPDX-License-Identifier: MIT
// Guard allocators once the system refuses memory or mappings.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "allocators/guard/table.h"
#include "os/pages.h"
#include "child.h"
#include "environment.h"
#include "mappings.h"
#include "ptrs/block.h"
#include "ptrs/guard.h"
#include "tap.h"

#define QUARANTINE ((size_t)1 << 20)
#define N_BLOCKS ((size_t)10)

static PtrsAllocator *
make(size_t quarantine_size)
{
  PtrsAllocator *guard = NULL;
  CHECK_EQ(ptrs_guard_new(0, quarantine_size, &guard), PTRS_STATUS_SUCCESS);
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

// Allow mappings for `n_blocks` more blocks; returns the old limit
static size_t
leave_room_for(PtrsAllocator *guard, size_t n_blocks)
{
  const PtrsGuardInfo info = info_of(guard);
  ptrs_guard_set_max_mappings((size_t)info.mappings + 2 * n_blocks);
  return (size_t)info.max_mappings;
}

static void
fill(PtrsAllocator *guard, void **blocks)
{
  for (size_t i = 0; i < N_BLOCKS; ++i) {
    CHECK(!info_of(guard).is_full);
    blocks[i] = guard->alloc(guard, 8, 8);
    CHECK(blocks[i]);
  }
}

static void
mappings_end(void)
{
  PtrsAllocator *const guard = make(QUARANTINE);
  PtrsStats before;
  PtrsStats after;
  void *blocks[N_BLOCKS];
  const size_t limit = leave_room_for(guard, N_BLOCKS);
  fill(guard, blocks);

  CHECK(info_of(guard).is_full);
  CHECK_EQ(info_of(guard).mappings, info_of(guard).max_mappings);
  ptrs_allocator_stats(guard, &before);
  memset(blocks[3], 'k', 8);
  PtrsBlock block = 0;
  CHECK_PTR(guard->alloc(guard, 8, 8), NULL);
  CHECK_PTR(guard->zalloc(guard, 0, 1), NULL);
  CHECK_PTR(guard->realloc(guard, blocks[3], 8, 16, 8), NULL);
  CHECK_EQ(ptrs_block_zalloc(guard, 8, 8, &block), PTRS_STATUS_NO_MEM);
  CHECK_FILLED(blocks[3], 8, 'k');
  ptrs_allocator_stats(guard, &after);
  CHECK(!memcmp(&before, &after, sizeof(after)));

  // Quarantined blocks are released, the oldest first, and no more than needed
  guard->free(guard, blocks[0], 8, 8);
  guard->free(guard, blocks[1], 8, 8);
  CHECK(!info_of(guard).is_full);
  blocks[0] = guard->alloc(guard, 300000, 8);
  CHECK(blocks[0]);
  CHECK_EQ(info_of(guard).quarantine_blocks, 1);
  blocks[1] = guard->alloc(guard, 8, 8);
  CHECK(blocks[1]);
  CHECK(info_of(guard).is_full);

  ptrs_guard_set_max_mappings(limit);
  CHECK(!info_of(guard).is_full);
  ptrs_allocator_release(guard);
}

// Pages kept after the quarantine are released as well, whatever their size
static void
spare_pages_give_way(void)
{
  PtrsAllocator *const guard = make(0);
  void *blocks[N_BLOCKS];
  const size_t limit = leave_room_for(guard, N_BLOCKS);
  fill(guard, blocks);
  for (size_t i = 0; i < N_BLOCKS; ++i) {
    guard->free(guard, blocks[i], 8, 8);
  }
  CHECK_EQ(info_of(guard).mappings, info_of(guard).max_mappings);
  CHECK(!info_of(guard).is_full);
  for (size_t i = 0; i < N_BLOCKS; ++i) {
    CHECK(!info_of(guard).is_full);
    CHECK(guard->alloc(guard, 40000, 8));
  }
  CHECK(info_of(guard).is_full);
  CHECK_PTR(guard->alloc(guard, 8, 8), NULL);
  ptrs_guard_set_max_mappings(limit);
  ptrs_allocator_release(guard);
}

// Freed blocks of one allocator do not keep other allocators from new blocks
static void
quarantines_of_others_give_way(void)
{
  PtrsAllocator *const first  = make(QUARANTINE);
  PtrsAllocator *const second = make(QUARANTINE);
  PtrsAllocator *const third  = make(QUARANTINE);
  void *blocks[N_BLOCKS];
  void *own[N_BLOCKS];
  const size_t limit = leave_room_for(first, 2 * N_BLOCKS);
  fill(first, blocks);
  fill(second, own);
  CHECK(info_of(third).is_full);
  CHECK_PTR(third->alloc(third, 8, 8), NULL);

  // By turns, so that the oldest block is the first's, then the second's
  for (size_t i = 0; i < N_BLOCKS; ++i) {
    first->free(first, blocks[i], 8, 8);
    second->free(second, own[i], 8, 8);
  }
  CHECK(!info_of(first).is_full && !info_of(second).is_full && !info_of(third).is_full);
  for (size_t i = 0; i < N_BLOCKS; ++i) {
    // The oldest is released first, whichever allocator it belongs to
    CHECK_EQ(info_of(first).quarantine_blocks, N_BLOCKS - (i + 1) / 2);
    CHECK_EQ(info_of(second).quarantine_blocks, N_BLOCKS - i / 2);
    blocks[i] = third->alloc(third, 8, 8);
    CHECK(blocks[i]);
  }
  CHECK_EQ(info_of(third).mappings, info_of(third).max_mappings);

  // Mappings of a closed allocator count no longer
  CHECK_EQ(ptrs_allocator_close(second), PTRS_STATUS_SUCCESS);
  CHECK(info_of(third).mappings < info_of(third).max_mappings);
  for (size_t i = 0; i < N_BLOCKS; ++i) {
    own[i] = third->alloc(third, 8, 8);
    CHECK(own[i]);
  }
  CHECK_EQ(info_of(first).quarantine_blocks, 0);
  CHECK(info_of(first).is_full);
  CHECK_PTR(first->alloc(first, 8, 8), NULL);
  ptrs_guard_set_max_mappings(limit);
  ptrs_allocator_release(first);
  ptrs_allocator_release(second);
  ptrs_allocator_release(third);
}

// Pages that one allocator keeps for its next blocks do not keep others from theirs
static void
spare_pages_of_others_give_way(void)
{
  PtrsAllocator *const first  = make(0);
  PtrsAllocator *const second = make(0);
  void *blocks[N_BLOCKS];
  const size_t limit = leave_room_for(first, N_BLOCKS);
  fill(first, blocks);
  for (size_t i = 0; i < N_BLOCKS; ++i) {
    first->free(first, blocks[i], 8, 8);
  }
  for (size_t i = 0; i < N_BLOCKS; ++i) {
    CHECK(!info_of(second).is_full);
    CHECK(second->alloc(second, 8, 8));
  }
  CHECK(info_of(first).is_full);
  CHECK_PTR(first->alloc(first, 8, 8), NULL);
  ptrs_guard_set_max_mappings(limit);
  ptrs_allocator_release(first);
  ptrs_allocator_release(second);
}

// All guard allocators together have one limit
static void
mappings_are_shared(void)
{
  PtrsAllocator *const a = make(QUARANTINE);
  PtrsAllocator *const b = make(QUARANTINE);
  void *blocks[N_BLOCKS];
  const size_t limit = leave_room_for(a, N_BLOCKS);
  fill(a, blocks);
  CHECK_PTR(b->alloc(b, 8, 8), NULL);
  CHECK(info_of(b).is_full);
  CHECK_EQ(ptrs_allocator_close(a), PTRS_STATUS_SUCCESS);
  CHECK(!info_of(b).is_full);
  CHECK(b->alloc(b, 8, 8));
  ptrs_guard_set_max_mappings(limit);
  ptrs_allocator_release(a);
  ptrs_allocator_release(b);
}

// A released allocator gives all mappings back, of live, freed and resized blocks
static void
mappings_are_counted(void)
{
  PtrsAllocator *const other = make(0);
  const uint64_t before      = info_of(other).mappings;
  for (unsigned round = 0; round < 3; ++round) {
    PtrsAllocator *const guard = make(round * 100000);
    for (size_t i = 0; i < 100; ++i) {
      void *mem = guard->alloc(guard, 1000 * i, 8);
      CHECK(mem);
      if (i % 3) {
        mem = guard->realloc(guard, mem, 1000 * i, 5000 * i, 8);
        CHECK(mem);
      }
      if (i % 5) {
        guard->free(guard, mem, i % 3 ? 5000 * i : 1000 * i, 8);
      }
    }
    CHECK(info_of(other).mappings > before);
    ptrs_allocator_release(guard);
    CHECK_EQ(info_of(other).mappings, before);
  }
  ptrs_allocator_release(other);
}

// The kernel's own limit is not reached: other code in the process still gets memory
static void
fill_the_process(void *ctx)
{
  (void)ctx;
  PtrsAllocator *const guard = make(QUARANTINE);
  size_t n_blocks            = 0;
  while (guard->alloc(guard, 1 + n_blocks % 5000, 1)) {
    ++n_blocks;
  }
  const PtrsGuardInfo info = info_of(guard);
  CHECK(info.is_full);
  CHECK_EQ(info.mappings, 2 * n_blocks);
  CHECK(info.max_mappings < ptrs_os_max_mappings());
  CHECK(count_mappings() < ptrs_os_max_mappings() - ptrs_os_max_mappings() / 20);
  for (size_t i = 0; i < 100; ++i) {
    CHECK(ptrs_os_pages_reserve(ptrs_os_page_size() << i % 8));
  }
  CHECK_EQ(ptrs_allocator_close(guard), PTRS_STATUS_SUCCESS);
  CHECK_EQ(info_of(guard).mappings, 0);
  ptrs_allocator_release(guard);
}

static void
the_kernels_limit_is_kept(void)
{
  if (UNDER_SANITIZER || under_valgrind()) {
    tap_skip("has too many mappings of its own");
    return;
  }
  if (ptrs_os_max_mappings() > 300000) {
    tap_skip("vm.max_map_count is so high that this would take minutes");
    return;
  }
  child_run(fill_the_process, NULL);
}

// Bytes of address space that the process may take beside those that it has
static void
limit_address_space(size_t more)
{
  size_t n_pages     = 0;
  FILE *const statm  = fopen("/proc/self/statm", "r");
  const bool is_read = statm && fscanf(statm, "%zu", &n_pages) == 1;
  if (!CHECK(is_read)) {
    return;
  }
  (void)fclose(statm);
  const rlim_t size         = (rlim_t)(n_pages * ptrs_os_page_size() + more);
  const struct rlimit limit = {size, size};
  CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
}

static void
use_little_address_space(void *ctx)
{
  (void)ctx;
  PtrsAllocator *const guard = make((size_t)64 << 20);
  uint8_t *const kept        = (uint8_t *)guard->alloc(guard, 100, 4);
  memset(kept, 'k', 100);
  limit_address_space((size_t)16 << 20);

  CHECK_PTR(guard->alloc(guard, (size_t)20 << 20, 8), NULL);
  CHECK_PTR(guard->realloc(guard, kept, 100, (size_t)20 << 20, 4), NULL);
  CHECK_FILLED(kept, 100, 'k');
  CHECK(!info_of(guard).is_full); // memory ran out, not mappings

  // Unless freed blocks of any allocator were released, the third block would fail
  PtrsAllocator *const other = make((size_t)64 << 20);
  for (unsigned i = 0; i < 10; ++i) {
    PtrsAllocator *const one = i % 4 < 2 ? guard : other;
    void *const mem          = one->alloc(one, (size_t)6 << 20, 8);
    CHECK(mem);
    one->free(one, mem, (size_t)6 << 20, 8);
  }
  ptrs_allocator_release(other);
  void *const last = guard->alloc(guard, (size_t)6 << 20, 8);
  guard->free(guard, last, (size_t)6 << 20, 8);
  // ... but none is released for a block that would have no place even so
  const uint64_t n_quarantined = info_of(guard).quarantine_blocks;
  CHECK(n_quarantined > 0);
  CHECK_PTR(guard->alloc(guard, (size_t)60 << 20, 8), NULL);
  CHECK_EQ(info_of(guard).quarantine_blocks, n_quarantined);

  PtrsStats stats;
  ptrs_allocator_stats(guard, &stats);
  CHECK_EQ(stats.current_blocks, 1);
  CHECK_EQ(stats.total_blocks, 8);
  guard->free(guard, kept, 100, 4);
  ptrs_allocator_release(guard);
}

static void
address_space_ends(void)
{
  if (UNDER_SANITIZER || under_valgrind() || under_emulator()) {
    tap_skip("needs address space without a limit, or keeps none");
    return;
  }
  child_run(use_little_address_space, NULL);
}

static void
set_data_limit(rlim_t size)
{
  struct rlimit limit;
  CHECK_EQ(getrlimit(RLIMIT_DATA, &limit), 0);
  limit.rlim_cur = size;
  CHECK_EQ(setrlimit(RLIMIT_DATA, &limit), 0);
}

// A limit on writable memory: freed pages cannot be made writable again, and no new
// ones be mapped
static void
use_little_writable_memory(void *ctx)
{
  (void)ctx;
  PtrsAllocator *const guard = make(0);
  void *const mem            = guard->alloc(guard, 8, 8);
  guard->free(guard, mem, 8, 8);
  CHECK_EQ(info_of(guard).mappings, 2);
  set_data_limit(4096);
  CHECK_PTR(guard->alloc(guard, 8, 8), NULL);
  CHECK_EQ(info_of(guard).mappings, 0); // pages that failed are not kept
  set_data_limit(RLIM_INFINITY);
  char *const again = (char *)guard->alloc(guard, 8, 8);
  if (CHECK(again)) {
    memset(again, 1, 8);
    CHECK(!is_touchable(again + 8));
  }
  ptrs_allocator_release(guard);
}

static void
writable_memory_ends(void)
{
  if (UNDER_SANITIZER || under_valgrind() || under_emulator()) {
    tap_skip("needs writable memory without a limit, or keeps none");
    return;
  }
  child_run(use_little_writable_memory, NULL);
}

int
main(void)
{
  TAP_RUN(mappings_end);
  TAP_RUN(spare_pages_give_way);
  TAP_RUN(quarantines_of_others_give_way);
  TAP_RUN(spare_pages_of_others_give_way);
  TAP_RUN(mappings_are_shared);
  TAP_RUN(mappings_are_counted);
  TAP_RUN(the_kernels_limit_is_kept);
  TAP_RUN(address_space_ends);
  TAP_RUN(writable_memory_ends);
  return tap_end();
}
