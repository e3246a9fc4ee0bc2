// SPDX-License-Identifier: MIT
// Test Anything Protocol, version 13: one line per case, and below a failed
// one a diagnostic per failed check with its place and values.
//
//     static void adds_up(void) { CHECK_EQ(1 + 1, 2); }
//
//     int main(void) { TAP_RUN(adds_up); return tap_end(); }
//
// A failed check does not end its case.  Checks may be made by any thread.
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Run one case, a function without arguments, under its own name
#define TAP_RUN(function) tap_run(#function, function)

// Each is true if the check passed
#define CHECK(condition) tap_check((condition), #condition, __FILE__, __LINE__)
#define CHECK_EQ(actual, expected)                                                                 \
  tap_check_equal((intmax_t)(actual), (intmax_t)(expected), #actual, __FILE__, __LINE__)
#define CHECK_PTR(actual, expected)                                                                \
  tap_check_pointer((actual), (expected), #actual, __FILE__, __LINE__)
#define CHECK_STR(actual, expected)                                                                \
  tap_check_string((actual), (expected), #actual, __FILE__, __LINE__)

// Whether all of `size` bytes equal `byte`
#define CHECK_FILLED(mem, size, byte)                                                              \
  tap_check_filled((mem), (size), (byte), #mem, __FILE__, __LINE__)

void tap_run(const char *name, void (*function)(void));

// Mark the running case as skipped; it should then return.
void tap_skip(const char *reason);

// Whether a check of the running case has failed up to now.
bool tap_failed(void);

// Print the plan.  Returns the exit status of the program.
int tap_end(void);

bool tap_check(bool passed, const char *text, const char *file, int line);
bool tap_check_equal(
    intmax_t actual, intmax_t expected, const char *text, const char *file, int line);
bool tap_check_pointer(
    const void *actual, const void *expected, const char *text, const char *file, int line);
bool tap_check_string(
    const char *actual, const char *expected, const char *text, const char *file, int line);
bool tap_check_filled(
    const void *mem, size_t size, int byte, const char *text, const char *file, int line);

#endif
