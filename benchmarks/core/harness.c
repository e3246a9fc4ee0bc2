// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "harness.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE ((size_t)4096)

#ifdef RUSAGE_THREAD
#  define WHO RUSAGE_THREAD
#else
#  define WHO RUSAGE_SELF
#endif

static atomic_ullong live;
static atomic_ullong peak;
static atomic_ullong faults;

static uint64_t
faults_now(void)
{
  struct rusage used;
  (void)getrusage(WHO, &used);
  return (uint64_t)used.ru_minflt + (uint64_t)used.ru_majflt;
}

static size_t
pages_of(size_t count, size_t size)
{
  return (count * size + PAGE - 1) / PAGE * PAGE;
}

void *
harness_map(size_t count, size_t size)
{
  if (!count || count > (SIZE_MAX - PAGE) / size) {
    return NULL;
  }
  const size_t bytes = pages_of(count, size);
  void *const mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mem == MAP_FAILED) {
    return NULL;
  }
  const uint64_t before = faults_now();
  for (size_t at = 0; at < bytes; at += PAGE) {
    ((volatile char *)mem)[at] = 0;
  }
  atomic_fetch_add(&faults, faults_now() - before);
  const unsigned long long now = atomic_fetch_add(&live, bytes) + bytes;
  unsigned long long seen      = atomic_load(&peak);
  while (seen < now && !atomic_compare_exchange_weak(&peak, &seen, now)) {
  }
  return mem;
}

void
harness_unmap(void *mem, size_t count, size_t size)
{
  if (mem) {
    (void)munmap(mem, pages_of(count, size));
    atomic_fetch_sub(&live, pages_of(count, size));
  }
}

uint64_t
harness_peak(void)
{
  return atomic_load(&peak);
}

uint64_t
harness_faults(void)
{
  return atomic_load(&faults);
}
