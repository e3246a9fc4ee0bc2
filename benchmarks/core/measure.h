// SPDX-License-Identifier: MIT
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>

// Seconds on a clock that only goes forward
double measure_seconds(void);

typedef struct {
  uint64_t rss;      // bytes that are resident, which are touched pages; 0 if not known
  uint64_t peak_rss; // at most up to now
  uint64_t faults;   // of pages
  double user;       // seconds
  double system;
} Usage;

// What this process has used up to now
void measure_usage(Usage *usage);

#endif
