// SPDX-License-Identifier: MIT
// A workload of your own, for `python -m pointers bench --workload mine.c`.
//
// Define ptrs_workload() in a C file that includes this header.  It is called once
// in each process, which measures one allocator: the time that it took is divided
// by the operations that it returns.
#ifndef PTRS_WORKLOAD_H
#define PTRS_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PtrsAllocatorImpl PtrsAllocator;

// The allocator and what was asked for.  Later versions may add members at the end.
typedef struct {
  // First argument of the three functions, which any thread may call.  `align` is a
  // power of two, 16 for any type of C; `size` and `align` are given again later.
  PtrsAllocator *allocator;

  // NULL: there is no memory.
  void *(*alloc)(PtrsAllocator *allocator, size_t size, size_t align);

  // NULL: there is no memory, and the block is as it was.
  void *(*realloc)(
      PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align);

  void (*free)(PtrsAllocator *allocator, void *mem, size_t size, size_t align);

  double scale;     // 1 is the full length, 0.1 a quick one: for counts, not for what lives
  unsigned threads; // how many to start, if it starts any
  uint64_t seed;    // of random numbers
} PtrsWorkload;

// What else ptrs_workload() may return
#define PTRS_WORKLOAD_NO_MEMORY (-1) // the allocator cannot serve it
#define PTRS_WORKLOAD_CORRUPT (-2)   // a block had not what was written into it

// Returns how many operations it has done, at least 1.
int64_t ptrs_workload(const PtrsWorkload *workload);

// A pool cannot be measured without `pool:BLOCK` unless the file defines this: the
// size of its largest block.
extern const size_t ptrs_workload_max_size;

#ifdef __cplusplus
}
#endif

#endif
