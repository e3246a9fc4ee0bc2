// SPDX-License-Identifier: MIT
// A file for reports: a descriptor of our own, which stays when the one that it
// was made of is closed, and which is written to without ever waiting long.
#ifndef PTRS_OS_REPORT_H
#define PTRS_OS_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "ptrs/status.h"

// The file is remembered as well: programs close descriptors that they do not
// know, and the number may be another file's by now.
typedef struct {
  int fd;
  uint64_t device;
  uint64_t inode;
} PtrsOsReport;

// Make a report of an open descriptor, by copying that.  exec closes the copy, fork keeps it.
//
// `old` is a report that the new one replaces, or NULL.  The new report takes over the number
// of its descriptor, so that a thread that is writing to the old report meets the new file.
//
// BAD_ARG: `fd` is not open, or not for writing; OS: there are no descriptors left.
PtrsStatus ptrs_os_report_open(int fd, const PtrsOsReport *old, PtrsOsReport *made);

void ptrs_os_report_close(const PtrsOsReport *report);

// Write a line, or nothing if the reader does not make room within `wait_ms`: the reader may
// be a thread that waits for the caller.  A stream socket that is nearly full may take a part
// of the line.  Async-signal-safe.
void ptrs_os_report_write(const PtrsOsReport *report, const char *text, size_t size, int wait_ms);

#endif
