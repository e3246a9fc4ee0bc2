// SPDX-License-Identifier: MIT
// Whether the only thread knows that it is: the C library tells, where it can.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "os/os.h"
#include "tap.h"

static void *
ask(void *answer)
{
  *(bool *)answer = ptrs_os_is_single_threaded();
  return NULL;
}

// Where the library was built does not matter, only where it runs
static void
a_thread_ends_it(void)
{
  const bool can_tell = dlsym(RTLD_DEFAULT, "__libc_single_threaded");
  CHECK_EQ(ptrs_os_is_single_threaded(), can_tell && !getenv("TAP_BESIDE"));

  bool inside = true;
  pthread_t thread;
  if (CHECK_EQ(pthread_create(&thread, NULL, ask, &inside), 0)) {
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK(!inside);
    CHECK(!ptrs_os_is_single_threaded());
  }
}

int
main(void)
{
  TAP_RUN(a_thread_ends_it);
  return tap_end();
}
