// SPDX-License-Identifier: MIT
#ifndef _GNU_SOURCE
#  define _GNU_SOURCE // MAP_ANONYMOUS, MAP_NORESERVE
#endif

#include "os/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__linux__)
#  include <fcntl.h>
#endif

// A system without this flag reserves no memory for such mappings anyway
#ifndef MAP_NORESERVE
#  define MAP_NORESERVE 0
#endif

#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

size_t
ptrs_os_page_size(void)
{
  return (size_t)sysconf(_SC_PAGESIZE);
}

#if defined(__linux__)

size_t
ptrs_os_max_mappings(void)
{
  const size_t usual = 65530; // the default in the kernel's source, if /proc is missing
  char text[24];
  const int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return usual;
  }
  const ssize_t n_read = read(fd, text, sizeof(text) - 1);
  (void)close(fd);
  text[n_read > 0 ? n_read : 0] = '\0';
  const unsigned long count     = strtoul(text, NULL, 10);
  return count ? count : usual;
}

#else

size_t
ptrs_os_max_mappings(void)
{
  return SIZE_MAX;
}

#endif

void *
ptrs_os_pages_reserve(size_t size)
{
  void *const mem = mmap(NULL, size, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0);
  return mem == MAP_FAILED ? NULL : mem;
}

#ifdef MAP_FIXED_NOREPLACE

// A kernel that does not know the flag takes the address as a hint
static bool
map_at(void *mem, size_t size, int access, int flags)
{
  void *const mapped = mmap(mem, size, access, ANONYMOUS | MAP_FIXED_NOREPLACE | flags, -1, 0);
  if (mapped != mem && mapped != MAP_FAILED) {
    (void)munmap(mapped, size);
  }
  return mapped == mem;
}

#else

static bool
map_at(void *mem, size_t size, int access, int flags)
{
  (void)mem;
  (void)size;
  (void)access;
  (void)flags;
  return false;
}

#endif

bool
ptrs_os_pages_reserve_at(void *mem, size_t size)
{
  return map_at(mem, size, PROT_NONE, MAP_NORESERVE);
}

bool
ptrs_os_pages_commit_at(void *mem, size_t size)
{
  return map_at(mem, size, PROT_READ | PROT_WRITE, 0);
}

void
ptrs_os_pages_unmap(void *mem, size_t size)
{
  (void)munmap(mem, size);
}

// The next two functions do not use MAP_NORESERVE: the kernel does not join mappings that
// differ in this flag, so that the pages stay apart from reserved space
bool
ptrs_os_pages_commit(void *mem, size_t size)
{
  return mmap(mem, size, PROT_READ | PROT_WRITE, ANONYMOUS | MAP_FIXED, -1, 0) == mem;
}

bool
ptrs_os_pages_discard(void *mem, size_t size)
{
  return mmap(mem, size, PROT_NONE, ANONYMOUS | MAP_FIXED, -1, 0) == mem;
}

bool
ptrs_os_pages_forbid(void *mem, size_t size)
{
  return !mprotect(mem, size, PROT_NONE);
}

bool
ptrs_os_pages_allow(void *mem, size_t size)
{
  return !mprotect(mem, size, PROT_READ | PROT_WRITE);
}
