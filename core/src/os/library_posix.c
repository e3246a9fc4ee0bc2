// SPDX-License-Identifier: MIT
#ifndef _GNU_SOURCE
#  define _GNU_SOURCE // dladdr1
#endif

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#if defined(__linux__)
#  include <link.h>
#endif

#include "os/os.h"

static void
say(char *message, size_t size, const char *text)
{
  (void)snprintf(message, size, "%s", text ? text : "unknown reason");
}

void *
ptrs_os_library_open(const char *path, char *message, size_t message_size)
{
  // RTLD_LOCAL: the library's malloc(3) does not replace the one of the process
  void *const library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) {
    say(message, message_size, dlerror());
  }
  return library;
}

#if defined(__GLIBC__)

// Compare entries in the loader's list, since one file may be loaded by several names
static bool
lies_in(void *library, void *address)
{
  Dl_info info;
  struct link_map *found = NULL;
  struct link_map *own   = NULL;
  return dladdr1(address, &info, (void **)&found, RTLD_DL_LINKMAP) &&
         !dlinfo(library, RTLD_DI_LINKMAP, (void *)&own) && found == own;
}

#else

// Compare the library with the one that a file name of the symbol's address leads to
static bool
lies_in(void *library, void *address)
{
  Dl_info info;
  if (!dladdr(address, &info)) {
    return false;
  }
  void *const again = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  if (again) {
    (void)dlclose(again);
  }
  return again == library;
}

#endif

void (*ptrs_os_library_function(void *library, const char *name))(void)
{
  void (*function)(void) = NULL;
  void *const address    = dlsym(library, name);
  if (address && lies_in(library, address)) {
    // ISO C knows no way from an object's address to a function's; POSIX has it
    memcpy(&function, &address, sizeof(function));
  }
  return function;
}
