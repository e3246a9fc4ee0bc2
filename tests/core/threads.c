// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "tap.h"

void
barrier_init(Barrier *barrier, size_t n_threads)
{
  barrier->n_threads = n_threads;
  atomic_init(&barrier->n_waiting, 0);
  atomic_init(&barrier->round, 0);
}

void
barrier_wait(Barrier *barrier)
{
  const size_t round = barrier->round;
  if (++barrier->n_waiting == barrier->n_threads) {
    barrier->n_waiting = 0;
    ++barrier->round;
  }
  while (barrier->round == round) {
    (void)sched_yield();
  }
}

typedef struct {
  Barrier *start;
  CrewFunction function;
  size_t index;
  void *ctx;
} Member;

static void *
work(void *argument)
{
  Member *const member = (Member *)argument;
  barrier_wait(member->start);
  member->function(member->index, member->ctx);
  return NULL;
}

void
crew_run(size_t n_threads, CrewFunction function, void *ctx)
{
  pthread_t threads[CREW_MAX];
  Member members[CREW_MAX];
  Barrier start;
  barrier_init(&start, n_threads);
  for (size_t i = 0; i < n_threads; ++i) {
    members[i] = (Member){&start, function, i, ctx};
    CHECK_EQ(pthread_create(&threads[i], NULL, work, &members[i]), 0);
  }
  for (size_t i = 0; i < n_threads; ++i) {
    CHECK_EQ(pthread_join(threads[i], NULL), 0);
  }
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
