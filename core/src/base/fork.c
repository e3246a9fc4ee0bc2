// SPDX-License-Identifier: MIT
#include "base/fork.h"

#include <stdbool.h>
#include <stddef.h>

#include "os/os.h"

#define N_LIBRARIES 16

static PtrsMutex mutex; // of the lists below; held from before a fork until after it
static PtrsForkEntry *newest[PTRS_FORK_LEVELS];
static const void *libraries[N_LIBRARIES]; // of ptrs_fork_precede()
static size_t n_libraries;

// The handlers may be installed several times: at each fork only the first call counts
static PTRS_OS_THREAD_LOCAL bool is_forking;

static void
prepare(void)
{
  if (is_forking) {
    return;
  }
  is_forking = true;
  ptrs_os_mutex_lock(&mutex);
  for (unsigned level = 0; level < PTRS_FORK_LEVELS; ++level) {
    for (PtrsForkEntry *entry = newest[level]; entry; entry = entry->older) {
      entry->prepare(entry->ctx);
    }
  }
}

static void
parent(void)
{
  if (!is_forking) {
    return;
  }
  is_forking = false;
  for (unsigned level = PTRS_FORK_LEVELS; level-- > 0;) {
    for (PtrsForkEntry *entry = newest[level]; entry; entry = entry->older) {
      entry->parent(entry->ctx);
    }
  }
  ptrs_os_mutex_unlock(&mutex);
}

static void
child(void)
{
  if (!is_forking) {
    return;
  }
  is_forking = false;
  for (unsigned level = PTRS_FORK_LEVELS; level-- > 0;) {
    for (PtrsForkEntry *entry = newest[level]; entry; entry = entry->older) {
      entry->child(entry->ctx);
    }
  }
  ptrs_os_mutex_unlock(&mutex);
}

static void
init(void)
{
  ptrs_os_mutex_init(&mutex);
  ptrs_os_atfork(prepare, parent, child);
}

static void
init_once(void)
{
  static PtrsOnce once = {.start = PTRS_ONCE_START};
  ptrs_os_once(&once, init);
}

void
ptrs_fork_precede(const void *library)
{
  init_once();
  ptrs_os_mutex_lock(&mutex);
  bool is_known = false;
  for (size_t i = 0; i < n_libraries; ++i) {
    is_known = is_known || libraries[i] == library;
  }
  if (!is_known && n_libraries < N_LIBRARIES) {
    libraries[n_libraries++] = library;
  }
  ptrs_os_mutex_unlock(&mutex);
  if (!is_known) {
    ptrs_os_atfork(prepare, parent, child);
  }
}

void
ptrs_fork_add(PtrsForkEntry *entry)
{
  init_once();
  ptrs_os_mutex_lock(&mutex);
  entry->newer = NULL;
  entry->older = newest[entry->level];
  if (entry->older) {
    entry->older->newer = entry;
  }
  newest[entry->level] = entry;
  ptrs_os_mutex_unlock(&mutex);
}

void
ptrs_fork_remove(PtrsForkEntry *entry)
{
  ptrs_os_mutex_lock(&mutex);
  if (entry->newer) {
    entry->newer->older = entry->older;
  } else {
    newest[entry->level] = entry->older;
  }
  if (entry->older) {
    entry->older->newer = entry->newer;
  }
  ptrs_os_mutex_unlock(&mutex);
}
