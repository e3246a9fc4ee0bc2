// SPDX-License-Identifier: MIT
// Programs that are meant to die, each in a child process: its exit status or signal,
// and its standard error, byte for byte, must be those that are expected.
#ifndef DEATH_H
#define DEATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *name;
  void (*run)(void); // in the child; a return is an exit with status 0
  int signal;        // that ends the program, or 0
  int status;        // of its exit, if no signal ends it
} Death;

// Run each in a case of its own.  Returns the exit status of the program.
int death_run(const Death *deaths, size_t n_deaths);

// Whether a handler gets the address of a fault: for 32-bit ARM, qemu gives none or
// a wrong one.
bool tells_addresses(void);

// Whether a handler gets that address also when the fault's signal is raised again.
bool tells_last_fault(void);

// In the child: exit at once, also from a signal handler.
_Noreturn void leave(int status);

// In the child: add to the expected text of standard error.
void expect(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Expect the report of a fault at `address`, which lies `where` seen from a block.
void expect_fault(const void *address,
                  const char *where,
                  const char *kind,
                  const char *bytes,
                  const void *mem,
                  const char *label);

#endif
