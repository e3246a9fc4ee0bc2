// SPDX-License-Identifier: MIT
// The tools that a test runs under, since some cases cannot work under them.
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define UNDER_SANITIZER true
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                       \
      __has_feature(memory_sanitizer)
#    define UNDER_SANITIZER true
#  endif
#endif
#ifndef UNDER_SANITIZER
#  define UNDER_SANITIZER false
#endif

#if defined(__SANITIZE_ADDRESS__)
#  define UNDER_ADDRESS_SANITIZER true
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
#    define UNDER_ADDRESS_SANITIZER true
#  endif
#endif
#ifndef UNDER_ADDRESS_SANITIZER
#  define UNDER_ADDRESS_SANITIZER false
#endif

// An emulator of other machines (tests/cross/): it keeps no limits of memory, and
// cannot run the program once more
static inline bool
under_emulator(void)
{
  return getenv("TAP_EMULATED");
}

static inline bool
under_valgrind(void)
{
  const char *const preload = getenv("LD_PRELOAD");
  return preload && strstr(preload, "vgpreload");
}

#endif
