// SPDX-License-Identifier: MIT
// fork(2) from threads, and while threads are inside stack functions: the child
// knows the stack that it runs on, and has no blocks on others.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "environment.h"
#include "operations.h"
#include "ptrs/stack.h"
#include "ptrs/system.h"
#include "tap.h"
#include "threads.h"

#define SMALL ((size_t)256 << 10)

static size_t
stack_size(void)
{
  size_t size = 0;
  CHECK_EQ(ptrs_stack_size(&size), PTRS_STATUS_SUCCESS);
  return size;
}

static size_t
available(void)
{
  size_t size = 0;
  CHECK_EQ(ptrs_stack_available(0, &size), PTRS_STATUS_SUCCESS);
  return size;
}

static void
fill(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  (void)ctx;
  CHECK_EQ(ptrs_block_fill(block, 0, size, 'z'), PTRS_STATUS_SUCCESS);
  CHECK_FILLED(mem, size, 'z');
}

// The largest grant can be used, and is no more than the stack has; musl makes stacks
// somewhat larger than they were asked for
static void
use_stack(size_t stack)
{
  const size_t size = stack_size();
  CHECK(size <= stack + stack / 8 && size >= stack - stack / 4);
  CHECK(available() <= size / 4);
  CHECK_EQ(ptrs_stack_call(available() / 2, 16, 0, fill, NULL), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_stack_call(size, 16, 0, fill, NULL), PTRS_STATUS_STACK_EXHAUSTED);
}

static void
run_on_small_stack(void *(*function)(void *), void *ctx)
{
  pthread_attr_t attr;
  pthread_t thread;
  CHECK_EQ(pthread_attr_init(&attr), 0);
  CHECK_EQ(pthread_attr_setstacksize(&attr, SMALL), 0);
  if (CHECK_EQ(pthread_create(&thread, &attr, function, ctx), 0)) {
    CHECK_EQ(pthread_join(thread, NULL), 0);
  }
  CHECK_EQ(pthread_attr_destroy(&attr), 0);
}

static void
use_small_stack(void *ctx)
{
  (void)ctx;
  use_stack(SMALL);
}

static void *
use_small_stack_of_thread(void *ctx)
{
  use_small_stack(ctx);
  return NULL;
}

static void
start_thread(void *ctx)
{
  run_on_small_stack(use_small_stack_of_thread, ctx);
}

static void *
fork_from_thread(void *ctx)
{
  child_run(use_small_stack, ctx);
  return NULL;
}

static void *
fork_after_use(void *ctx)
{
  use_stack(SMALL);
  return fork_from_thread(ctx);
}

// Children of children, and threads of these
static void
fork_again(void *ctx)
{
  child_run(use_small_stack, ctx);
  child_run(start_thread, ctx);
  start_thread(ctx);
  run_on_small_stack(fork_from_thread, ctx);
  use_stack(SMALL);
}

static void *
fork_twice(void *ctx)
{
  child_run(fork_again, ctx);
  return NULL;
}

static void
a_child_of_a_thread_has_its_stack(void)
{
  run_on_small_stack(fork_from_thread, NULL);
  run_on_small_stack(fork_after_use, NULL);
  run_on_small_stack(fork_twice, NULL);
}

static void
use_first_stack(void *ctx)
{
  const size_t before = *(const size_t *)ctx;
  CHECK_EQ(stack_size(), before);
  CHECK_EQ(ptrs_stack_call(available() / 2, 16, 0, fill, NULL), PTRS_STATUS_SUCCESS);
  start_thread(NULL);
  run_on_small_stack(fork_twice, NULL);
}

static void
a_child_of_the_first_thread_has_its_stack(void)
{
  size_t size = 0;
  // The child finds the same bounds if its parent has not asked for them before
  child_run(start_thread, NULL);
  size = stack_size();
  CHECK(size > 2 * SMALL);
  child_run(use_first_stack, &size);
}

typedef struct {
  _Atomic PtrsBlock block;
  atomic_bool leave;
} Hold;

static void
stay(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  Hold *const hold = (Hold *)ctx;
  (void)mem;
  (void)size;
  hold->block = block;
  while (!hold->leave) {
    sleep_ms(1);
  }
  CHECK_EQ(ptrs_block_fill(block, 0, size, 1), PTRS_STATUS_SUCCESS);
}

static void *
stay_inside(void *ctx)
{
  CHECK_EQ(ptrs_stack_call(1000, 16, 0, stay, ctx), PTRS_STATUS_SUCCESS);
  return NULL;
}

typedef struct {
  PtrsBlock lost;
  PtrsBlock own[2];
  PtrsBlock lent; // memory that is on no stack
} Blocks;

static void
expect_own_blocks_alone(void *ctx)
{
  Blocks *const blocks = (Blocks *)ctx;
  check_all_refuse(blocks->lost, PTRS_STATUS_STALE);
  check_block(blocks->own[0], 64, 0, 0);
  check_block(blocks->own[1], 500, 0, 0);
  check_block(blocks->lent, 8, 0, 0);
  CHECK_EQ(ptrs_block_fill(blocks->own[1], 0, 500, 2), PTRS_STATUS_SUCCESS);

  // The slot serves other blocks now, which the old handle must not reach
  for (int i = 0; i < 200; ++i) {
    PtrsBlock block = 0;
    CHECK_EQ(ptrs_block_zalloc(ptrs_system_allocator(), 8, 8, &block), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_write(blocks->lost, 0, 1, "x"), PTRS_STATUS_STALE);
    check_block(block, 8, 0, 0);
  }
  // In a forked child, qemu's own records of threads are broken
  if (!under_emulator()) {
    run_on_small_stack(use_small_stack_of_thread, NULL);
  }
}

static void
fork_inside_second(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  Blocks *const blocks = (Blocks *)ctx;
  (void)mem;
  (void)size;
  blocks->own[1] = block;
  child_run(expect_own_blocks_alone, ctx);
  check_block(block, 500, 0, 0); // the child has its own copy
}

static void
fork_inside_first(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  (void)mem;
  (void)size;
  ((Blocks *)ctx)->own[0] = block;
  CHECK_EQ(ptrs_stack_call(500, 16, 0, fork_inside_second, ctx), PTRS_STATUS_SUCCESS);
}

static void *
fork_inside(void *ctx)
{
  CHECK_EQ(ptrs_stack_call(64, 16, 0, fork_inside_first, ctx), PTRS_STATUS_SUCCESS);
  return NULL;
}

static void
blocks_of_lost_threads_end(void)
{
  static uint64_t lent[1];
  Hold hold     = {.leave = false};
  Blocks blocks = {0};
  pthread_t thread;
  CHECK_EQ(ptrs_block_adopt(lent, 8, 8, PTRS_BLOCK_NOT_FREEABLE, &blocks.lent),
           PTRS_STATUS_SUCCESS);
  CHECK_EQ(pthread_create(&thread, NULL, stay_inside, &hold), 0);
  while (!hold.block) {
    sleep_ms(1);
  }
  blocks.lost = hold.block;
  (void)fork_inside(&blocks);
  run_on_small_stack(fork_inside, &blocks);
  check_block(blocks.lost, 1000, 0, 0); // the parent still has it
  hold.leave = true;
  CHECK_EQ(pthread_join(thread, NULL), 0);
  CHECK_EQ(ptrs_block_disown(blocks.lent), PTRS_STATUS_SUCCESS);
}

int
main(void)
{
  (void)alarm(DEADLOCK_SECONDS);
  TAP_RUN(a_child_of_the_first_thread_has_its_stack);
  TAP_RUN(a_child_of_a_thread_has_its_stack);
  TAP_RUN(blocks_of_lost_threads_end);
  return tap_end();
}
