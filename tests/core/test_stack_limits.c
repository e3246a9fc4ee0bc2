// SPDX-License-Identifier: MIT
// Stacks of all sizes, used to their end: a status, never a signal.
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "ptrs/stack.h"
#include "tap.h"
#include "threads.h"

#define ALIGN PTRS_ALIGN_DEFAULT
#define KIB ((size_t)1024)

// Where the stack is the limit, the available size is at most this much too low
#define MARGIN (2 * KIB)

// Bytes at least of the frames between two blocks
#define FRAME ((size_t)64)

static size_t
available(void)
{
  size_t size = 0;
  CHECK_EQ(ptrs_stack_available(0, &size), PTRS_STATUS_SUCCESS);
  return size;
}

typedef struct {
  size_t size;      // of each block; 0: all that is available
  size_t depth;     // blocks that were granted
  PtrsStatus ended; // status of the innermost call
} Descent;

static void
go_deeper(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  Descent *const descent = (Descent *)ctx;
  volatile char frame[500];
  frame[0]          = 1;
  const size_t d    = ++descent->depth;
  const size_t next = descent->size ? descent->size : available();
  memset(mem, (int)d, size);

  const PtrsStatus status = ptrs_stack_call(next, ALIGN, 0, go_deeper, descent);
  if (status) {
    CHECK_EQ(descent->depth, d); // the refused function was not called
    descent->ended = status;
  }
  CHECK_EQ(frame[0], 1);
  CHECK_FILLED(mem, size, (int)d);
  CHECK_EQ(ptrs_block_fill(block, 0, size, 0), PTRS_STATUS_SUCCESS);
}

// Nest blocks of one size, or for size 0 of all that is available, until one is
// refused
static void
exhaust(size_t size, size_t stack_size)
{
  size_t before = 0;
  size_t after  = 0;
  CHECK_EQ(ptrs_stack_available(0, &before), PTRS_STATUS_SUCCESS);
  CHECK(before <= stack_size / 4);

  Descent descent         = {.size = size};
  const size_t first      = size ? size : before;
  const PtrsStatus status = ptrs_stack_call(first, ALIGN, 0, go_deeper, &descent);
  // The available size is granted; up to MARGIN more may be
  if (first && first <= before) {
    CHECK_EQ(status, PTRS_STATUS_SUCCESS);
  } else if (status || first > before + MARGIN) {
    CHECK_EQ(status, PTRS_STATUS_STACK_EXHAUSTED);
  }
  CHECK_EQ(descent.depth > 0, !status);
  CHECK_EQ(descent.ended, status ? PTRS_STATUS_SUCCESS : PTRS_STATUS_STACK_EXHAUSTED);
  // Once all is taken, at most some blocks of no bytes are granted
  CHECK(descent.depth <= (size ? stack_size / 4 / size : 1 + MARGIN / FRAME));

  CHECK_EQ(ptrs_stack_available(0, &after), PTRS_STATUS_SUCCESS);
  CHECK(after <= before + MARGIN && before <= after + MARGIN);
}

static void
exhaust_in_many_ways(size_t stack_size)
{
  static const size_t sizes[] = {0, 1, 16, 1000, 4096, 64 * KIB};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i) {
    // A sanitizer cannot follow as many nested calls as there are bytes
    if (!UNDER_SANITIZER || !sizes[i] || sizes[i] >= 1000) {
      exhaust(sizes[i], stack_size);
    }
  }
}

// Some thread libraries give more than was asked for
static void *
exhaust_thread(void *argument)
{
  size_t size = 0;
  (void)argument;
  CHECK_EQ(ptrs_stack_size(&size), PTRS_STATUS_SUCCESS);
  exhaust_in_many_ways(size);
  return NULL;
}

// The least stack of a thread: 2 KiB with musl, 16 with glibc, 128 on AArch64
static size_t
least_stack(void)
{
  return (size_t)PTHREAD_STACK_MIN;
}

static void
thread_stacks(void)
{
  // The test's own frames need some stack, too
  const size_t least   = least_stack();
  const size_t sizes[] = {least > 16 * KIB ? least : 16 * KIB,
                          32 * KIB,
                          48 * KIB,
                          64 * KIB,
                          96 * KIB,
                          256 * KIB,
                          1024 * KIB,
                          8192 * KIB};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i) {
    if (UNDER_SANITIZER && sizes[i] < 256 * KIB) {
      continue; // a sanitizer's functions need more than the smallest stacks have
    }
    pthread_attr_t attr;
    pthread_t thread;
    CHECK_EQ(pthread_attr_init(&attr), 0);
    if (!pthread_attr_setstacksize(&attr, sizes[i]) &&
        !pthread_create(&thread, &attr, exhaust_thread, NULL)) {
      CHECK_EQ(pthread_join(thread, NULL), 0);
    } else {
      CHECK(sizes[i] < least || sizes[i] < 64 * KIB); // less than the thread library itself needs
    }
    CHECK_EQ(pthread_attr_destroy(&attr), 0);
  }
}

// A stack of 64 KiB grants a small block
static void *
expect_some(void *argument)
{
  (void)argument;
  CHECK(available() >= 4 * KIB);
  return NULL;
}

static void
small_thread_stacks_give_something(void)
{
  pthread_attr_t attr;
  pthread_t thread;
  if (UNDER_SANITIZER || under_valgrind()) {
    tap_skip("thread-local data of a sanitizer or valgrind take part of the stack");
    return;
  }
  CHECK_EQ(pthread_attr_init(&attr), 0);
  const size_t least = least_stack();
  CHECK_EQ(pthread_attr_setstacksize(&attr, least > 64 * KIB ? least : 64 * KIB), 0);
  CHECK_EQ(pthread_create(&thread, &attr, expect_some, NULL), 0);
  CHECK_EQ(pthread_join(thread, NULL), 0);
  CHECK_EQ(pthread_attr_destroy(&attr), 0);
}

static void
main_thread(void)
{
  struct rlimit limit;
  CHECK_EQ(getrlimit(RLIMIT_STACK, &limit), 0);
  const bool unlimited = limit.rlim_cur == RLIM_INFINITY;
  exhaust_in_many_ways(unlimited ? SIZE_MAX : (size_t)limit.rlim_cur);

  // A stack without a limit still has a bound
  CHECK(available() > 0);
  CHECK(available() < (size_t)1 << 30);
}

static char *program;

// The limit of the main thread's stack counts from the start of the program
static void
check_under_limit(rlim_t size)
{
  if (under_emulator()) {
    tap_skip("the emulator does not run the program once more");
    return;
  }
  const pid_t pid = fork();
  if (!pid) {
    struct rlimit limit = {size, size};
    if (setrlimit(RLIMIT_STACK, &limit)) {
      _exit(77);
    }
    // Its report would break ours on standard output, but its failures must be seen
    (void)dup2(STDERR_FILENO, STDOUT_FILENO);
    (void)execl(program, program, "main-thread-only", (char *)NULL);
    _exit(78);
  }
  int status = 0;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_EQ(WIFSIGNALED(status) ? WTERMSIG(status) : 0, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
    tap_skip("the stack's limit cannot be raised here");
    return;
  }
  CHECK_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
}

static void
main_thread_with_little(void)
{
  if (UNDER_SANITIZER || under_valgrind()) {
    tap_skip("sanitizers and valgrind need more stack themselves");
    return;
  }
  check_under_limit(256 * KIB);
  check_under_limit(1024 * KIB);
}

static void
main_thread_with_much(void)
{
  if (UNDER_SANITIZER) {
    tap_skip("sanitizers place their shadow by the limit of the stack");
    return;
  }
  check_under_limit(32 * 1024 * KIB);
  check_under_limit(512 * 1024 * KIB);
}

static void
main_thread_without_limit(void)
{
  if (UNDER_SANITIZER) {
    tap_skip("sanitizers do not run without a limit of the stack");
    return;
  }
  check_under_limit(RLIM_INFINITY);
}

int
main(int argc, char **argv)
{
  (void)alarm(DEADLOCK_SECONDS);
  program = argv[0];
  TAP_RUN(main_thread);
  if (argc > 1) {
    return tap_end();
  }
  TAP_RUN(main_thread_with_little);
  TAP_RUN(main_thread_with_much);
  TAP_RUN(main_thread_without_limit);
  TAP_RUN(thread_stacks);
  TAP_RUN(small_thread_stacks_give_something);
  return tap_end();
}
