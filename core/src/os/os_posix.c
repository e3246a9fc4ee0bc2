// SPDX-License-Identifier: MIT
#ifndef _GNU_SOURCE
#  define _GNU_SOURCE // pthread_getattr_np
#endif

#include "os/os.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#  include <errno.h>
#  include <sys/auxv.h>
#endif

static_assert(sizeof(pthread_mutex_t) <= sizeof(PtrsMutex), "storage of a mutex");
static_assert(_Alignof(pthread_mutex_t) <= _Alignof(PtrsMutex), "storage of a mutex");
static_assert(sizeof(pthread_once_t) <= sizeof(PtrsOnce), "storage of a once-flag");
static_assert(_Alignof(pthread_once_t) <= _Alignof(PtrsOnce), "storage of a once-flag");

#if defined(__APPLE__)
static_assert(_PTHREAD_ONCE_SIG_init == PTRS_ONCE_START, "start value of a once-flag");
#elif defined(__linux__)
static_assert(PTHREAD_ONCE_INIT == PTRS_ONCE_START, "start value of a once-flag");
#endif

static pthread_mutex_t *
lock_of(PtrsMutex *mutex)
{
  return (pthread_mutex_t *)(void *)mutex->storage;
}

void
ptrs_os_mutex_init(PtrsMutex *mutex)
{
  (void)pthread_mutex_init(lock_of(mutex), NULL);
}

void
ptrs_os_mutex_destroy(PtrsMutex *mutex)
{
  (void)pthread_mutex_destroy(lock_of(mutex));
}

void
ptrs_os_mutex_lock(PtrsMutex *mutex)
{
  (void)pthread_mutex_lock(lock_of(mutex));
}

bool
ptrs_os_mutex_try_lock(PtrsMutex *mutex)
{
  return !pthread_mutex_trylock(lock_of(mutex));
}

void
ptrs_os_mutex_unlock(PtrsMutex *mutex)
{
  (void)pthread_mutex_unlock(lock_of(mutex));
}

void
ptrs_os_once(PtrsOnce *once, void (*init)(void))
{
  (void)pthread_once((pthread_once_t *)(void *)once, init);
}

void
ptrs_os_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
  (void)pthread_atfork(prepare, parent, child);
}

void
ptrs_os_backoff(unsigned round)
{
  if (round < 32) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
  } else if (round < 64) {
    (void)sched_yield();
  } else {
    const struct timespec pause = {0, 50000};
    (void)nanosleep(&pause, NULL);
  }
}

void *
ptrs_os_map(size_t size)
{
  void *const mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mem == MAP_FAILED ? NULL : mem;
}

void
ptrs_os_unmap(void *mem, size_t size)
{
  (void)munmap(mem, size);
}

#if defined(__APPLE__)

PtrsStatus
ptrs_os_stack_bounds(uintptr_t *low, uintptr_t *high)
{
  const pthread_t self = pthread_self();
  *high                = (uintptr_t)pthread_get_stackaddr_np(self);
  *low                 = *high - pthread_get_stacksize_np(self); // of the first thread, too
  return PTRS_STATUS_SUCCESS;
}

#elif defined(__linux__)

// Bytes that a stack without a limit is assumed to have
#  define UNLIMITED_STACK ((size_t)64 << 20)

// The most bytes that the kernel lets a program's arguments and environment take
#  define ARGUMENTS_MAX ((uintptr_t)6 << 20)

// Bytes to which the main thread's stack may grow
static size_t
main_stack_limit(void)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) || limit.rlim_cur == RLIM_INFINITY ||
      limit.rlim_cur > UNLIMITED_STACK) {
    return UNLIMITED_STACK;
  }
  return (size_t)limit.rlim_cur;
}

// Ends of the stack as the thread library tells them.  For the first thread the library
// reads /proc, which may be missing.  0, or an errno.
static int
thread_stack(uintptr_t *low, uintptr_t *high)
{
  pthread_attr_t attr;
  void *mem    = NULL;
  size_t size  = 0;
  size_t guard = 0;
  int error    = pthread_getattr_np(pthread_self(), &attr);
  if (error) {
    return error;
  }
  error = pthread_attr_getstack(&attr, &mem, &size);
  if (!error) {
    error = pthread_attr_getguardsize(&attr, &guard);
  }
  (void)pthread_attr_destroy(&attr);

#  ifndef __GLIBC__
  guard = 0; // never part of the stack under musl; under glibc it was, up to 2.26
#  endif
  *low  = (uintptr_t)mem + guard;
  *high = (uintptr_t)mem + size;
  return error;
}

PtrsStatus
ptrs_os_stack_bounds(uintptr_t *low, uintptr_t *high)
{
  // The kernel puts the bytes of AT_RANDOM at the start of the process's first stack, above
  // the arguments, which musl does not count as part of the stack.  The number of a thread
  // does not tell whether it runs there: in the child of a fork, the thread that forked has
  // the number of the process, on whatever stack.
  const uintptr_t start = (uintptr_t)getauxval(AT_RANDOM);
  const uintptr_t here  = (uintptr_t)__builtin_frame_address(0);
  const size_t limit    = main_stack_limit();
  const int error       = thread_stack(low, high);
  if (!error) {
    if (start < *low || (start >= *high && start - *high >= ARGUMENTS_MAX)) {
      return PTRS_STATUS_SUCCESS; // of a thread that was created
    }
  } else if (start > here && start - here < limit) {
    *high = start;
  } else {
    return error == ENOMEM ? PTRS_STATUS_NO_MEM : PTRS_STATUS_NOT_SUPPORTED;
  }

  // The first stack grows down to its limit and, with a margin for the gap that the kernel
  // keeps below it, no further.  The low end that musl tells is how far the stack has grown.
  *low = *high > limit ? *high - limit : 0;
  return PTRS_STATUS_SUCCESS;
}

#else

PtrsStatus
ptrs_os_stack_bounds(uintptr_t *low, uintptr_t *high)
{
  (void)low;
  (void)high;
  return PTRS_STATUS_NOT_SUPPORTED;
}

#endif
