// SPDX-License-Identifier: MIT
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>

// Seconds on a clock that only goes forward
double measure_seconds(void);

// Resident bytes of this process now, and at most up to now; 0 if not known
uint64_t measure_rss(void);
uint64_t measure_peak_rss(void);

#endif
