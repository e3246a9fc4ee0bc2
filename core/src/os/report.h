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

// Make one of an open descriptor.  It is closed by exec, and inherited by fork.
//
// `old`: one that this is in place of, or NULL.  Its number is kept, so that a
// thread which is writing to it meets the new file and no other.
//
// BAD_ARG: `fd` is not open, or not for writing; OS: there are no descriptors left.
PtrsStatus ptrs_os_report_open(int fd, const PtrsOsReport *old, PtrsOsReport *made);

void ptrs_os_report_close(const PtrsOsReport *report);

// Write a line, or nothing of it where it would have to wait for more than
// `wait_ms` for whoever reads: that may be a thread which waits for the caller.
// Of a stream socket that is nearly full, a part may get through.
// Async-signal-safe.
void ptrs_os_report_write(const PtrsOsReport *report, const char *text, size_t size, int wait_ms);

#endif
