// SPDX-License-Identifier: MIT
// The handle table from inside: slots, generations, growth.
#define _GNU_SOURCE
#include "blocks/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "child.h"
#include "environment.h"
#include "mappings.h"
#include "operations.h"
#include "ptrs/system.h"
#include "tap.h"

#define N_MANY 20000
#define BATCH 64

static char lent[8];

// A block without memory of its own
static PtrsBlock
make(void)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_adopt(lent, 8, 1, PTRS_BLOCK_NOT_FREEABLE, &block), PTRS_STATUS_SUCCESS);
  return block;
}

static void
end(PtrsBlock block)
{
  CHECK_EQ(ptrs_block_disown(block), PTRS_STATUS_SUCCESS);
}

static uint64_t
index_of(PtrsBlock block)
{
  return (uint64_t)block & PTRS_INDEX_MASK;
}

static uint64_t
generation_of(PtrsBlock block)
{
  return (uint64_t)block >> PTRS_INDEX_BITS;
}

// Must be the first case: no block was allocated before
static void
the_table_fills_densely(void)
{
  static PtrsBlock blocks[N_MANY];
  static bool seen[N_MANY + BATCH];
  for (size_t i = 0; i < N_MANY; ++i) {
    blocks[i] = make();
    CHECK(generation_of(blocks[i]) == 1);
    if (CHECK(index_of(blocks[i]) < N_MANY + BATCH)) {
      CHECK(!seen[index_of(blocks[i])]);
      seen[index_of(blocks[i])] = true;
    }
  }
  for (size_t i = 0; i < N_MANY; ++i) {
    PtrsBlockInfo info = {0};
    CHECK_EQ(ptrs_block_info(blocks[i], &info), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_table_find(blocks[i])->next, index_of(blocks[i]));
    end(blocks[i]);
  }

  // The same slots again, each in its next generation
  for (size_t i = 0; i < N_MANY; ++i) {
    const PtrsBlock block = make();
    CHECK(index_of(block) < N_MANY + BATCH);
    CHECK_EQ(generation_of(block), 2);
    CHECK_EQ(ptrs_block_disown(blocks[i]), PTRS_STATUS_STALE);
    blocks[i] = block;
  }
  for (size_t i = 0; i < N_MANY; ++i) {
    end(blocks[i]);
  }
}

static void
reuse_gives_new_generations(void)
{
  PtrsBlock last = make();
  for (int i = 0; i < 1000; ++i) {
    const PtrsBlock old = last;
    end(old);
    last = make();
    CHECK_EQ(index_of(last), index_of(old)); // the slot freed last is taken first
    CHECK_EQ(generation_of(last), generation_of(old) + 1);
    CHECK_EQ(ptrs_block_disown(old), PTRS_STATUS_STALE);
  }
  end(last);
}

static void
handles_are_never_negative(void)
{
  const PtrsBlock block = make();
  PtrsSlot *const slot  = ptrs_table_find(block);
  ptrs_atomic_store(&slot->state, ((uint64_t)PTRS_GENERATION_MAX - 1) << PTRS_GENERATION_SHIFT);
  CHECK(ptrs_table_publish(slot, false) > 0);
  ptrs_atomic_store(&slot->state, (uint64_t)PTRS_GENERATION_MAX << PTRS_GENERATION_SHIFT);
  CHECK(ptrs_table_publish(slot, false) > 0);
  CHECK_EQ(generation_of(ptrs_table_publish(slot, false)), PTRS_GENERATION_MAX);

  // Restore the slot's generation
  ptrs_atomic_store(&slot->state, generation_of(block) << PTRS_GENERATION_SHIFT);
  CHECK_EQ(ptrs_table_publish(slot, false), block);
  end(block);
}

static void
the_last_generation_retires_the_slot(void)
{
  const PtrsBlock block = make();
  const uint64_t index  = index_of(block);
  PtrsSlot *const slot  = ptrs_table_find(block);
  ptrs_atomic_store(&slot->state, ((uint64_t)PTRS_GENERATION_MAX - 1) << PTRS_GENERATION_SHIFT);
  const PtrsBlock previous = ptrs_table_publish(slot, false);
  end(previous);

  // The last generation is used once
  const PtrsBlock last = make();
  CHECK_EQ(index_of(last), index);
  CHECK_EQ(generation_of(last), PTRS_GENERATION_MAX);
  CHECK_EQ(ptrs_block_fill(last, 0, 8, 1), PTRS_STATUS_SUCCESS);
  end(last);

  // Then the slot is never used again: a handle of any generation is stale
  CHECK_EQ(ptrs_atomic_load(&slot->state), PTRS_STATE_RETIRED);
  static PtrsBlock others[N_MANY + 2 * BATCH];
  const size_t n_others = sizeof(others) / sizeof(others[0]);
  for (size_t i = 0; i < n_others; ++i) {
    others[i] = make();
    CHECK(index_of(others[i]) != index);
  }
  check_all_refuse(last, PTRS_STATUS_STALE);
  check_all_refuse(previous, PTRS_STATUS_STALE);
  check_all_refuse(block, PTRS_STATUS_STALE);
  check_all_refuse((PtrsBlock)((uint64_t)1 << PTRS_INDEX_BITS | index), PTRS_STATUS_STALE);
  check_all_refuse((PtrsBlock)index, PTRS_STATUS_BAD_HANDLE);
  for (size_t i = 0; i < n_others; ++i) {
    end(others[i]);
  }
}

static void
unclaimed_slots_keep_their_generation(void)
{
  PtrsSlot *const slot = ptrs_table_claim();
  if (!CHECK(slot)) {
    return;
  }
  const uint32_t index = slot->next;
  const uint64_t state = ptrs_atomic_load(&slot->state);
  ptrs_table_unclaim(slot);
  const PtrsBlock block = make();
  CHECK_EQ(index_of(block), index);
  CHECK_EQ(generation_of(block), ptrs_state_generation(state));
  end(block);
}

static void
failures_do_not_use_up_slots(void)
{
  const PtrsBlock before = make();
  end(before);
  for (int i = 0; i < 1000; ++i) {
    PtrsBlock block = 77;
    CHECK_EQ(ptrs_block_alloc(ptrs_system_allocator(), PTRS_SIZE_MAX, 8, &block),
             PTRS_STATUS_NO_MEM);
    CHECK_EQ(block, 77);
  }
  const PtrsBlock after = make();
  CHECK_EQ(index_of(after), index_of(before));
  CHECK_EQ(generation_of(after), generation_of(before) + 1);
  end(after);
}

// Readers at their ceiling make the next one wait, not overflow into the flags
static void
readers_have_a_ceiling(void)
{
  const PtrsBlock block = make();
  PtrsSlot *const slot  = ptrs_table_find(block);
  const uint64_t state  = ptrs_atomic_load(&slot->state);
  ptrs_atomic_store(&slot->state, state | (PTRS_STATE_READERS - PTRS_STATE_READER));
  PtrsEntry entry;
  CHECK_EQ(ptrs_block_enter(block, PTRS_ACCESS_SHARED, &entry), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_atomic_load(&slot->state), state | PTRS_STATE_READERS);
  ptrs_block_leave(&entry);
  ptrs_atomic_store(&slot->state, state);
  end(block);
}

// Bytes of address space in use, from the second field of /proc/self/statm
static size_t
address_space(void)
{
  unsigned long pages = 0;
  FILE *const file    = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%lu", &pages) != 1) {
    pages = 0;
  }
  if (file) {
    (void)fclose(file);
  }
  return (size_t)pages * 4096;
}

#define MANY_MORE ((size_t)1 << 20)

static void
grow_without_memory(void *ctx)
{
  (void)ctx;
  // The list of blocks exists before the limit does
  PtrsBlock *const blocks = (PtrsBlock *)calloc(MANY_MORE, sizeof(PtrsBlock));
  struct rlimit limit;
  CHECK(blocks);
  CHECK_EQ(getrlimit(RLIMIT_AS, &limit), 0);
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur      = address_space() + ((size_t)4 << 20);
  CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);

  size_t n_blocks   = 0;
  PtrsStatus status = PTRS_STATUS_SUCCESS;
  PtrsBlock block   = 77;
  while (n_blocks < MANY_MORE - 10 * BATCH) {
    status = ptrs_block_adopt(lent, 8, 1, PTRS_BLOCK_NOT_FREEABLE, &block);
    if (status) {
      break;
    }
    blocks[n_blocks++] = block;
    block              = 77;
  }
  CHECK_EQ(status, PTRS_STATUS_NO_MEM);
  CHECK_EQ(block, 77);
  CHECK(n_blocks > N_MANY);
  CHECK_EQ(ptrs_block_alloc(ptrs_system_allocator(), 8, 8, &block), PTRS_STATUS_NO_MEM);
  CHECK_EQ(block, 77);

  // Live blocks stay usable, and each freed slot serves one new block
  check_block(blocks[0], 8, 0, 0);
  check_block(blocks[n_blocks - 1], 8, 0, 0);
  end(blocks[0]);
  blocks[0] = make();
  CHECK_EQ(ptrs_block_adopt(lent, 8, 1, PTRS_BLOCK_NOT_FREEABLE, &block), PTRS_STATUS_NO_MEM);

  // Once there is memory again, the table grows on
  limit.rlim_cur = before;
  CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  for (int i = 0; i < 10 * BATCH; ++i) {
    blocks[n_blocks] = make();
    CHECK(index_of(blocks[n_blocks]) < n_blocks + BATCH);
    ++n_blocks;
  }
  for (size_t i = 0; i < n_blocks; ++i) {
    end(blocks[i]);
  }
  free(blocks);
}

static void
growth_may_fail(void)
{
  if (UNDER_SANITIZER || under_valgrind() || under_emulator()) {
    tap_skip("the address space cannot be limited under a sanitizer, valgrind or an emulator");
    return;
  }
  for (size_t i = 0; i < sizeof(lent); ++i) {
    lent[i] = 0;
  }
  child_run(grow_without_memory, NULL);
}

int
main(void)
{
  forbid_huge_blocks();
  TAP_RUN(the_table_fills_densely);
  TAP_RUN(reuse_gives_new_generations);
  TAP_RUN(handles_are_never_negative);
  TAP_RUN(unclaimed_slots_keep_their_generation);
  TAP_RUN(failures_do_not_use_up_slots);
  TAP_RUN(readers_have_a_ceiling);
  TAP_RUN(growth_may_fail);
  TAP_RUN(the_last_generation_retires_the_slot);
  return tap_end();
}
