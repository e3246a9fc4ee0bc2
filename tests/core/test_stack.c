// SPDX-License-Identifier: MIT
// Stack blocks: what is granted, what they refuse, and how they end.
#define _GNU_SOURCE
#include "ptrs/stack.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "operations.h"
#include "ptrs/system.h"
#include "tap.h"
#include "threads.h"

#define ALIGN PTRS_ALIGN_DEFAULT

typedef struct {
  size_t n_calls;
  size_t align;
  size_t size;
  PtrsBlock block;
  size_t inner_available;
} Visit;

static size_t
available(void)
{
  size_t size = 0;
  CHECK_EQ(ptrs_stack_available(0, &size), PTRS_STATUS_SUCCESS);
  return size;
}

static void
look_round(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  Visit *const visit = (Visit *)ctx;
  PtrsBlockInfo info = {0};
  ++visit->n_calls;
  visit->block = block;
  CHECK_EQ(size, visit->size);
  CHECK_EQ((uintptr_t)mem % visit->align, 0);
  CHECK_FILLED(mem, size, 0);
  CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
  CHECK_PTR(info.mem, mem);
  CHECK_EQ(info.size, size);
  CHECK_EQ(info.align, visit->align);
  CHECK_PTR(info.allocator, NULL);
  CHECK_EQ(info.flags, PTRS_BLOCK_NOT_FREEABLE | PTRS_BLOCK_NOT_PINNABLE);
  CHECK_EQ(ptrs_block_fill(block, 0, size, 0xF7), PTRS_STATUS_SUCCESS);
  CHECK_FILLED(mem, size, 0xF7);
  visit->inner_available = available();
}

static PtrsStatus
call(size_t size, size_t align, size_t limit, Visit *visit)
{
  *visit = (Visit){.size = size, .align = align};
  return ptrs_stack_call(size, align, limit, look_round, visit);
}

static void
sizes_and_alignments(void)
{
  static const size_t sizes[] = {0, 1, 28, 4096, 100 * 1000};
  Visit visit;
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i) {
    for (size_t align = 1; align <= PTRS_ALIGN_MAX; align *= 2) {
      // The greatest alignment may need more than the stack has
      const PtrsStatus status = call(sizes[i], align, 0, &visit);
      if (align < PTRS_ALIGN_MAX || !status) {
        CHECK_EQ(status, PTRS_STATUS_SUCCESS);
        CHECK_EQ(visit.n_calls, 1);
        check_all_refuse(visit.block, PTRS_STATUS_STALE);
      } else {
        CHECK_EQ(status, PTRS_STATUS_STACK_EXHAUSTED);
        CHECK_EQ(visit.n_calls, 0);
      }
    }
  }
}

static void *
greatest_alignment(void *argument)
{
  Visit visit;
  (void)argument;
  CHECK_EQ(call(64, PTRS_ALIGN_MAX, 0, &visit), PTRS_STATUS_SUCCESS);
  CHECK_EQ(visit.n_calls, 1);
  return NULL;
}

static void
run_on_stack(size_t stack_size, void *(*function)(void *))
{
  pthread_attr_t attr;
  pthread_t thread;
  CHECK_EQ(pthread_attr_init(&attr), 0);
  CHECK_EQ(pthread_attr_setstacksize(&attr, stack_size), 0);
  if (CHECK_EQ(pthread_create(&thread, &attr, function, NULL), 0)) {
    CHECK_EQ(pthread_join(thread, NULL), 0);
  }
  CHECK_EQ(pthread_attr_destroy(&attr), 0);
}

static void
greatest_alignment_where_it_fits(void)
{
  run_on_stack((size_t)16 << 20, greatest_alignment);
}

static void
requests_are_checked(void)
{
  Visit visit = {.size = 8};
  CHECK_EQ(ptrs_stack_call(8, 0, 0, look_round, &visit), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_stack_call(8, 24, 0, look_round, &visit), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_stack_call(8, PTRS_ALIGN_MAX * 2, 0, look_round, &visit), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_stack_call(8, 8, 0, NULL, &visit), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_stack_call(SIZE_MAX, 16, 0, look_round, &visit), PTRS_STATUS_STACK_EXHAUSTED);
  CHECK_EQ(ptrs_stack_call(SIZE_MAX, 1, 0, look_round, &visit), PTRS_STATUS_STACK_EXHAUSTED);
  CHECK_EQ(ptrs_stack_call(SIZE_MAX - 14, 16, 0, look_round, &visit), PTRS_STATUS_STACK_EXHAUSTED);
  CHECK_EQ(ptrs_stack_call(PTRS_SIZE_MAX, PTRS_ALIGN_MAX, 0, look_round, &visit),
           PTRS_STATUS_STACK_EXHAUSTED);
  CHECK_EQ(visit.n_calls, 0);
}

static void
refuse_everything(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  void *address = ctx;
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_NOT_FREEABLE);
  CHECK_EQ(ptrs_block_drop(block), PTRS_STATUS_NOT_FREEABLE);
  CHECK_EQ(ptrs_block_realloc(block, size / 2), PTRS_STATUS_NOT_FREEABLE);
  CHECK_EQ(ptrs_block_pin(block, &address), PTRS_STATUS_NOT_SUPPORTED);
  CHECK_PTR(address, ctx);
  CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_BAD_ARG);
  CHECK_FILLED(mem, size, 0);
}

static void
neither_freed_nor_resized_nor_pinned(void)
{
  int ctx = 0;
  CHECK_EQ(ptrs_stack_call(100, 16, 0, refuse_everything, &ctx), PTRS_STATUS_SUCCESS);
}

// Where the stack is the limit, the available size is at most this much too low
#define MARGIN ((size_t)2048)

// A call for the available size is granted, one for `margin` more is not.  The size
// depends on the caller's frame: all calls are made from this one.
static void
check_available(size_t margin)
{
  size_t size  = 0;
  size_t again = 0;
  CHECK_EQ(ptrs_stack_available(0, &size), PTRS_STATUS_SUCCESS);
  if (size) {
    Visit visit = {.size = size, .align = ALIGN};
    CHECK_EQ(ptrs_stack_call(size, ALIGN, 0, look_round, &visit), PTRS_STATUS_SUCCESS);
    CHECK_EQ(visit.n_calls, 1);
    CHECK_EQ(visit.inner_available, 0);
    check_all_refuse(visit.block, PTRS_STATUS_STALE);
  }
  const size_t more       = size + margin + 1;
  Visit refused           = {.size = more, .align = ALIGN};
  const PtrsStatus status = ptrs_stack_call(more, ALIGN, 0, look_round, &refused);
  CHECK_EQ(status, PTRS_STATUS_STACK_EXHAUSTED);
  CHECK_EQ(refused.n_calls, 0);
  CHECK_EQ(ptrs_stack_available(0, &again), PTRS_STATUS_SUCCESS);
  CHECK(again <= size + margin && size <= again + margin);
}

static void
check_available_is_exact(void)
{
  check_available(0);
}

// Use the stack up by ordinary frames until nothing is granted
static size_t
descend(size_t depth)
{
  volatile char frame[3000];
  frame[0] = frame[sizeof(frame) - 1] = (char)depth;
  check_available(MARGIN);
  const size_t reached = available() ? descend(depth + 1) : depth;
  return reached + (size_t)(frame[0] - frame[sizeof(frame) - 1]);
}

static void *
descend_from_top(void *argument)
{
  (void)argument;
  CHECK(available() > 0);
  const size_t depth = descend(0);
  CHECK(depth > 2);
  CHECK(available() > 0);
  return NULL;
}

static void
available_is_granted(void)
{
  check_available_is_exact();
  run_on_stack((size_t)256 << 10, descend_from_top);
}

static void *
check_size(void *argument)
{
  size_t whole = 0;
  size_t size  = 0;
  (void)argument;
#if defined(__APPLE__)
  whole = pthread_get_stacksize_np(pthread_self());
#else
  pthread_attr_t attr;
  void *mem = NULL;
  CHECK_EQ(pthread_getattr_np(pthread_self(), &attr), 0);
  CHECK_EQ(pthread_attr_getstack(&attr, &mem, &whole), 0);
  CHECK_EQ(pthread_attr_destroy(&attr), 0);
#endif
  CHECK_EQ(ptrs_stack_size(&size), PTRS_STATUS_SUCCESS);
  CHECK(size <= whole);
#ifdef __GLIBC__
  CHECK(size >= whole - whole / 8); // the guard page may be missing
#else
  CHECK_EQ(size, whole);
#endif
  CHECK(available() <= size / 4);
  return NULL;
}

static void
size_is_that_of_the_thread(void)
{
  run_on_stack((size_t)256 << 10, check_size);
  run_on_stack((size_t)4 << 20, check_size);
}

// Nested blocks together take at most a quarter of the stack, whatever their sizes
typedef struct {
  size_t whole;
  size_t piece;
  size_t n_nested;
} Share;

static void
nest(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  Share *const share = (Share *)ctx;
  ++share->n_nested;
  const size_t left = available();
  CHECK(left < share->whole);
  CHECK(share->n_nested * share->piece + left <= share->whole);
  check_available_is_exact();
  const PtrsStatus status = ptrs_stack_call(share->piece, ALIGN, 0, nest, share);
  CHECK_EQ(status, left < share->piece ? PTRS_STATUS_STACK_EXHAUSTED : PTRS_STATUS_SUCCESS);
  CHECK_EQ(available(), left);
  CHECK_FILLED(mem, size, 0);
  CHECK_EQ(ptrs_block_fill(block, 0, size, 1), PTRS_STATUS_SUCCESS);
}

static void *
share_the_quarter(void *argument)
{
  (void)argument;
  Share share = {.whole = available(), .piece = 10000};
  size_t size = 0;
  CHECK_EQ(ptrs_stack_size(&size), PTRS_STATUS_SUCCESS);
  CHECK(share.whole <= size / 4);
  CHECK(share.whole > size / 4 - 4096);
  CHECK_EQ(ptrs_stack_call(share.piece, ALIGN, 0, nest, &share), PTRS_STATUS_SUCCESS);
  CHECK_EQ(share.n_nested, share.whole / (share.piece + ALIGN - 1));
  CHECK_EQ(available(), share.whole);
  return NULL;
}

static void
nested_blocks_share_a_quarter(void)
{
  run_on_stack((size_t)1 << 20, share_the_quarter);
}

static void
limited(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  Visit *const visit = (Visit *)ctx;
  (void)block;
  (void)mem;
  ++visit->n_calls;
  // The outer block of 1000 bytes counts towards the limit
  if (visit->n_calls == 1) {
    CHECK_EQ(ptrs_stack_call(501, 1, 1500, limited, visit), PTRS_STATUS_STACK_EXHAUSTED);
    CHECK_EQ(ptrs_stack_call(500, 1, 1500, limited, visit), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_stack_call(1, 1, 999, limited, visit), PTRS_STATUS_STACK_EXHAUSTED);
    CHECK_EQ(ptrs_stack_call(5000, 1, 0, limited, visit), PTRS_STATUS_SUCCESS);
    CHECK_EQ(visit->n_calls, 3);
    CHECK_EQ(size, 1000);
  }
}

static void
callers_may_limit(void)
{
  Visit visit = {.n_calls = 0};
  CHECK_EQ(ptrs_stack_call(1001, 1, 1000, limited, &visit), PTRS_STATUS_STACK_EXHAUSTED);
  CHECK_EQ(visit.n_calls, 0);
  CHECK_EQ(ptrs_stack_call(1000, 1, 1000, limited, &visit), PTRS_STATUS_SUCCESS);

  // The available size respects the limit
  size_t size = 0;
  CHECK_EQ(ptrs_stack_available(1000, &size), PTRS_STATUS_SUCCESS);
  CHECK_EQ(size, 1000 - (ALIGN - 1));
  CHECK_EQ(ptrs_stack_available(SIZE_MAX, &size), PTRS_STATUS_SUCCESS);
  CHECK_EQ(size, available());
  CHECK_EQ(ptrs_stack_available(1, &size), PTRS_STATUS_SUCCESS);
  CHECK_EQ(size, 0);

  // A limit above the available size grants no more than that
  CHECK_EQ(ptrs_stack_call(available() + 1, ALIGN, SIZE_MAX, limited, &visit),
           PTRS_STATUS_STACK_EXHAUSTED);
}

// The thread library does not know the stack of a signal handler
static PtrsStatus status_in_handler;
static PtrsStatus available_in_handler;
static Visit visit_in_handler;
static size_t size_in_handler = 12345;

static void
handle(int number)
{
  (void)number;
  status_in_handler    = call(8, 8, 0, &visit_in_handler);
  available_in_handler = ptrs_stack_available(0, &size_in_handler);
}

static void
unknown_stacks_are_refused(void)
{
  static _Alignas(16) char mem[256 << 10];
  const stack_t stack     = {.ss_sp = mem, .ss_size = sizeof(mem)};
  const stack_t none      = {.ss_flags = SS_DISABLE, .ss_size = sizeof(mem)};
  struct sigaction action = {.sa_flags = SA_ONSTACK};
  struct sigaction before;
  stack_t stack_before;
  action.sa_handler = handle;
  CHECK_EQ(sigaltstack(&stack, &stack_before), 0);
  CHECK_EQ(sigaction(SIGUSR1, &action, &before), 0);
  CHECK_EQ(raise(SIGUSR1), 0);
  CHECK_EQ(sigaction(SIGUSR1, &before, NULL), 0);
  CHECK_EQ(sigaltstack(stack_before.ss_sp ? &stack_before : &none, NULL), 0);
  CHECK_EQ(status_in_handler, PTRS_STATUS_NOT_SUPPORTED);
  CHECK_EQ(available_in_handler, PTRS_STATUS_NOT_SUPPORTED);
  CHECK_EQ(visit_in_handler.n_calls, 0);
  CHECK_EQ(size_in_handler, 12345);
  check_available_is_exact(); // after the handler, the stack is known again
}

int
main(void)
{
  (void)alarm(DEADLOCK_SECONDS);
  TAP_RUN(sizes_and_alignments);
  TAP_RUN(greatest_alignment_where_it_fits);
  TAP_RUN(requests_are_checked);
  TAP_RUN(neither_freed_nor_resized_nor_pinned);
  TAP_RUN(available_is_granted);
  TAP_RUN(size_is_that_of_the_thread);
  TAP_RUN(nested_blocks_share_a_quarter);
  TAP_RUN(callers_may_limit);
  TAP_RUN(unknown_stacks_are_refused);
  return tap_end();
}
