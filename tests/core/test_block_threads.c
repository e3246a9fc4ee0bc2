// SPDX-License-Identifier: MIT
// Several threads at one block: which of them succeeds, and which bytes they see.
#define _GNU_SOURCE
#include "ptrs/block.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "operations.h"
#include "ptrs/stack.h"
#include "ptrs/system.h"
#include "tap.h"
#include "threads.h"

#define N_THREADS 4
#define SIZE ((size_t)256) // more than a cache line, so that a store can tear

static PtrsBlock
make(size_t size, int byte)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_alloc(ptrs_system_allocator(), size, 16, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_fill(block, 0, size, byte), PTRS_STATUS_SUCCESS);
  return block;
}

// A block that one thread renews and all others use, and when to stop
typedef struct {
  Barrier barrier;
  _Atomic PtrsBlock block;
  atomic_bool stop;
  atomic_size_t n_won;
  double end;
} Arena;

static void
arena_run(Arena *arena, size_t n_threads, CrewFunction function)
{
  arena->stop  = false;
  arena->n_won = 0;
  arena->end   = clock_seconds() + CASE_SECONDS;
  barrier_init(&arena->barrier, n_threads);
  crew_run(n_threads, function, arena);
}

static void
free_once(size_t index, void *ctx)
{
  Arena *const arena = (Arena *)ctx;
  while (!arena->stop) {
    if (!index) {
      arena->block = make(64, 1);
      arena->n_won = 0;
    }
    barrier_wait(&arena->barrier);
    const PtrsBlock block   = arena->block;
    const PtrsStatus status = index % 2 ? ptrs_block_drop(block) : ptrs_block_free(block);
    if (status) {
      CHECK_EQ(status, PTRS_STATUS_STALE);
    } else {
      ++arena->n_won;
    }
    barrier_wait(&arena->barrier);
    if (!index) {
      CHECK_EQ(arena->n_won, 1);
      arena->stop = clock_seconds() > arena->end;
    }
    barrier_wait(&arena->barrier);
  }
}

static void
double_free_has_one_winner(void)
{
  Arena arena;
  arena_run(&arena, N_THREADS, free_once);
}

// Freed memory is allocated again and overwritten at once
static void
read_while_freed(size_t index, void *ctx)
{
  Arena *const arena        = (Arena *)ctx;
  PtrsAllocator *const heap = ptrs_system_allocator();
  if (!index) {
    while (clock_seconds() < arena->end) {
      const PtrsBlock next = make(SIZE, 0x11);
      const PtrsBlock old  = atomic_exchange(&arena->block, next);
      CHECK_EQ(ptrs_block_free(old), PTRS_STATUS_SUCCESS);
      void *const reused = heap->alloc(heap, SIZE, 16);
      memset(reused, 0xEE, SIZE);
      heap->free(heap, reused, SIZE, 16);
    }
    arena->stop = true;
    return;
  }
  while (!arena->stop) {
    uint8_t data[SIZE];
    const PtrsStatus status = ptrs_block_read(arena->block, 0, SIZE, data);
    if (status) {
      CHECK_EQ(status, PTRS_STATUS_STALE);
    } else {
      CHECK_FILLED(data, SIZE, 0x11);
    }
  }
}

static void
readers_never_see_freed_memory(void)
{
  Arena arena = {.block = make(SIZE, 0x11)};
  arena_run(&arena, 3, read_while_freed);
  CHECK_EQ(ptrs_block_free(arena.block), PTRS_STATUS_SUCCESS);
}

// Bytes that take so long to store that other threads come amid the store
#define STORE_SIZE ((size_t)16 * 1024)

static void
store_whole_values(size_t index, void *ctx)
{
  Arena *const arena = (Arena *)ctx;
  uint8_t data[STORE_SIZE];
  for (int byte = (int)index; clock_seconds() < arena->end; byte += 4) {
    switch (index) {
    case 0:
      memset(data, byte, STORE_SIZE);
      CHECK_EQ(ptrs_block_write(arena->block, 0, STORE_SIZE, data), PTRS_STATUS_SUCCESS);
      break;
    case 1:
      CHECK_EQ(ptrs_block_fill(arena->block, 0, STORE_SIZE, byte), PTRS_STATUS_SUCCESS);
      break;
    case 2:
      memset(data, byte, STORE_SIZE);
      CHECK_EQ(ptrs_block_write_unsafe(arena->block, 0, STORE_SIZE, data), PTRS_STATUS_SUCCESS);
      break;
    default:
      CHECK_EQ(ptrs_block_read(arena->block, 0, STORE_SIZE, data), PTRS_STATUS_SUCCESS);
      CHECK_FILLED(data, STORE_SIZE, data[0]);
    }
  }
}

static void
stores_do_not_tear(void)
{
  Arena arena = {.block = make(STORE_SIZE, 0)};
  arena_run(&arena, 4, store_whole_values);
  uint8_t data[STORE_SIZE];
  CHECK_EQ(ptrs_block_read(arena.block, 0, STORE_SIZE, data), PTRS_STATUS_SUCCESS);
  CHECK_FILLED(data, STORE_SIZE, data[0]);
  CHECK_EQ(ptrs_block_free(arena.block), PTRS_STATUS_SUCCESS);
}

// The count is no atomic: it is exact only if no other thread was inside
static void
count_exclusively(size_t index, void *ctx)
{
  Arena *const arena = (Arena *)ctx;
  (void)index;
  for (int i = 0; i < 5000; ++i) {
    PtrsEntry entry;
    CHECK_EQ(ptrs_block_enter(arena->block, PTRS_ACCESS_EXCLUSIVE, &entry), PTRS_STATUS_SUCCESS);
    uint64_t count = 0;
    memcpy(&count, entry.mem, sizeof(count));
    ++count;
    memcpy(entry.mem, &count, sizeof(count));
    ptrs_block_leave(&entry);
  }
}

static void
exclusive_means_alone(void)
{
  uint64_t count = 0;
  Arena arena    = {.block = make(sizeof(count), 0)};
  arena_run(&arena, N_THREADS, count_exclusively);
  CHECK_EQ(ptrs_block_read(arena.block, 0, sizeof(count), &count), PTRS_STATUS_SUCCESS);
  CHECK_EQ(count, N_THREADS * 5000);
  CHECK_EQ(ptrs_block_free(arena.block), PTRS_STATUS_SUCCESS);
}

static void
read_while_resized(size_t index, void *ctx)
{
  static const size_t sizes[] = {40000, 64, 300, 64, 200 * 1000, 100};
  Arena *const arena          = (Arena *)ctx;
  if (!index) {
    for (size_t i = 0; clock_seconds() < arena->end; ++i) {
      CHECK_EQ(ptrs_block_realloc(arena->block, sizes[i % 6]), PTRS_STATUS_SUCCESS);
    }
    arena->stop = true;
    return;
  }
  while (!arena->stop) {
    // The first 64 bytes stay; those behind are out of bounds or zero
    uint8_t data[300];
    CHECK_EQ(ptrs_block_read(arena->block, 0, 64, data), PTRS_STATUS_SUCCESS);
    CHECK_FILLED(data, 64, 0x42);
    const PtrsStatus status = ptrs_block_read(arena->block, 0, 300, data);
    if (status) {
      CHECK_EQ(status, PTRS_STATUS_OUT_OF_BOUNDS);
    } else {
      CHECK_FILLED(data, 64, 0x42);
      CHECK_FILLED(data + 64, 236, 0);
    }
  }
}

static void
readers_see_whole_resizes(void)
{
  Arena arena = {.block = make(64, 0x42)};
  arena_run(&arena, 3, read_while_resized);
  CHECK_EQ(ptrs_block_free(arena.block), PTRS_STATUS_SUCCESS);
}

typedef struct {
  PtrsBlock blocks[3];
  double end;
} Ring;

// Each thread goes round in its own direction
static void
copy_round(size_t index, void *ctx)
{
  Ring *const ring = (Ring *)ctx;
  for (size_t i = 0; clock_seconds() < ring->end; ++i) {
    const PtrsBlock a = ring->blocks[i % 3];
    const PtrsBlock b = ring->blocks[(i + 1) % 3];
    int order         = 9;
    CHECK_EQ(ptrs_block_copy(index % 2 ? a : b, 0, index % 2 ? b : a, 0, SIZE),
             PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_compare(index % 2 ? b : a, 0, index % 2 ? a : b, 0, SIZE, &order),
             PTRS_STATUS_SUCCESS);
    CHECK(order != 9);
  }
}

static void
opposite_copies_do_not_deadlock(void)
{
  Ring ring = {{make(SIZE, 1), make(SIZE, 2), make(SIZE, 3)}, clock_seconds() + CASE_SECONDS};
  crew_run(N_THREADS, copy_round, &ring);
  for (size_t i = 0; i < 3; ++i) {
    uint8_t data[SIZE];
    CHECK_EQ(ptrs_block_read(ring.blocks[i], 0, SIZE, data), PTRS_STATUS_SUCCESS);
    CHECK_FILLED(data, SIZE, data[0]);
    CHECK_EQ(ptrs_block_free(ring.blocks[i]), PTRS_STATUS_SUCCESS);
  }
}

// The end of a stack function waits for an access by another thread
typedef struct {
  _Atomic PtrsBlock block;
  atomic_bool inside;
  atomic_bool left;
} Guest;

static void *
stay_inside(void *argument)
{
  Guest *const guest = (Guest *)argument;
  PtrsEntry entry;
  CHECK_EQ(ptrs_block_enter(guest->block, PTRS_ACCESS_SHARED, &entry), PTRS_STATUS_SUCCESS);
  guest->inside = true;
  sleep_ms(50);
  CHECK_FILLED(entry.mem, entry.size, 0x3C);
  guest->left = true;
  ptrs_block_leave(&entry);
  return NULL;
}

static void
invite(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  pthread_t thread;
  Guest *const guest = (Guest *)ctx;
  memset(mem, 0x3C, size);
  guest->block = block;
  CHECK_EQ(pthread_create(&thread, NULL, stay_inside, guest), 0);
  CHECK_EQ(pthread_detach(thread), 0);
  while (!guest->inside) {
    sleep_ms(1);
  }
}

static void
exit_waits_for_guests(void)
{
  static Guest guest;
  CHECK_EQ(ptrs_stack_call(1000, 16, 0, invite, &guest), PTRS_STATUS_SUCCESS);
  CHECK(guest.left);
  check_all_refuse(guest.block, PTRS_STATUS_STALE);
}

int
main(void)
{
  (void)alarm(DEADLOCK_SECONDS);
  TAP_RUN(double_free_has_one_winner);
  TAP_RUN(readers_never_see_freed_memory);
  TAP_RUN(stores_do_not_tear);
  TAP_RUN(exclusive_means_alone);
  TAP_RUN(readers_see_whole_resizes);
  TAP_RUN(opposite_copies_do_not_deadlock);
  TAP_RUN(exit_waits_for_guests);
  return tap_end();
}
