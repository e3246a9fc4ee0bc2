// SPDX-License-Identifier: MIT
// A library with a malloc(3) family that takes a lock of its own, also when the process
// forks, as the allocators for many threads do.  While forking_is_slow is set, its realloc
// waits before it takes the lock, so that a fork which is let in takes the lock first.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT extern atomic_bool forking_is_slow;
EXPORT extern atomic_bool forking_is_inside;
EXPORT void *forking_malloc(size_t size);
EXPORT void *forking_calloc(size_t count, size_t size);
EXPORT void *forking_realloc(void *mem, size_t size);
EXPORT void forking_free(void *mem);

atomic_bool forking_is_slow;
atomic_bool forking_is_inside;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once   = PTHREAD_ONCE_INIT;
static atomic_bool is_locked_for_fork;

static void
lock(void)
{
  (void)pthread_mutex_lock(&mutex);
  is_locked_for_fork = true;
}

static void
unlock(void)
{
  is_locked_for_fork = false;
  (void)pthread_mutex_unlock(&mutex);
}

static void
init(void)
{
  (void)pthread_atfork(lock, unlock, unlock);
}

void *
forking_malloc(size_t size)
{
  (void)pthread_once(&once, init);
  return malloc(size);
}

void *
forking_calloc(size_t count, size_t size)
{
  (void)pthread_once(&once, init);
  return calloc(count, size);
}

void *
forking_realloc(void *mem, size_t size)
{
  const struct timespec pause = {0, 1000000};
  forking_is_inside           = true;
  for (int i = 0; forking_is_slow && !is_locked_for_fork && i < 200; ++i) {
    (void)nanosleep(&pause, NULL);
  }
  (void)pthread_mutex_lock(&mutex);
  void *const moved = realloc(mem, size);
  (void)pthread_mutex_unlock(&mutex);
  return moved;
}

void
forking_free(void *mem)
{
  free(mem);
}
