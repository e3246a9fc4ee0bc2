// SPDX-License-Identifier: MIT
// Lists of the blocks that are live, also while other threads make and end blocks.
#define _GNU_SOURCE
#include "ptrs/block.h"

#include <stdatomic.h>
#include <string.h>

#include "child.h"
#include "ptrs/arena.h"
#include "ptrs/pool.h"
#include "ptrs/system.h"
#include "tap.h"
#include "threads.h"

#define N_KEPT 300
#define KEPT_SIZE ((size_t)5000) // of no other block
#define N_ROOM 7

static PtrsBlock
make(PtrsAllocator *allocator, size_t size)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_alloc(allocator, size, 64, &block), PTRS_STATUS_SUCCESS);
  return block;
}

static void
end(PtrsBlock block)
{
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
}

// Called for each record of a list
typedef void (*Visit)(const PtrsBlockRecord *record, void *ctx);

// Visit all blocks of an allocator, `room` at a time; returns their number
static size_t
visit_all(const PtrsAllocator *allocator, size_t room, Visit visit, void *ctx)
{
  PtrsBlockCursor cursor = {0, 0};
  PtrsBlockRecord records[N_ROOM];
  size_t total = 0;
  size_t n     = 0;
  do {
    n = ptrs_block_list(allocator, &cursor, room, records);
    CHECK(n <= room);
    for (size_t i = 0; visit && i < n; ++i) {
      visit(&records[i], ctx);
    }
    total += n;
  } while (n == room);
  CHECK_EQ(ptrs_block_list(allocator, &cursor, room, records), 0);
  return total;
}

// Must be the first case
static void
a_table_that_was_never_used_has_no_blocks(void)
{
  CHECK_EQ(visit_all(NULL, N_ROOM, NULL, NULL), 0);
  CHECK_EQ(visit_all(ptrs_system_allocator(), 1, NULL, NULL), 0);
}

static void
check_fields(const PtrsBlockRecord *record, void *ctx)
{
  PtrsBlockInfo info = {0};
  CHECK_EQ(ptrs_block_info(record->block, &info), PTRS_STATUS_SUCCESS);
  CHECK_PTR(record->info.mem, info.mem);
  CHECK_EQ(record->info.size, info.size);
  CHECK_EQ(record->info.capacity, info.capacity);
  CHECK_EQ(record->info.align, info.align);
  CHECK_PTR(record->info.allocator, info.allocator);
  CHECK_EQ(record->info.flags, info.flags);
  CHECK_EQ(record->info.pins, info.pins);
  *(size_t *)ctx += info.size;
}

static void
each_block_is_listed_once_with_its_fields(void)
{
  static char lent[100];
  PtrsAllocator *const heap = ptrs_system_allocator();
  PtrsAllocator *arena      = NULL;
  PtrsAllocator *pool       = NULL;
  PtrsBlock blocks[4]       = {make(heap, 1), make(heap, 0)};
  void *mem                 = NULL;
  CHECK_EQ(ptrs_arena_new(heap, 4096, &arena), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_pool_new(arena, 64, 64, 8, &pool), PTRS_STATUS_SUCCESS);
  (void)make(arena, 20);
  (void)make(pool, 30);
  (void)make(pool, 40);
  CHECK_EQ(ptrs_block_pin(blocks[0], &mem), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_adopt(lent, 100, 1, PTRS_BLOCK_NOT_FREEABLE, &blocks[2]),
           PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_own(lent, 50, 1, NULL, NULL, &blocks[3]), PTRS_STATUS_SUCCESS);
  for (size_t room = 1; room <= N_ROOM; ++room) {
    size_t sum = 0;
    CHECK_EQ(visit_all(NULL, room, check_fields, &sum), 7);
    CHECK_EQ(sum, 1 + 0 + 20 + 30 + 40 + 100 + 50);
    CHECK_EQ(visit_all(heap, room, NULL, NULL), 2);
    CHECK_EQ(visit_all(arena, room, NULL, NULL), 1);
    CHECK_EQ(visit_all(pool, room, NULL, NULL), 2);
  }
  CHECK_EQ(ptrs_block_unpin(blocks[0]), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_allocator_close(pool), PTRS_STATUS_SUCCESS);
  CHECK_EQ(visit_all(pool, 1, NULL, NULL), 0);
  CHECK_EQ(ptrs_arena_reset(arena), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_disown(blocks[2]), PTRS_STATUS_SUCCESS);
  end(blocks[0]);
  end(blocks[1]);
  end(blocks[3]);
  CHECK_EQ(visit_all(NULL, N_ROOM, NULL, NULL), 0);
  ptrs_allocator_release(pool);
  ptrs_allocator_release(arena);
}

static void
without_room_a_list_does_not_move(void)
{
  PtrsBlockCursor cursor = {0, 0};
  PtrsBlockRecord record;
  const PtrsBlock block = make(ptrs_system_allocator(), 8);
  CHECK_EQ(ptrs_block_list(NULL, &cursor, 0, NULL), 0);
  CHECK_EQ(ptrs_block_list(NULL, &cursor, 1, &record), 1);
  CHECK_EQ(record.block, block);
  end(block);
}

// Each block that is listed is followed by more new ones than are listed at a time
static void
a_list_ends_although_blocks_are_made(void)
{
  static PtrsBlock blocks[1 << 16];
  size_t n_blocks        = 0;
  PtrsBlockCursor cursor = {0, 0};
  PtrsBlockRecord records[2];
  blocks[n_blocks++] = make(ptrs_system_allocator(), 8);
  while (ptrs_block_list(NULL, &cursor, 2, records) == 2 || cursor.next < cursor.end) {
    for (int i = 0; i < 3 && CHECK(n_blocks < sizeof(blocks) / sizeof(blocks[0])); ++i) {
      blocks[n_blocks++] = make(ptrs_system_allocator(), 8);
    }
    if (tap_failed()) {
      break;
    }
  }
  while (n_blocks) {
    end(blocks[--n_blocks]);
  }
}

// Blocks that stay, while threads make and end others, and use those that stay
typedef struct {
  PtrsBlock kept[N_KEPT];
  size_t n_seen[N_KEPT];
  PtrsAllocator *arena;
  double end;
  atomic_size_t n_lists;
} Crowd;

static void
count_kept(const PtrsBlockRecord *record, void *ctx)
{
  Crowd *const crowd = (Crowd *)ctx;
  CHECK(record->block > 0);
  CHECK_EQ(record->info.align, 64);
  if (record->info.size != KEPT_SIZE) {
    CHECK(record->info.size <= 100);
    return;
  }
  for (size_t i = 0; i < N_KEPT; ++i) {
    crowd->n_seen[i] += crowd->kept[i] == record->block;
  }
}

static void
list_kept(Crowd *crowd)
{
  while (clock_seconds() < crowd->end) {
    memset(crowd->n_seen, 0, sizeof(crowd->n_seen));
    (void)visit_all(NULL, N_ROOM, count_kept, crowd);
    for (size_t i = 0; i < N_KEPT; ++i) {
      CHECK_EQ(crowd->n_seen[i], 1);
    }
    (void)visit_all(crowd->arena, N_ROOM, NULL, NULL);
    crowd->n_lists += 1;
  }
}

static void
make_and_end(size_t index, void *ctx)
{
  Crowd *const crowd        = (Crowd *)ctx;
  PtrsAllocator *const heap = index == 1 ? ptrs_system_allocator() : crowd->arena;
  if (!index) {
    list_kept(crowd);
    return;
  }
  for (unsigned round = 0; clock_seconds() < crowd->end; ++round) {
    const PtrsBlock kept = crowd->kept[round % N_KEPT];
    PtrsBlock blocks[10];
    void *mem = NULL;
    for (size_t i = 0; i < 10; ++i) {
      blocks[i] = make(heap, i);
    }
    CHECK_EQ(ptrs_block_fill(kept, 0, KEPT_SIZE, (int)index), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_pin(kept, &mem), PTRS_STATUS_SUCCESS);
    for (size_t i = 0; i < 10; ++i) {
      CHECK_EQ(ptrs_block_realloc(blocks[i], i * 10), PTRS_STATUS_SUCCESS);
    }
    CHECK_EQ(ptrs_block_unpin(kept), PTRS_STATUS_SUCCESS);
    if (index == 1) {
      for (size_t i = 0; i < 10; ++i) {
        end(blocks[i]);
      }
    } else {
      CHECK_EQ(ptrs_arena_reset(crowd->arena), PTRS_STATUS_SUCCESS);
    }
  }
}

static void
blocks_that_stay_are_listed_once_among_threads(void)
{
  static Crowd crowd;
  crowd.end = clock_seconds() + CASE_SECONDS;
  CHECK_EQ(ptrs_arena_new(ptrs_system_allocator(), 4096, &crowd.arena), PTRS_STATUS_SUCCESS);
  for (size_t i = 0; i < N_KEPT; ++i) {
    crowd.kept[i] = make(ptrs_system_allocator(), KEPT_SIZE);
  }
  crew_run(3, make_and_end, &crowd);
  CHECK(crowd.n_lists);
  for (size_t i = 0; i < N_KEPT; ++i) {
    end(crowd.kept[i]);
  }
  ptrs_allocator_release(crowd.arena);
  CHECK_EQ(visit_all(NULL, N_ROOM, NULL, NULL), 0);
}

static void
list_in_child(void *ctx)
{
  CHECK_EQ(visit_all(NULL, N_ROOM, NULL, NULL), 1);
  end(*(PtrsBlock *)ctx);
  CHECK_EQ(visit_all(NULL, N_ROOM, NULL, NULL), 0);
}

static void
a_child_of_a_fork_lists_its_own_blocks(void)
{
  PtrsBlock block = make(ptrs_system_allocator(), 8);
  child_run(list_in_child, &block);
  CHECK_EQ(visit_all(NULL, N_ROOM, NULL, NULL), 1);
  end(block);
}

int
main(void)
{
  TAP_RUN(a_table_that_was_never_used_has_no_blocks);
  TAP_RUN(each_block_is_listed_once_with_its_fields);
  TAP_RUN(without_room_a_list_does_not_move);
  TAP_RUN(a_list_ends_although_blocks_are_made);
  TAP_RUN(blocks_that_stay_are_listed_once_among_threads);
  TAP_RUN(a_child_of_a_fork_lists_its_own_blocks);
  return tap_end();
}
