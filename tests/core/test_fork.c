// SPDX-License-Identifier: MIT
// fork(2) while other threads are inside blocks and allocators: the child can use
// all of them, and waits for no thread that it does not have.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "environment.h"
#include "operations.h"
#include "ptrs/block.h"
#include "ptrs/stack.h"
#include "ptrs/system.h"
#include "tap.h"
#include "threads.h"

#define SIZE ((size_t)100)

static PtrsBlock
make(PtrsAllocator *allocator)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_zalloc(allocator, SIZE, 16, &block), PTRS_STATUS_SUCCESS);
  return block;
}

// Every kind of access: a reader or lock that fork left behind would stop one of them
static void
use(PtrsBlock block)
{
  char data[16];
  void *mem = NULL;
  CHECK_EQ(ptrs_block_read(block, 0, 16, data), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_write(block, 0, 5, "child"), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_read(block, 0, 5, data), PTRS_STATUS_SUCCESS);
  CHECK(!memcmp(data, "child", 5));
  CHECK_EQ(ptrs_block_pin(block, &mem), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_realloc(block, 3 * SIZE), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_read(block, 0, 5, data), PTRS_STATUS_SUCCESS);
  CHECK(!memcmp(data, "child", 5));
}

static void
free_after_use(PtrsBlock block)
{
  use(block);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_STALE);
}

static void
use_in_child(void *ctx)
{
  free_after_use(*(PtrsBlock *)ctx);
}

typedef struct {
  PtrsBlock block;
  PtrsAccess access;
  atomic_bool inside;
  atomic_bool leave;
} Guest;

static void *
stay_inside(void *argument)
{
  Guest *const guest = (Guest *)argument;
  PtrsEntry entry;
  CHECK_EQ(ptrs_block_enter(guest->block, guest->access, &entry), PTRS_STATUS_SUCCESS);
  guest->inside = true;
  while (!guest->leave) {
    sleep_ms(1);
  }
  ptrs_block_leave(&entry);
  return NULL;
}

// The reading thread does not exist in the child, and would never leave the block
static void
fork_with_guest(PtrsAccess access)
{
  Guest guest = {.block = make(ptrs_system_allocator()), .access = access};
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, stay_inside, &guest), 0);
  while (!guest.inside) {
    sleep_ms(1);
  }
  child_run(use_in_child, &guest.block);
  guest.leave = true;
  CHECK_EQ(pthread_join(thread, NULL), 0);
  free_after_use(guest.block);
}

static void
readers_are_not_inherited(void)
{
  fork_with_guest(PTRS_ACCESS_SHARED);
}

static void
writers_are_not_inherited(void)
{
  fork_with_guest(PTRS_ACCESS_EXCLUSIVE);
}

// The child has the pins, too: an address that was handed out stays valid there
static void
expect_pinned(void *ctx)
{
  const PtrsBlock block = *(PtrsBlock *)ctx;
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_PINNED);
  CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
  free_after_use(block);
}

static void
pins_are_inherited(void)
{
  PtrsBlock block = make(ptrs_system_allocator());
  void *mem       = NULL;
  CHECK_EQ(ptrs_block_pin(block, &mem), PTRS_STATUS_SUCCESS);
  child_run(expect_pinned, &block);
  CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
  free_after_use(block);
}

// An allocator that waits between freeing the old memory and returning the new: in
// that time the slot has the address of freed memory
static atomic_bool is_slow;
static atomic_bool was_slow;

static void
be_slow(void)
{
  if (is_slow) {
    was_slow = true;
    sleep_ms(60);
  }
}

static void *
slow_realloc(PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align)
{
  (void)allocator;
  PtrsAllocator *const heap = ptrs_system_allocator();
  void *const new_mem       = heap->zalloc(heap, new_size, align);
  memcpy(new_mem, mem, old_size < new_size ? old_size : new_size);
  memset(mem, 0xDD, old_size);
  heap->free(heap, mem, old_size, align);
  be_slow();
  return new_mem;
}

static void
slow_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  (void)allocator;
  PtrsAllocator *const heap = ptrs_system_allocator();
  heap->free(heap, mem, size, align);
  be_slow();
}

static void *
plain_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  (void)allocator;
  return ptrs_system_allocator()->zalloc(ptrs_system_allocator(), size, align);
}

static size_t
plain_capacity(PtrsAllocator *allocator, const void *mem, size_t size, size_t align)
{
  (void)align;
  (void)allocator;
  (void)mem;
  return size;
}

static PtrsAllocator slow = {
    .alloc    = plain_alloc,
    .zalloc   = plain_alloc,
    .realloc  = slow_realloc,
    .free     = slow_free,
    .capacity = plain_capacity,
};

static void *
realloc_slowly(void *argument)
{
  CHECK_EQ(ptrs_block_realloc(*(PtrsBlock *)argument, 2 * SIZE), PTRS_STATUS_SUCCESS);
  return NULL;
}

static void *
free_slowly(void *argument)
{
  CHECK_EQ(ptrs_block_free(*(PtrsBlock *)argument), PTRS_STATUS_SUCCESS);
  return NULL;
}

static void
expect_resized(void *ctx)
{
  check_block(*(PtrsBlock *)ctx, 2 * SIZE, 0, 0);
  is_slow = false;
  free_after_use(*(PtrsBlock *)ctx);
}

static void
expect_freed(void *ctx)
{
  CHECK_EQ(ptrs_block_free(*(PtrsBlock *)ctx), PTRS_STATUS_STALE);
  is_slow = false;
  free_after_use(make(&slow));
}

static void
fork_during(void *(*work)(void *), void (*in_child)(void *), PtrsBlock *block)
{
  pthread_t thread;
  is_slow  = true;
  was_slow = false;
  CHECK_EQ(pthread_create(&thread, NULL, work, block), 0);
  while (!was_slow) {
    sleep_ms(1);
  }
  child_run(in_child, block);
  CHECK_EQ(pthread_join(thread, NULL), 0);
  is_slow = false;
}

static void
fork_waits_for_realloc(void)
{
  PtrsBlock block = make(&slow);
  fork_during(realloc_slowly, expect_resized, &block);
  free_after_use(block);
}

static void
fork_waits_for_free(void)
{
  PtrsBlock block = make(&slow);
  fork_during(free_slowly, expect_freed, &block);
}

#define N_BUSY 3
#define N_SHARED 4

typedef struct {
  PtrsBlock shared[N_SHARED];
  atomic_bool stop;
} Bustle;

static void *
bustle(void *argument)
{
  Bustle *const all = (Bustle *)argument;
  for (size_t i = 0; !all->stop; ++i) {
    const PtrsBlock own    = make(ptrs_system_allocator());
    const PtrsBlock shared = all->shared[i % N_SHARED];
    CHECK_EQ(ptrs_block_fill(shared, 0, SIZE, (int)i), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_realloc(shared, SIZE + i % 900), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_copy(own, 0, shared, 0, SIZE), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_realloc(own, 40 * SIZE), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_free(own), PTRS_STATUS_SUCCESS);
  }
  return NULL;
}

static void
use_stack(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  (void)ctx;
  CHECK_EQ(ptrs_block_fill(block, 0, size, 'z'), PTRS_STATUS_SUCCESS);
  CHECK_FILLED(mem, size, 'z');
}

static void
use_everything(void *ctx)
{
  const Bustle *const all = (const Bustle *)ctx;
  for (size_t i = 0; i < N_SHARED; ++i) {
    free_after_use(all->shared[i]);
  }
  PtrsBlock blocks[200];
  for (size_t i = 0; i < 200; ++i) {
    blocks[i] = make(ptrs_system_allocator());
  }
  for (size_t i = 0; i < 200; ++i) {
    free_after_use(blocks[i]);
  }
  CHECK_EQ(ptrs_stack_call(1000, 16, 0, use_stack, NULL), PTRS_STATUS_SUCCESS);
}

static void
children_of_busy_parents(void)
{
  if (UNDER_ADDRESS_SANITIZER) {
    // The child would wait for the lock of the sanitizer's own allocator
    tap_skip("this sanitizer's allocator does not survive fork with threads");
    return;
  }
  Bustle all = {.stop = false};
  pthread_t threads[N_BUSY];
  for (size_t i = 0; i < N_SHARED; ++i) {
    all.shared[i] = make(ptrs_system_allocator());
  }
  for (size_t i = 0; i < N_BUSY; ++i) {
    CHECK_EQ(pthread_create(&threads[i], NULL, bustle, &all), 0);
  }
  const double end = clock_seconds() + 3 * CASE_SECONDS;
  int n_children   = 0;
  for (; clock_seconds() < end || n_children < 3; ++n_children) {
    child_run(use_everything, &all);
  }
  all.stop = true;
  for (size_t i = 0; i < N_BUSY; ++i) {
    CHECK_EQ(pthread_join(threads[i], NULL), 0);
  }
  for (size_t i = 0; i < N_SHARED; ++i) {
    free_after_use(all.shared[i]);
  }
}

static void
use_lent_stack(void *ctx)
{
  CHECK_EQ(ptrs_block_fill(*(PtrsBlock *)ctx, 0, 8, 1), PTRS_STATUS_SUCCESS);
}

static void
fork_inside(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  (void)ctx;
  child_run(use_lent_stack, &block);
  CHECK_FILLED(mem, size, 0); // the child has its own copy
}

static void
forks_inside_a_stack_block(void)
{
  CHECK_EQ(ptrs_stack_call(64, 16, 0, fork_inside, NULL), PTRS_STATUS_SUCCESS);
}

int
main(void)
{
  (void)alarm(2 * DEADLOCK_SECONDS);
  TAP_RUN(readers_are_not_inherited);
  TAP_RUN(writers_are_not_inherited);
  TAP_RUN(pins_are_inherited);
  TAP_RUN(fork_waits_for_realloc);
  TAP_RUN(fork_waits_for_free);
  TAP_RUN(forks_inside_a_stack_block);
  TAP_RUN(children_of_busy_parents);
  return tap_end();
}
