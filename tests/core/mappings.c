// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "mappings.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

typedef bool (*Visit)(uintptr_t low, uintptr_t high, const char *access, void *ctx);

static void
visit_mappings(Visit visit, void *ctx)
{
  char line[512];
  FILE *const maps = fopen("/proc/self/maps", "r");
  if (!CHECK(maps)) {
    return;
  }
  while (fgets(line, sizeof(line), maps)) {
    uintptr_t low  = 0;
    uintptr_t high = 0;
    char access[5] = "";
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &low, &high, access) == 3 &&
        !visit(low, high, access, ctx)) {
      break;
    }
  }
  (void)fclose(maps);
}

static bool
count(uintptr_t low, uintptr_t high, const char *access, void *ctx)
{
  (void)low;
  (void)high;
  (void)access;
  *(size_t *)ctx += 1;
  return true;
}

size_t
count_mappings(void)
{
  size_t n_mappings = 0;
  visit_mappings(count, &n_mappings);
  return n_mappings;
}

void
forbid_huge_blocks(void)
{
#if SIZE_MAX == UINT32_MAX
  const int flags   = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  const size_t huge = (size_t)1 << 30;
  void *room        = mmap(NULL, huge, PROT_NONE, flags, -1, 0);
  while (room != MAP_FAILED) {
    (void)munmap(room, huge);
    (void)mmap(NULL, huge / 4, PROT_NONE, flags, -1,
               0); // never unmapped: the addresses must stay taken
    room = mmap(NULL, huge, PROT_NONE, flags, -1, 0);
  }
#endif
}

typedef struct {
  uintptr_t address;
  bool is_touchable;
} Question;

static bool
find(uintptr_t low, uintptr_t high, const char *access, void *ctx)
{
  Question *const question = (Question *)ctx;
  if (question->address < low || question->address >= high) {
    return true;
  }
  question->is_touchable = access[0] == 'r' && access[1] == 'w';
  return false;
}

bool
is_touchable(const void *address)
{
  Question question = {.address = (uintptr_t)address};
  visit_mappings(find, &question);
  return question.is_touchable;
}

bool
is_resident(const void *address)
{
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  void *const start    = (void *)((uintptr_t)address & ~(page - 1));
#if defined(__APPLE__)
  char present = 0;
#else
  unsigned char present = 0;
#endif
  return !mincore(start, page, &present) && (present & 1);
}
