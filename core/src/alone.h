// SPDX-License-Identifier: MIT
// Whether the calling thread is the only one of the process.
//
// A step that nobody can come between need not be atomic, and an atomic one
// costs as much as all else that is done to a small block.  The C library keeps
// the answer for its own malloc(3): it is true until another thread has been
// created, which no thread does amid a step.
#ifndef PTRS_ALONE_H
#define PTRS_ALONE_H

#include <stdbool.h>

#if defined(__has_include)
#  if __has_include(<sys/single_threaded.h>)
#    include <sys/single_threaded.h> // glibc 2.32
#    define PTRS_KNOWS_THREADS
#  endif
#endif

static inline bool
ptrs_is_alone(void)
{
#ifdef PTRS_KNOWS_THREADS
  return __libc_single_threaded;
#else
  return false;
#endif
}

#endif
