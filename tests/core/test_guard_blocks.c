// SPDX-License-Identifier: MIT
// Guard allocators under checked blocks, under other allocators, under threads,
// and in the child of a fork.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "allocators/guard/table.h"
#include "child.h"
#include "environment.h"
#include "mappings.h"
#include "operations.h"
#include "ptrs/arena.h"
#include "ptrs/block.h"
#include "ptrs/guard.h"
#include "tap.h"
#include "threads.h"

#define QUARANTINE ((size_t)1 << 17)

static PtrsAllocator *
make(void)
{
  PtrsAllocator *guard = NULL;
  CHECK_EQ(ptrs_guard_new(0, QUARANTINE, &guard), PTRS_STATUS_SUCCESS);
  return guard;
}

static PtrsBlock
block_of(PtrsAllocator *allocator, size_t size)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_zalloc(allocator, size, 8, &block), PTRS_STATUS_SUCCESS);
  return block;
}

static void
checked_blocks_end_with_it(void)
{
  PtrsAllocator *const guard = make();
  const PtrsBlock a          = block_of(guard, 100);
  const PtrsBlock b          = block_of(guard, 5000);
  void *mem                  = NULL;
  check_block(a, 100, 0, 0);
  CHECK_EQ(ptrs_block_realloc(a, 200), PTRS_STATUS_SUCCESS);
  check_block(a, 200, 0, 0);

  CHECK_EQ(ptrs_block_pin(b, &mem), PTRS_STATUS_SUCCESS);
  CHECK(!is_touchable((char *)mem + 5000));
  CHECK_EQ(ptrs_allocator_close(guard), PTRS_STATUS_PINNED);
  check_block(a, 200, 0, 0);
  CHECK_EQ(ptrs_block_unpin(b), PTRS_STATUS_SUCCESS);

  void *const plain = guard->alloc(guard, 8, 8);
  CHECK_EQ(ptrs_allocator_close(guard), PTRS_STATUS_SUCCESS);
  CHECK(ptrs_allocator_is_closed(guard));
  check_all_refuse(a, PTRS_STATUS_STALE);
  check_all_refuse(b, PTRS_STATUS_STALE);
  CHECK(!is_touchable(plain));
  CHECK_PTR(guard->alloc(guard, 8, 8), NULL);
  CHECK_PTR(guard->realloc(guard, plain, 0, 8, 8), NULL);
  guard->free(guard, plain, 8, 8);
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_alloc(guard, 8, 8, &block), PTRS_STATUS_CLOSED);

  PtrsStats stats;
  ptrs_allocator_stats(guard, &stats);
  CHECK_EQ(stats.current_blocks, 0);
  CHECK_EQ(stats.current_bytes, 0);
  CHECK_EQ(stats.total_blocks, 3);
  CHECK_EQ(stats.total_bytes, 100 + 5000 + 100 + 8);
  ptrs_allocator_release(guard);
}

static void
its_last_block_keeps_it(void)
{
  PtrsAllocator *const guard = make();
  const PtrsBlock block      = block_of(guard, 40);
  ptrs_allocator_release(guard);
  check_block(block, 40, 0, 0);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
}

// A guard page lies behind each chunk of the arena
static void
arenas_may_have_it_as_their_parent(void)
{
  PtrsAllocator *const guard = make();
  PtrsAllocator *arena       = NULL;
  CHECK_EQ(ptrs_arena_new(guard, 4096, &arena), PTRS_STATUS_SUCCESS);
  const PtrsBlock block = block_of(arena, 100);
  CHECK_EQ(ptrs_allocator_close(guard), PTRS_STATUS_PINNED);
  check_block(block, 100, 0, 0);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  ptrs_allocator_release(arena);
  CHECK_EQ(ptrs_allocator_close(guard), PTRS_STATUS_SUCCESS);
  ptrs_allocator_release(guard);
}

#define N_THREADS 4
#define N_CELLS 32

// Each cell has a block until some thread takes that block, checks it and frees it
typedef struct {
  uint8_t *mem;
  size_t size;
} Piece;

typedef struct {
  PtrsAllocator *guard;
  pthread_mutex_t mutex;
  Piece cells[N_CELLS];
  atomic_bool stop;
} Exchange;

static Piece
swap(Exchange *exchange, size_t i, Piece piece)
{
  (void)pthread_mutex_lock(&exchange->mutex);
  const Piece found  = exchange->cells[i];
  exchange->cells[i] = piece;
  (void)pthread_mutex_unlock(&exchange->mutex);
  return found;
}

static void
end_piece(PtrsAllocator *guard, Piece piece)
{
  if (piece.mem) {
    CHECK_FILLED(piece.mem, piece.size, (int)(piece.size % 251));
    guard->free(guard, piece.mem, piece.size, 1);
  }
}

static Piece
make_piece(PtrsAllocator *guard, size_t size, bool resized)
{
  Piece piece = {(uint8_t *)guard->alloc(guard, size, 1), size};
  CHECK(piece.mem);
  memset(piece.mem, (int)(size % 251), size);
  CHECK_EQ(ptrs_guard_label(piece.mem, "some label"), PTRS_STATUS_SUCCESS);
  if (resized) {
    const size_t half = size / 2;
    piece.mem         = (uint8_t *)guard->realloc(guard, piece.mem, size, half, 1);
    CHECK_FILLED(piece.mem, half, (int)(size % 251));
    memset(piece.mem, (int)(half % 251), half);
    piece.size = half;
  }
  return piece;
}

static void
trade(size_t index, void *ctx)
{
  Exchange *const exchange = (Exchange *)ctx;
  const double end         = clock_seconds() + CASE_SECONDS;
  uint64_t number          = 7919 * (index + 1);
  while (!exchange->stop && clock_seconds() < end) {
    number            = number * 6364136223846793005U + 1442695040888963407U;
    const size_t size = (number >> 33) % 100 ? (number >> 40) % 9000 : 150000;
    const Piece made  = make_piece(exchange->guard, size, (number >> 20) % 4 == 0);
    end_piece(exchange->guard, swap(exchange, (number >> 50) % N_CELLS, made));
  }
}

static void
threads_trade_blocks(void)
{
  Exchange exchange = {.guard = make(), .mutex = PTHREAD_MUTEX_INITIALIZER};
  crew_run(N_THREADS, trade, &exchange);
  for (size_t i = 0; i < N_CELLS; ++i) {
    end_piece(exchange.guard, exchange.cells[i]);
  }
  PtrsStats stats;
  PtrsGuardInfo info;
  ptrs_allocator_stats(exchange.guard, &stats);
  CHECK_EQ(stats.current_blocks, 0);
  CHECK_EQ(stats.current_bytes, 0);
  CHECK_EQ(ptrs_guard_info(exchange.guard, &info), PTRS_STATUS_SUCCESS);
  CHECK_EQ(info.damaged_blocks, 0);
  CHECK(info.quarantine_bytes <= QUARANTINE);
  ptrs_allocator_release(exchange.guard);
  CHECK_EQ(ptrs_guard_info(exchange.guard = make(), &info), PTRS_STATUS_SUCCESS);
  CHECK_EQ(info.mappings, 0);
  ptrs_allocator_release(exchange.guard);
}

// A thread can use each block that it gets until the allocator is closed
static void
make_until_closed(size_t index, void *ctx)
{
  PtrsAllocator *const guard = (PtrsAllocator *)ctx;
  if (!index) {
    sleep_ms(20);
    CHECK_EQ(ptrs_allocator_close(guard), PTRS_STATUS_SUCCESS);
    return;
  }
  PtrsStatus status = PTRS_STATUS_SUCCESS;
  while (!status) {
    PtrsBlock block = 0;
    status          = ptrs_block_zalloc(guard, 64 * index, 8, &block);
    if (!status && index % 2) {
      const PtrsStatus freed = ptrs_block_free(block);
      CHECK(!freed || freed == PTRS_STATUS_STALE);
    }
  }
  CHECK_EQ(status, PTRS_STATUS_CLOSED);
}

static void
closing_stops_threads(void)
{
  PtrsAllocator *const guard = make();
  crew_run(N_THREADS, make_until_closed, guard);
  PtrsGuardInfo info;
  CHECK_EQ(ptrs_guard_info(guard, &info), PTRS_STATUS_SUCCESS);
  CHECK_EQ(info.mappings, 0);
  ptrs_allocator_release(guard);
}

#define LABEL_SIZE ((size_t)150)

typedef struct {
  PtrsAllocator *guard;
  size_t n_live; // live records that were seen
} Watch;

// A record is whole if its block ends where a guard page begins, under a label of one
// repeated letter
static bool
check_view(PtrsSpan *span, void *ctx)
{
  Watch *const watch = (Watch *)ctx;
  PtrsSpanView view;
  if (!ptrs_guard_view(span, true, &view) || view.state == PTRS_SPAN_NONE) {
    return true;
  }
  CHECK_EQ(view.mem + view.size, view.base + view.extent - (size_t)sysconf(_SC_PAGESIZE));
  if (view.label[0]) {
    CHECK_FILLED(view.label, LABEL_SIZE, view.label[0]);
    CHECK_EQ(view.label[LABEL_SIZE], 0);
  }
  watch->n_live += view.state == PTRS_SPAN_LIVE;
  return true;
}

static void
watch_or_work(size_t index, void *ctx)
{
  Watch *const watch = (Watch *)ctx;
  const double end   = clock_seconds() + CASE_SECONDS;
  for (size_t i = index; clock_seconds() < end; ++i) {
    if (!index) {
      ptrs_guard_each(check_view, watch);
      continue;
    }
    const size_t size = i * 37 % 5000;
    void *const mem   = watch->guard->alloc(watch->guard, size, 1);
    for (int letter = 'a'; letter <= 'z'; ++letter) {
      char label[LABEL_SIZE + 1] = "";
      memset(label, letter, LABEL_SIZE);
      CHECK_EQ(ptrs_guard_label(mem, label), PTRS_STATUS_SUCCESS);
    }
    watch->guard->free(watch->guard, mem, size, 1);
  }
}

// Reads records without a lock, as a signal handler does
static void
records_are_never_mixtures(void)
{
  Watch watch = {.guard = make()};
  // The watcher may by chance run only while the other threads have no block
  void *const mem = watch.guard->alloc(watch.guard, 1, 1);
  crew_run(N_THREADS, watch_or_work, &watch);
  CHECK(watch.n_live > 0);
  watch.guard->free(watch.guard, mem, 1, 1);
  ptrs_allocator_release(watch.guard);
}

static void
use_in_child(void *ctx)
{
  Exchange *const exchange = (Exchange *)ctx;
  for (size_t i = 1; i < 100; ++i) {
    end_piece(exchange->guard, make_piece(exchange->guard, 100 * i, i % 2));
  }
  CHECK_EQ(ptrs_allocator_close(exchange->guard), PTRS_STATUS_SUCCESS);
  PtrsAllocator *const other = make();
  end_piece(other, make_piece(other, 1000, false));
  ptrs_allocator_release(other);
}

static void *
trade_in_background(void *ctx)
{
  while (!((Exchange *)ctx)->stop) {
    trade(1, ctx);
  }
  return NULL;
}

static void
children_of_busy_parents(void)
{
  if (UNDER_ADDRESS_SANITIZER) {
    tap_skip("this sanitizer's allocator does not survive fork with threads");
    return;
  }
  Exchange exchange = {.guard = make(), .mutex = PTHREAD_MUTEX_INITIALIZER};
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, trade_in_background, &exchange), 0);
  const double end = clock_seconds() + CASE_SECONDS;
  for (int n_children = 0; clock_seconds() < end || n_children < 3; ++n_children) {
    child_run(use_in_child, &exchange);
  }
  exchange.stop = true;
  CHECK_EQ(pthread_join(thread, NULL), 0);
  ptrs_allocator_release(exchange.guard);
}

int
main(void)
{
  (void)alarm(DEADLOCK_SECONDS);
  TAP_RUN(checked_blocks_end_with_it);
  TAP_RUN(its_last_block_keeps_it);
  TAP_RUN(arenas_may_have_it_as_their_parent);
  TAP_RUN(threads_trade_blocks);
  TAP_RUN(closing_stops_threads);
  TAP_RUN(records_are_never_mixtures);
  TAP_RUN(children_of_busy_parents);
  return tap_end();
}
