// SPDX-License-Identifier: MIT
// Signals of a program that touches memory which it must not touch.
#ifndef PTRS_OS_FAULT_H
#define PTRS_OS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "ptrs/status.h"

// Called in a signal handler, with the address that was touched.
typedef void (*PtrsFaultFunction)(uintptr_t address);

// From now on call `function`, always the same one, at each SIGSEGV and SIGBUS
// that comes of touching memory, and then do what had been done without it.
// Callers of this and of the next function take turns.  OS.
PtrsStatus ptrs_os_fault_watch(PtrsFaultFunction function);

// Take the handlers out.  NOT_SUPPORTED if others have been installed above
// them: they stay, do nothing but pass signals on.
PtrsStatus ptrs_os_fault_unwatch(void);

#endif
