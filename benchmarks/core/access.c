// SPDX-License-Identifier: MIT
// What checking costs: accesses and allocations through handles beside the
// same without them.  Prints nanoseconds, the best of several rounds.
#define _POSIX_C_SOURCE 200809L

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ptrs/block.h"
#include "ptrs/system.h"

#define N_ROUNDS 9
#define N_CALLS 500000
#define SIZE 28

typedef struct {
  const char *name;
  void (*run)(PtrsBlock block, char *data);
} Case;

static void
read_checked(PtrsBlock block, char *data)
{
  (void)ptrs_block_read(block, 0, SIZE, data);
}

static void
write_checked(PtrsBlock block, char *data)
{
  (void)ptrs_block_write(block, 0, SIZE, data);
}

static void
allocate_checked(PtrsBlock block, char *data)
{
  (void)data;
  if (!ptrs_block_alloc(ptrs_system_allocator(), SIZE, PTRS_ALIGN_DEFAULT, &block)) {
    (void)ptrs_block_free(block);
  }
}

static void
allocate_plain(PtrsBlock block, char *data)
{
  (void)block;
  (void)data;
  // Volatile, or the pair would be optimised away
  void *volatile mem = malloc(SIZE);
  free(mem);
}

static void
nothing(PtrsBlock block, char *data)
{
  (void)block;
  (void)data;
}

static double
now(void)
{
  struct timespec time;
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double
time_round(const Case *one, PtrsBlock block, char *data)
{
  const double start = now();
  for (int i = 0; i < N_CALLS; ++i) {
    one->run(block, data);
  }
  return (now() - start) / N_CALLS;
}

int
main(void)
{
  static const Case cases[] = {
      {"checked read, 28 bytes", read_checked},
      {"checked write, 28 bytes", write_checked},
      {"checked alloc and free", allocate_checked},
      {"malloc and free", allocate_plain},
      {"an empty call", nothing},
  };
  enum { N_CASES = sizeof(cases) / sizeof(cases[0]) };
  double best[N_CASES];
  char data[SIZE] = {0};
  PtrsBlock block = 0;
  if (ptrs_block_alloc(ptrs_system_allocator(), SIZE, PTRS_ALIGN_DEFAULT, &block)) {
    return EXIT_FAILURE;
  }
  for (int round = 0; round < N_ROUNDS; ++round) {
    for (int i = 0; i < N_CASES; ++i) {
      const double time = time_round(&cases[i], block, data);
      best[i]           = round && best[i] < time ? best[i] : time;
    }
  }
  for (int i = 0; i < N_CASES; ++i) {
    printf("%-24s %6.1f ns\n", cases[i].name, best[i]);
  }
  return ptrs_block_free(block) ? EXIT_FAILURE : EXIT_SUCCESS;
}
