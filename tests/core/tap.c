// SPDX-License-Identifier: MIT
#include "tap.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// At most so many failures are printed: a loop that fails must not bury the first
#define MAX_DIAGNOSTICS 20

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *skipped; // reason, in the running case
static unsigned n_failures; // failed checks of the running case
static unsigned n_cases;
static unsigned n_failed_cases;

static bool
report(bool passed, const char *file, int line, const char *format, ...)
{
  if (passed) {
    return true;
  }
  va_list args;
  va_start(args, format);
  (void)pthread_mutex_lock(&mutex);
  if (n_failures++ < MAX_DIAGNOSTICS) {
    printf("# %s:%d: ", file, line);
    vprintf(format, args);
    printf("\n");
    fflush(stdout);
  }
  (void)pthread_mutex_unlock(&mutex);
  va_end(args);
  return false;
}

static void *
end_at_once(void *unused)
{
  return unused;
}

// Once the process has had a second thread, the core uses atomic instructions
// (atomic.h): with TAP_BESIDE in the environment, all cases run that way
static void
begin(void)
{
  printf("TAP version 13\n");
  pthread_t thread;
  if (getenv("TAP_BESIDE") && !pthread_create(&thread, NULL, end_at_once, NULL)) {
    (void)pthread_join(thread, NULL);
  }
}

void
tap_run(const char *name, void (*function)(void))
{
  if (!n_cases) {
    begin();
  }
  ++n_cases;
  n_failures = 0;
  skipped    = NULL;
  // A case may fork, and the child would print buffered output a second time
  fflush(stdout);

  function();

  if (n_failures) {
    ++n_failed_cases;
    printf("not ok %u - %s\n", n_cases, name);
  } else if (skipped) {
    printf("ok %u - %s # SKIP %s\n", n_cases, name, skipped);
  } else {
    printf("ok %u - %s\n", n_cases, name);
  }
  fflush(stdout);
}

void
tap_skip(const char *reason)
{
  skipped = reason;
}

bool
tap_failed(void)
{
  return n_failures > 0;
}

int
tap_end(void)
{
  printf("1..%u\n", n_cases);
  return n_failed_cases ? 1 : 0;
}

bool
tap_check(bool passed, const char *text, const char *file, int line)
{
  return report(passed, file, line, "%s", text);
}

bool
tap_check_equal(intmax_t actual, intmax_t expected, const char *text, const char *file, int line)
{
  return report(actual == expected, file, line, "%s is %" PRIdMAX ", not %" PRIdMAX, text, actual,
                expected);
}

bool
tap_check_pointer(
    const void *actual, const void *expected, const char *text, const char *file, int line)
{
  return report(actual == expected, file, line, "%s is %p, not %p", text, actual, expected);
}

bool
tap_check_string(
    const char *actual, const char *expected, const char *text, const char *file, int line)
{
  const bool equal = actual && expected && !strcmp(actual, expected);
  return report(equal, file, line, "%s is \"%s\", not \"%s\"", text, actual ? actual : "(null)",
                expected ? expected : "(null)");
}

bool
tap_check_filled(
    const void *mem, size_t size, int byte, const char *text, const char *file, int line)
{
  const unsigned char *const bytes = (const unsigned char *)mem;
  const unsigned char wanted       = (unsigned char)byte;
  if (!size || (bytes[0] == wanted && !memcmp(bytes, bytes + 1, size - 1))) {
    return true; // if each byte equals the next, all equal the first
  }
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != wanted) {
      return report(false, file, line, "%s[%zu] of %zu is %#x, not %#x", text, i, size, bytes[i],
                    wanted);
    }
  }
  return true;
}
