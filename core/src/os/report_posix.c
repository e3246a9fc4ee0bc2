// SPDX-License-Identifier: MIT
#ifndef _GNU_SOURCE
#  define _GNU_SOURCE // dup3
#endif

#include "os/report.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

// Without this flag, a write to a socket without a reader sends SIGPIPE
#ifndef MSG_NOSIGNAL
#  define MSG_NOSIGNAL 0
#endif

// Programs take lower numbers for the standard files, even while these are closed
#define FIRST_FD 3

static bool
is_file(const PtrsOsReport *report, const struct stat *state)
{
  return (uint64_t)state->st_dev == report->device && (uint64_t)state->st_ino == report->inode;
}

static bool
is_ours(const PtrsOsReport *report, struct stat *state)
{
  return !fstat(report->fd, state) && is_file(report, state);
}

// Open a pipe or a terminal anew, so that writing does not wait; -1 for other files.  The
// O_NONBLOCK flag of the given descriptor is not ours: the program and others share it.
static int
open_anew(int fd, mode_t mode)
{
#if defined(__linux__)
  char path[32];
  if (S_ISFIFO(mode) || (S_ISCHR(mode) && isatty(fd))) {
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  }
#endif
  (void)fd;
  (void)mode;
  return -1;
}

static int
copy(int fd, const PtrsOsReport *wanted, mode_t mode)
{
  struct stat state;
  const int opened = open_anew(fd, mode);
  if (opened < FIRST_FD || fstat(opened, &state) || !is_file(wanted, &state)) {
    if (opened >= 0) {
      (void)close(opened);
    }
    return fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
  }
  return opened;
}

// Let the descriptor `to`, which is ours, stand for the file of `from`
static bool
move(int from, int to)
{
#if defined(__APPLE__)
  return dup2(from, to) == to && fcntl(to, F_SETFD, FD_CLOEXEC) != -1;
#else
  return dup3(from, to, O_CLOEXEC) == to;
#endif
}

PtrsStatus
ptrs_os_report_open(int fd, const PtrsOsReport *old, PtrsOsReport *made)
{
  struct stat state;
  struct stat old_state;
  const int flags = fcntl(fd, F_GETFL);
  if (flags == -1 || (flags & O_ACCMODE) == O_RDONLY || fstat(fd, &state)) {
    return PTRS_STATUS_BAD_ARG;
  }
  PtrsOsReport report = {
      .device = (uint64_t)state.st_dev,
      .inode  = (uint64_t)state.st_ino,
  };
  report.fd = copy(fd, &report, state.st_mode);
  if (report.fd < 0) {
    return PTRS_STATUS_OS;
  }
  if (old && is_ours(old, &old_state) && move(report.fd, old->fd)) {
    (void)close(report.fd);
    report.fd = old->fd;
  }
  *made = report;
  return PTRS_STATUS_SUCCESS;
}

void
ptrs_os_report_close(const PtrsOsReport *report)
{
  struct stat state;
  if (is_ours(report, &state)) {
    (void)close(report->fd);
  }
}

// Whether a write would not wait; false, too, where the other end has been closed
static bool
can_write(int fd, int wait_ms)
{
  struct pollfd entry = {.fd = fd, .events = POLLOUT};
  int found           = 0;
  do {
    found = poll(&entry, 1, wait_ms);
  } while (found < 0 && errno == EINTR);
  return found == 1 && !(entry.revents & (POLLERR | POLLHUP | POLLNVAL));
}

void
ptrs_os_report_write(const PtrsOsReport *report, const char *text, size_t size, int wait_ms)
{
  const int saved = errno;
  struct stat state;
  const bool is_open = is_ours(report, &state);
  while (is_open && size && can_write(report->fd, wait_ms)) {
    const ssize_t n_written = S_ISSOCK(state.st_mode)
                                  ? send(report->fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL)
                                  : write(report->fd, text, size);
    if (n_written > 0) {
      text += n_written;
      size -= (size_t)n_written;
      wait_ms = 0; // the reader has been waited for once
    } else if (errno != EINTR) {
      break;
    }
  }
  errno = saved;
}
