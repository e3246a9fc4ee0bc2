// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "threads.h"

#include <pthread.h>
#include <time.h>

#include "tap.h"

typedef struct {
  pthread_barrier_t *start;
  CrewFunction function;
  size_t index;
  void *ctx;
} Member;

static void *
work(void *argument)
{
  Member *const member = (Member *)argument;
  (void)pthread_barrier_wait(member->start);
  member->function(member->index, member->ctx);
  return NULL;
}

void
crew_run(size_t n_threads, CrewFunction function, void *ctx)
{
  pthread_t threads[CREW_MAX];
  Member members[CREW_MAX];
  pthread_barrier_t start;
  (void)pthread_barrier_init(&start, NULL, (unsigned)n_threads);
  for (size_t i = 0; i < n_threads; ++i) {
    members[i] = (Member){&start, function, i, ctx};
    CHECK_EQ(pthread_create(&threads[i], NULL, work, &members[i]), 0);
  }
  for (size_t i = 0; i < n_threads; ++i) {
    CHECK_EQ(pthread_join(threads[i], NULL), 0);
  }
  (void)pthread_barrier_destroy(&start);
}

double
clock_seconds(void)
{
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void
sleep_ms(unsigned ms)
{
  const struct timespec pause = {ms / 1000, (long)(ms % 1000) * 1000000};
  (void)nanosleep(&pause, NULL);
}
