// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "long_work.h"

#include "tap.h"
#include "threads.h"

static atomic_bool has_begun;
atomic_bool long_work_may_end;
atomic_bool long_work_is_slow;

void
long_work_prepare(void)
{
  has_begun         = false;
  long_work_may_end = false;
  long_work_is_slow = true;
}

void
long_work(void)
{
  if (long_work_is_slow) {
    has_begun = true;
    while (!long_work_may_end) {
      sleep_ms(1);
    }
  }
}

pthread_t
long_work_begin(void *(*function)(void *ctx), void *ctx)
{
  pthread_t thread;
  has_begun = false;
  CHECK_EQ(pthread_create(&thread, NULL, function, ctx), 0);
  while (!has_begun) {
    sleep_ms(1);
  }
  long_work_is_slow = false; // for all other blocks
  return thread;
}

void
long_work_end(pthread_t thread)
{
  long_work_may_end = true;
  CHECK_EQ(pthread_join(thread, NULL), 0);
}
