// SPDX-License-Identifier: MIT
// Locks that are taken before the process forks, so that the child finds what they protect
// in order.
#ifndef PTRS_FORK_H
#define PTRS_FORK_H

// A thread takes the locks of an earlier level first
typedef enum {
  PTRS_FORK_LIFECYCLE, // the chain of an allocator's blocks
  PTRS_FORK_TABLE,     // the table of slots
  PTRS_FORK_MEMORY,    // the memory inside of an allocator
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

// Add and remove an entry.  Within a level, the entry that was added last is prepared first.
// The caller holds none of the locks.
void ptrs_fork_add(PtrsForkEntry *entry);
void ptrs_fork_remove(PtrsForkEntry *entry);

// Take these locks before a library that has been loaded takes its own ones at a fork: the
// handlers that are installed last run first.  Otherwise a fork could deadlock: it would
// hold the library's locks and wait for one of these, whose holder is at work in the
// library.
void ptrs_fork_precede(const void *library);

#endif
