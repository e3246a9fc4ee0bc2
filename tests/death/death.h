// SPDX-License-Identifier: MIT
// Programs that are meant to die, each in a child process: how it ended and what
// it wrote on standard error are compared to what was expected, byte for byte.
#ifndef DEATH_H
#define DEATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *name;
  void (*run)(void); // in the child; a return is an exit with status 0
  int signal;        // that ends it, or 0
  int status;        // with which it exits, if no signal ends it
} Death;

// Run each in a case of its own.  Returns the exit status of the program.
int death_run(const Death *deaths, size_t n_deaths);

// Whether the address of a fault is known; of 32-bit ARM, qemu tells it neither
// always nor right.
bool tells_addresses(void);

// Whether it is known once the signal of the fault is raised again.
bool tells_last_fault(void);

// In the child: exit at once, also from a signal handler.
_Noreturn void leave(int status);

// In the child: add to what it will have written on standard error.
void expect(const char *format, ...) __attribute__((format(printf, 1, 2)));

// A fault at `address`, `where` seen from a block, as it is to be reported.
void expect_fault(const void *address,
                  const char *where,
                  const char *kind,
                  const char *bytes,
                  const void *mem,
                  const char *label);

#endif
