// SPDX-License-Identifier: MIT
#include "fork.h"

#include <stddef.h>

#include "os.h"

static PtrsMutex mutex; // of the lists; held from before a fork until after it
static PtrsForkEntry *newest[PTRS_FORK_LEVELS];

static void
prepare(void)
{
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

void
ptrs_fork_add(PtrsForkEntry *entry)
{
  static PtrsOnce once = PTRS_ONCE_INIT;
  ptrs_os_once(&once, init);
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
