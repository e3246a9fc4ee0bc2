// SPDX-License-Identifier: MIT
// The functions of the operating system that the core needs.  Only the files of this folder
// include headers of the system, beside those of standard C.
#ifndef PTRS_OS_H
#define PTRS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ptrs/status.h"

#if defined(__GLIBC__)
#  if __GLIBC_PREREQ(2, 32)
#    include <sys/single_threaded.h>
#    define PTRS_OS_CAN_TELL true
#  else
// Weak: a program that was built with an earlier version finds the variable too
extern char __libc_single_threaded __attribute__((weak));
#    define PTRS_OS_CAN_TELL (&__libc_single_threaded)
#  endif
#endif

// A variable of each thread.  By default glibc allocates such a variable when a thread first
// uses it, and ends the process where there is no memory.  With the initial-exec model the
// variable exists from the start of the thread; all libraries that are loaded at run time
// share a few hundred bytes for these.  musl allocates all of them at the start of a thread,
// and refuses to load a library with the initial-exec model.
#ifdef __GLIBC__
#  define PTRS_OS_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#  define PTRS_OS_THREAD_LOCAL _Thread_local
#endif

// Storage for the system's own mutex and once-flag, whose headers stay out of this one
typedef struct {
  _Alignas(8) unsigned char storage[64];
} PtrsMutex;

typedef struct {
  long start; // PTRS_ONCE_START
  unsigned char rest[8];
} PtrsOnce;

#ifdef __APPLE__
#  define PTRS_ONCE_START 0x30B1BCBAL
#else
#  define PTRS_ONCE_START 0L
#endif

void ptrs_os_mutex_init(PtrsMutex *mutex);
void ptrs_os_mutex_destroy(PtrsMutex *mutex);
void ptrs_os_mutex_lock(PtrsMutex *mutex);
bool ptrs_os_mutex_try_lock(PtrsMutex *mutex);
void ptrs_os_mutex_unlock(PtrsMutex *mutex);

// Run `init` once in the process; other threads wait until it has run.
void ptrs_os_once(PtrsOnce *once, void (*init)(void));

// Install handlers for fork(2): called before, after in the parent, after in the child.  Does
// nothing where there is no fork.
void ptrs_os_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

// Whether the calling thread is certainly the only one of the process.  Then reading and
// writing a value need not be one atomic instruction, which would cost as much as everything
// else that is done to a small block.  The C library keeps the answer for its own malloc(3);
// only creating a thread changes it, and no thread does that between the read and the write.
static inline bool
ptrs_os_is_single_threaded(void)
{
#if defined(__GLIBC__)
  return PTRS_OS_CAN_TELL && __libc_single_threaded;
#else
  return false;
#endif
}

// Wait a little for another thread; `round` counts the calls of one wait from 0 up.  The first
// calls pause the processor, later ones yield to the scheduler, then the thread sleeps.
void ptrs_os_backoff(unsigned round);

// Zero pages of at least `size` bytes, or NULL.
void *ptrs_os_map(size_t size);
void ptrs_os_unmap(void *mem, size_t size);

// The greatest alignment that every malloc(3) gives to blocks of at least as many
// bytes; less than PTRS_ALIGN_DEFAULT on some machines with 32 bits.
#if SIZE_MAX > UINT32_MAX
#  define PTRS_OS_MALLOC_ALIGN ((size_t)16)
#elif defined(__i386__) && defined(__GLIBC__)
#  if __GLIBC_PREREQ(2, 26)
#    define PTRS_OS_MALLOC_ALIGN ((size_t)16)
#  endif
#endif
#ifndef PTRS_OS_MALLOC_ALIGN
#  define PTRS_OS_MALLOC_ALIGN ((size_t)8)
#endif

// The functions of allocator.h, for memory of the C library and of the kernel.
void *ptrs_os_malloc(size_t size, size_t align);
void *ptrs_os_zalloc(size_t size, size_t align);
void *ptrs_os_realloc(void *mem, size_t old_size, size_t new_size, size_t align);
void *ptrs_os_zrealloc(void *mem, size_t old_size, size_t kept, size_t new_size, size_t align);
void ptrs_os_free(void *mem, size_t size, size_t align);
size_t ptrs_os_capacity(const void *mem, size_t size, size_t align);

// Whether free(3) may free such memory, which the kernel has not mapped for it alone.
bool ptrs_os_is_of_malloc(size_t size, size_t align);

// Load a shared library as dlopen(3) finds it, for ever; NULL, with the reason in `message`,
// where that fails.
void *ptrs_os_library_open(const char *path, char *message, size_t message_size);

// Find a function that lies in this library, not in one that this library uses; or NULL.
void (*ptrs_os_library_function(void *library, const char *name))(void);

// Lowest and highest address to which the calling thread's stack may grow.  NO_MEM;
// NOT_SUPPORTED where the system does not tell.
PtrsStatus ptrs_os_stack_bounds(uintptr_t *low, uintptr_t *high);

#endif
