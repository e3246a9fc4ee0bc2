// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "death.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "tap.h"

#define SECONDS 30
#define TEXT_SIZE 4096

static const Death *running;
static int expected_fd;

#ifdef COVERAGE
extern void __gcov_dump(void);
#endif

void
leave(int status)
{
#ifdef COVERAGE
  __gcov_dump(); // _exit(2) does not write the coverage data
#endif
  _exit(status);
}

bool
tells_addresses(void)
{
#if defined(__arm__)
  return !under_emulator();
#else
  return true;
#endif
}

bool
tells_last_fault(void)
{
#if !defined(__linux__)
  return false;
#elif defined(__x86_64__) || defined(__i386__) || defined(__aarch64__) || defined(__arm__)
  return tells_addresses();
#else
  return false;
#endif
}

void
expect(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  (void)vdprintf(expected_fd, format, args);
  va_end(args);
}

void
expect_fault(const void *address,
             const char *where,
             const char *kind,
             const char *bytes,
             const void *mem,
             const char *label)
{
  expect("pointers: fault at 0x%" PRIxPTR ": %s of a %s block of %s at 0x%" PRIxPTR "%s%s%s\n",
         (uintptr_t)address, where, kind, bytes, (uintptr_t)mem, label ? " (" : "",
         label ? label : "", label ? ")" : "");
}

// The text in a pipe whose writers have ended
static void
read_all(int fd, char *text)
{
  size_t size = 0;
  for (ssize_t n_read = 1; n_read > 0 && size < TEXT_SIZE - 1; size += (size_t)n_read) {
    n_read = read(fd, text + size, TEXT_SIZE - 1 - size);
    if (!CHECK(n_read >= 0)) {
      break;
    }
  }
  text[size] = '\0';
  (void)close(fd);
}

static void
be_child(int error_fd, int expected)
{
  const struct rlimit no_core = {0, 0};
  (void)setrlimit(RLIMIT_CORE, &no_core);
  (void)alarm(SECONDS);
  (void)dup2(error_fd, STDERR_FILENO);
  expected_fd = expected;
  running->run();
  leave(0);
}

// Take out the line that the emulator adds when its program dies
static void
drop_emulator(char *text)
{
  char *const start = strstr(text, "qemu: uncaught target signal");
  if (start && under_emulator()) {
    *start = '\0';
  }
}

static void
run_one(void)
{
  if (under_valgrind()) {
    tap_skip("valgrind reports the faults as well, on standard error");
    return;
  }
  int error[2];
  int expected[2];
  if (!CHECK(!pipe(error)) || !CHECK(!pipe(expected))) {
    return;
  }
  const pid_t pid = fork();
  if (!CHECK(pid >= 0)) {
    return;
  }
  if (!pid) {
    be_child(error[1], expected[1]);
  }
  (void)close(error[1]);
  (void)close(expected[1]);
  char written[TEXT_SIZE];
  char wanted[TEXT_SIZE];
  read_all(error[0], written);
  drop_emulator(written);
  read_all(expected[0], wanted);
  int status = 0;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_EQ(WIFSIGNALED(status) ? WTERMSIG(status) : 0, running->signal);
  if (!running->signal) {
    CHECK_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, running->status);
  }
  CHECK_STR(written, wanted);
}

int
death_run(const Death *deaths, size_t n_deaths)
{
  for (size_t i = 0; i < n_deaths; ++i) {
    running = &deaths[i];
    tap_run(running->name, run_one);
  }
  return tap_end();
}
