// SPDX-License-Identifier: MIT
// Threads for tests: a crew that starts together and a clock that ends it.
#ifndef THREADS_H
#define THREADS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define CREW_MAX 8

// Number `index` of the crew; `ctx` is shared by all.
typedef void (*CrewFunction)(size_t index, void *ctx);

// Run `function` on `n_threads` threads, none of which begins before all are
// there, and wait until all have returned.
void crew_run(size_t n_threads, CrewFunction function, void *ctx);

// Threads wait for each other here, any number of times.  macOS lacks POSIX's barrier,
// whose mutex also lets threads go on one after the other, not at the same time.
typedef struct {
  size_t n_threads;
  atomic_size_t n_waiting;
  atomic_size_t round;
} Barrier;

void barrier_init(Barrier *barrier, size_t n_threads);
void barrier_wait(Barrier *barrier);

// Seconds on a monotonic clock
double clock_seconds(void);

void sleep_ms(unsigned ms);

// Seconds that a case with threads should take: short, since it is run often
#define CASE_SECONDS 0.3

// Kill the program if it takes longer than this: a deadlock ends as a signal
#define DEADLOCK_SECONDS 45

#endif
