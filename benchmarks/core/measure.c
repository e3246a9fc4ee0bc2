// SPDX-License-Identifier: MIT
#define _DEFAULT_SOURCE
#include "measure.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

double
measure_seconds(void)
{
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// A line of /proc/self/status, which counts KiB.  Not getrusage(2), whose peak
// may be that of the program that started this one.
static uint64_t
status_bytes(const char *name)
{
  char line[256];
  unsigned long long kib = 0;
  FILE *const file       = fopen("/proc/self/status", "r");
  if (!file) {
    return 0;
  }
  while (fgets(line, sizeof(line), file)) {
    if (!strncmp(line, name, strlen(name))) {
      (void)sscanf(line + strlen(name), "%llu", &kib);
      break;
    }
  }
  (void)fclose(file);
  return (uint64_t)kib * 1024;
}

void
measure_usage(Usage *usage)
{
  struct rusage used;
  (void)getrusage(RUSAGE_SELF, &used);
  usage->rss      = status_bytes("VmRSS:");
  usage->peak_rss = status_bytes("VmHWM:");
  usage->faults   = (uint64_t)used.ru_minflt + (uint64_t)used.ru_majflt;
  usage->user     = (double)used.ru_utime.tv_sec + 1e-6 * (double)used.ru_utime.tv_usec;
  usage->system   = (double)used.ru_stime.tv_sec + 1e-6 * (double)used.ru_stime.tv_usec;
}
