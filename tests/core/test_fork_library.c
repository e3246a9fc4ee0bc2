// SPDX-License-Identifier: MIT
// fork(2) while a thread is in the allocator of a library that takes locks of its own
// as the process forks: neither thread may wait for the other.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "child.h"
#include "operations.h"
#include "ptrs/block.h"
#include "ptrs/foreign.h"
#include "ptrs/system.h"
#include "tap.h"
#include "threads.h"

static PtrsAllocator *library;
static atomic_bool *is_slow;
static atomic_bool *is_inside;

static PtrsBlock
make(size_t size)
{
  PtrsBlock block = 0;
  // An alignment that every malloc(3) has, so that the library's own realloc is called
  CHECK_EQ(ptrs_block_zalloc(library, size, 8, &block), PTRS_STATUS_SUCCESS);
  return block;
}

static void *
resize_slowly(void *ctx)
{
  const PtrsBlock block = *(PtrsBlock *)ctx;
  CHECK_EQ(ptrs_block_realloc(block, 3000), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_realloc(block, 300000), PTRS_STATUS_SUCCESS);
  return NULL;
}

static void
use_in_child(void *ctx)
{
  *is_slow              = false;
  const PtrsBlock block = *(PtrsBlock *)ctx;
  CHECK_EQ(ptrs_block_realloc(block, 5000), PTRS_STATUS_SUCCESS);
  check_block(block, 5000, 0, 0);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
}

// A small block and a large one: long work takes other locks
static void
forks_do_not_stand_still(void)
{
  char message[200] = "";
  // Most programs have used other blocks before
  PtrsBlock other = 0;
  CHECK_EQ(ptrs_block_alloc(ptrs_system_allocator(), 8, 8, &other), PTRS_STATUS_SUCCESS);
  if (ptrs_foreign_new(LIBRARY, "forking_", message, sizeof(message), &library)) {
    CHECK_STR(message, "");
    return;
  }
  // An alignment for which the library has no function
  PtrsBlock aligned = 0;
  CHECK_EQ(ptrs_block_zalloc(library, 8, PTRS_ALIGN_DEFAULT, &aligned), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_realloc(aligned, 5000), PTRS_STATUS_SUCCESS);
  check_block(aligned, 5000, 0, 0);
  CHECK_EQ(ptrs_block_free(aligned), PTRS_STATUS_SUCCESS);

  void *const handle          = dlopen(LIBRARY, RTLD_NOW);
  is_slow                     = (atomic_bool *)dlsym(handle, "forking_is_slow");
  is_inside                   = (atomic_bool *)dlsym(handle, "forking_is_inside");
  *is_slow                    = true;
  static const size_t sizes[] = {2000, 200000};
  for (size_t i = 0; i < 2; ++i) {
    PtrsBlock block = make(sizes[i]);
    pthread_t thread;
    *is_inside = false;
    CHECK_EQ(pthread_create(&thread, NULL, resize_slowly, &block), 0);
    while (!*is_inside) {
      sleep_ms(1);
    }
    child_run(use_in_child, &block);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    check_block(block, 300000, 0, 0);
    CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  }
  ptrs_allocator_release(library);
  CHECK_EQ(ptrs_block_free(other), PTRS_STATUS_SUCCESS);
}

int
main(void)
{
  (void)alarm(DEADLOCK_SECONDS);
  TAP_RUN(forks_do_not_stand_still);
  return tap_end();
}
