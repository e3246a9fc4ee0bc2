// SPDX-License-Identifier: MIT
// The workloads, and what one run of one of them is.
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap.h"

typedef struct {
  Heap *heap;
  double scale;
  unsigned threads;
  uint64_t seed;
  uint64_t blocks; // live-blocks: how many live

  // Of this thread
  uint64_t maker;  // its number
  uint64_t n_made; // by it

  // Results
  uint64_t operations; // an allocation with its release, or a resize, is one
  double seconds;      // 0: from start to end; else what the workload measured itself
  char problem[128];   // why it could not be done; "" if it could
  bool corrupt;        // contents were not what was written
} Run;

typedef struct {
  const char *name;
  const char *description; // with its parameters
  size_t max_size;         // of a piece, in bytes
  bool (*run)(Run *run);   // false: see `problem` and `corrupt`
  bool threaded;           // --threads means something
  Touch touch;
  double quick; // scale of a run that takes about a tenth of a second
} Workload;

extern const Workload workloads[];
extern const size_t n_workloads;

// `base` times the scale, at least `least`
size_t run_times(const Run *run, double base, size_t least);

// Note that there was no memory.  Returns false.
bool run_out_of_memory(Run *run, size_t size);

// Note that contents were lost.  Returns false.
bool run_corrupt(Run *run);

// Whether an allocator that gives nothing back before its end can do it; notes
// the reason if not.  `bytes` are all that will be allocated.
bool run_fits(Run *run, double bytes);

// Allocate and free with the results noted in the run.  The size of a piece that
// is not there is 0, and run_free does nothing with it.
bool run_alloc(Run *run, size_t size, Piece *piece);
bool run_resize(Run *run, size_t size, Piece *piece);
bool run_free(Run *run, Piece *piece);
bool run_free_all(Run *run, Piece *pieces, size_t count);

// Free one piece and allocate another in its place.
bool run_renew(Run *run, size_t size, Piece *piece);

// Let this thread be another one than it was in what is counted.
void run_become(Run *run);

// Count what lives now as retained.
void run_retain(Run *run);

// Run `function` on threads, all from one start; each gets its own copy of the
// run, whose results are added up.
typedef bool (*ThreadFunction)(Run *own, unsigned index, void *ctx);
bool run_on_threads(Run *run, unsigned threads, ThreadFunction function, void *ctx);

// The same, where the calling thread is the first of them.
bool run_beside(Run *run, unsigned threads, ThreadFunction function, void *ctx);

// In files of their own
bool run_glibc_simple(Run *run);
bool run_glibc_thread(Run *run);
bool run_cache_scratch(Run *run);
bool run_cache_thrash(Run *run);
bool run_churn(Run *run);
bool run_alloc_test(Run *run);
bool run_large(Run *run);
bool run_growth(Run *run);
bool run_request_cycle(Run *run);
bool run_live_blocks(Run *run);
bool run_sh6(Run *run);
bool run_sh8(Run *run);
bool run_larson(Run *run);
bool run_mstress(Run *run);
bool run_rptest(Run *run);
bool run_xmalloc(Run *run);

#endif
