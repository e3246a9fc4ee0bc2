// SPDX-License-Identifier: MIT
// What has to be in order when the process forks: locks, and what they protect.
#ifndef PTRS_FORK_H
#define PTRS_FORK_H

// A thread takes locks of a lower level first
typedef enum {
  PTRS_FORK_LIFECYCLE, // of an allocator's blocks
  PTRS_FORK_TABLE,     // of the table's slots
  PTRS_FORK_MEMORY,    // inside of an allocator
  PTRS_FORK_LEVELS
} PtrsForkLevel;

typedef struct PtrsForkEntryImpl PtrsForkEntry;

struct PtrsForkEntryImpl {
  PtrsForkLevel level;
  void (*prepare)(void *ctx); // before: take the lock
  void (*parent)(void *ctx);  // after, in the parent: release it
  void (*child)(void *ctx);   // after, in the child, where no other thread exists
  void *ctx;
  PtrsForkEntry *older; // of the same level
  PtrsForkEntry *newer;
};

// Of one level, those that were added last are prepared first.  The caller
// holds none of the locks.
void ptrs_fork_add(PtrsForkEntry *entry);
void ptrs_fork_remove(PtrsForkEntry *entry);

// Be prepared before a library that is there by now and takes locks of its own when
// the process forks: what is called last is prepared first.  A thread that is waited
// for here, since it works in that library, may be waiting for one of these.
void ptrs_fork_precede(const void *library);

#endif
