// SPDX-License-Identifier: MIT
// Whether the core knows that the process has one thread, if the C library can tell.
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

// Decided when the test runs: the C library may be newer than that of the build
static void
is_false_once_there_was_a_thread(void)
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
  TAP_RUN(is_false_once_there_was_a_thread);
  return tap_end();
}
