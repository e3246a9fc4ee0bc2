// SPDX-License-Identifier: MIT
// Handlers for the signals of a program that touches memory it must not touch.
#ifndef PTRS_OS_FAULT_H
#define PTRS_OS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "ptrs/status.h"

// Called in a signal handler with the address that was touched.
typedef void (*PtrsFaultFunction)(uintptr_t address);

// From now on call `function` at each SIGSEGV and SIGBUS that is caused by touching memory,
// and then pass the signal on to the handler that was installed before.  All calls name the
// same function.  Callers of this and of the next function hold one lock.  OS.
PtrsStatus ptrs_os_fault_watch(PtrsFaultFunction function);

// Take the handlers out.  NOT_SUPPORTED if the program has installed other handlers since,
// which may call these: then these stay, and only pass signals on.
PtrsStatus ptrs_os_fault_unwatch(void);

#endif
